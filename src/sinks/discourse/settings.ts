/** The settings of the discourse sink. */
import * as kind from '../../config/kinds.ts';
import { isPrintable } from '../../system/printable.ts';
import { platformSettings } from '../platform/settings.ts';
import type { SinkSetting } from '../sink-kind.ts';

/** The account of every Discourse that may see everything. */
const SYSTEM = 'system';

/**
 * The settings of `type = "discourse"`. Discourse knows neither commands nor closing words nor references that leave a trace,
 * and a mention is checked against the rights of its author; the sink breaks those that call everybody.
 */
export const DISCOURSE_SETTINGS = {
  ...platformSettings({
    name: 'Discourse',
    example: 'https://forum.example.org',
    token: 'an API key for all users with the scope "global"',
    inert: { mentions: false, references: false, commands: false, closing: false },
  }),
  admin: {
    ...kind.text(
      SYSTEM,
      'The account in whose name mailgw looks for posts and users: one of an administrator.',
      'the name of an administrator',
      (name) => name !== '' && isPrintable(name),
    ),
    unset: `\`${SYSTEM}\``,
  },
} as const satisfies Readonly<Record<string, SinkSetting>>;
