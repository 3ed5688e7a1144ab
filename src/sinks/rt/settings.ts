/** The settings of Request Tracker's `[sink]`. */
import * as kind from '../../config/kinds.ts';
import { isPrintable } from '../../system/printable.ts';
import { attribution, platformSettings } from '../platform/settings.ts';
import { USER_TOKENS } from '../platform/user-tokens.ts';
import type { SinkSetting } from '../sink-kind.ts';

const isWord = (text: string): boolean => text !== '' && text.trim() === text && isPrintable(text);

/** The settings by their names in the file. */
export const RT_SETTINGS = {
  ...platformSettings({
    name: 'Request Tracker',
    example: 'https://rt.example.org',
    token: 'an authentication token of the account that posts, `1-27-` and 32 hexadecimal digits',
    inert: { mentions: false, references: false, commands: true, closing: true },
  }),
  attribution: attribution('{user} wrote by mail:'),
  user_tokens: USER_TOKENS,
  post_as: {
    ...kind.oneOf(
      ['correspond', 'comment'],
      'correspond',
      '`"correspond"`: the requestors get a reply as well; `"comment"`: it stays among the staff.',
    ),
    unset: '`correspond`',
  },
  closed: {
    ...kind.texts(
      ['deleted'],
      'Statuses in which a ticket takes no replies; in all others one opens it again, as one to Request Tracker itself does.',
      'a list of statuses',
      isWord,
    ),
    unset: '`["deleted"]`',
  },
  rtname: {
    ...kind.text(
      undefined,
      'Its `$rtname`: only notifications that bear it are recognised.',
      'a text of one line',
      isWord,
    ),
    unset: 'any name',
  },
} as const satisfies Readonly<Record<string, SinkSetting>>;
