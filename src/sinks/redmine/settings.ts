/** The settings of the Redmine sink. */
import * as kind from '../../config/kinds.ts';
import { platformSettings } from '../platform/settings.ts';
import type { SinkSetting } from '../sink-kind.ts';

/** The settings by their names in the file. */
export const REDMINE_SETTINGS = {
  ...platformSettings({
    name: 'Redmine',
    example: 'https://redmine.example.org',
    token: 'the API key of an administrator (My account, API access key)',
    // Redmine knows neither commands nor closing words in notes.
    inert: { mentions: true, references: true, commands: false, closing: false },
  }),
  format: {
    ...kind.oneOf(
      ['textile', 'markdown'],
      'textile',
      'The text formatting that Redmine is set to (Administration, Settings, General); `"markdown"` is both of its Markdowns.',
    ),
    unset: '`textile`',
  },
  host: {
    ...kind.text(
      '',
      "The host name of Redmine's own settings, as it stands in `X-Redmine-Host` of its notifications: only those are recognised. Empty takes any.",
      "a host name, with its port where Redmine's setting has one",
      (host) => host === '' || /^[\x21-\x7e]+$/.test(host),
    ),
    unset: 'any',
  },
} as const satisfies Readonly<Record<string, SinkSetting>>;
