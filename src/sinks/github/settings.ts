/** The settings of the github sink. */
import type { SinkPolicy } from '../../reply/escape.ts';
import { attribution, platformSettings } from '../platform/settings.ts';
import { USER_TOKENS } from '../platform/user-tokens.ts';
import type { SinkSetting } from '../sink-kind.ts';

/** What GitHub must not act upon: the account of the sink may name teams that a user may not. */
export const GITHUB_INERT: SinkPolicy = { mentions: true, references: false, commands: true, closing: true };

/** The line above a reply, unless the site has another. */
export const ATTRIBUTION = '{user} wrote by mail:';

const COMMON = platformSettings({
  name: 'GitHub',
  example: 'https://api.github.com',
  token:
    'a personal access token of the account that posts, with the right to write issues and pull requests',
  inert: GITHUB_INERT,
});

/** The settings by their names in the file. */
export const GITHUB_SETTINGS = {
  ...COMMON,
  url: {
    ...COMMON.url,
    doc: 'The address of the interface: `https://api.github.com`, or `https://github.example.org/api/v3` of a server of your own.',
  },
  attribution: attribution(ATTRIBUTION),
  user_tokens: USER_TOKENS,
} as const satisfies Readonly<Record<string, SinkSetting>>;
