/** The settings of the github sink. */
import { attribution, platformSettings } from '../platform/settings.ts';
import { USER_TOKENS } from '../platform/user-tokens.ts';
import type { SinkSetting } from '../sink-kind.ts';

const COMMON = platformSettings({
  name: 'GitHub',
  example: 'https://api.github.com',
  token:
    'a personal access token of the account that posts, with the right to write issues and pull requests',
  // The account of the sink may name teams that a user may not.
  inert: { mentions: true, references: false, commands: true, closing: true },
});

/** The settings by their names in the file. */
export const GITHUB_SETTINGS = {
  ...COMMON,
  url: {
    ...COMMON.url,
    doc: 'The address of the interface: `https://api.github.com`, or `https://github.example.org/api/v3` of a server of your own.',
  },
  attribution: attribution('{user} wrote by mail:'),
  user_tokens: USER_TOKENS,
} as const satisfies Readonly<Record<string, SinkSetting>>;
