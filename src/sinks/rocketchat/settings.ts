/** The settings of the Rocket.Chat sink. */
import * as kind from '../../config/kinds.ts';
import { attribution, platformSettings } from '../platform/settings.ts';

/** The keys of a `[sink]` with `type = "rocketchat"`. */
export const ROCKETCHAT_SETTINGS = {
  ...platformSettings({
    name: 'Rocket.Chat',
    example: 'https://chat.example.com',
    token: 'the user id of the bot and its personal access token, as `ID:TOKEN`',
    // Messages of the interface run no slash command, and a number links to nothing there.
    inert: { mentions: true, references: false, commands: false, closing: false },
  }),
  attribution: attribution('**{user}** by e-mail:'),
  post_as: {
    ...kind.oneOf(
      ['bot', 'alias'],
      'bot',
      '`"alias"`: messages of the bot bear the name of the user instead of the line; it needs the right `message-impersonate`.',
    ),
    unset: '`bot`',
  },
  max_chars: {
    ...kind.integer(
      5000,
      100,
      1_000_000,
      'The characters that a message may have: `Message_MaxAllowedSize` of Rocket.Chat.',
    ),
    unset: '`5000`',
  },
} as const;
