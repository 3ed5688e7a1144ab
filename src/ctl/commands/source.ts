/** `mailgw-ctl source`: the ways by which mail comes in. */
import type { CommandGroup } from '../command.ts';
import { confirmCommand } from './source-confirm.ts';

/** The commands on sources. */
export const sourceGroup: CommandGroup = {
  name: 'source',
  summary: 'mailboxes and providers that replies come from',
  commands: [confirmCommand],
};
