/** The settings of the zulip sink. */
import { attribution, platformSettings } from '../platform/settings.ts';
import type { SinkSetting } from '../sink-kind.ts';

/**
 * The settings of `type = "zulip"`. A bot posts, and Zulip checks the bot's rights: so nobody is told by a mention. Commands
 * cannot arise below the line that names the author, and Zulip closes nothing.
 */
export const ZULIP_SETTINGS = {
  ...platformSettings({
    name: 'Zulip',
    example: 'https://chat.example.org',
    token: 'the address and the API key of a bot, as `mailgw-bot@chat.example.org:KEY`',
    inert: { mentions: true, references: false, commands: true, closing: false },
  }),
  attribution: attribution('**{user}** by e-mail:'),
} as const satisfies Readonly<Record<string, SinkSetting>>;
