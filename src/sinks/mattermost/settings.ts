/** The settings of the Mattermost sink. */
import * as kind from '../../config/kinds.ts';
import { attribution, platformSettings } from '../platform/settings.ts';
import { USER_TOKENS } from '../platform/user-tokens.ts';

/** The keys of a `[sink]` with `type = "mattermost"`. */
export const MATTERMOST_SETTINGS = {
  ...platformSettings({
    name: 'Mattermost',
    example: 'https://chat.example.com',
    token: 'the access token of a bot account',
    // Posts of the interface run no slash command, and a number links to nothing there.
    inert: { mentions: true, references: false, commands: false, closing: false },
  }),
  attribution: attribution('**{user}** by e-mail:'),
  user_tokens: USER_TOKENS,
  site: {
    ...kind.text(
      '',
      'The host of the Site URL, which notifications of Mattermost bear; those of another host are not recognised.',
      'the name of a host',
      (host) => /^[A-Za-z0-9._-]*$/.test(host),
    ),
    unset: 'the host of `url`; with a Unix socket, any',
  },
} as const;
