/** A user of the store as commands show one. */
import { lacksAddress } from '../actions/users.ts';
import type { Session } from '../site/session.ts';
import type { User } from '../store/directory.ts';
import { isoTime } from '../system/iso-time.ts';
import type { Context } from './command.ts';
import { printNote, type Row } from './terminal/print.ts';

/** Shows a user as a row of output. */
export function userRow(user: User): Row {
  return {
    user: user.name,
    number: user.number,
    enabled: user.enabled,
    addresses: user.addresses,
    created_at: isoTime(user.createdAt),
  };
}

/** Says where a user could not reply for want of an address. */
export function noteMissingAddress(user: User, session: Session, { output }: Context): void {
  if (!lacksAddress(session, user)) return;
  printNote(
    output,
    `user ${user.name} has no address, and sender.policy = "strict" takes replies from registered addresses only; "mailgw-ctl user set ${user.name} --address ADDRESS" registers one`,
  );
}
