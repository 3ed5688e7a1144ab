/** The settings of the Matrix sink. */
import * as kind from '../../config/kinds.ts';
import { isPrintable } from '../../system/printable.ts';
import { attribution, platformSettings } from '../platform/settings.ts';

/** The keys of a `[sink]` with `type = "matrix"`. */
export const MATRIX_SETTINGS = {
  ...platformSettings({
    name: 'the homeserver',
    example: 'https://matrix.example.com',
    token: 'the access token of a bot, or the `as_token` of an application service',
    // Servers before Matrix 1.7 look for "@room" in the text.
    inert: { mentions: true, references: false, commands: false, closing: false },
  }),
  attribution: attribution('**{user}** by e-mail:'),
  post_as: {
    ...kind.oneOf(
      ['bot', 'user'],
      'bot',
      '`"user"`: an application service posts as the user, whom `map` or `user` names.',
    ),
    unset: '`bot`',
  },
  user: {
    ...kind.text(
      '',
      'The Matrix id of users whom `map` does not name: `@{user}:example.com`.',
      'a Matrix id with {user}',
      (id) => id === '' || (isPrintable(id) && /^@[^:\s]*\{user\}[^:\s]*:\S+$/.test(id)),
    ),
    unset: 'only whom `map` names',
  },
  threads: {
    ...kind.oneOf(
      ['thread', 'reply'],
      'thread',
      '`"thread"`: replies to an event stand in its thread; `"reply"`: in the room, as replies to the event.',
    ),
    unset: '`thread`',
  },
} as const;
