/** What a command says of a user beside what it shows. */
import { lacksAddress } from '../actions/users.ts';
import type { Config } from '../site/config.ts';
import type { User } from '../store/directory.ts';
import type { Context } from './command.ts';
import { printNote } from './terminal/print.ts';

/** Says where a user could not reply for want of an address. */
export function noteMissingAddress(
  user: Pick<User, 'name' | 'addresses'>,
  config: Config,
  { output }: Context,
): void {
  if (!lacksAddress({ config }, user)) return;
  printNote(
    output,
    `user ${user.name} has no address, and sender.policy = "strict" takes replies from registered addresses only; "mailgw-ctl user set ${user.name} --address ADDRESS" registers one`,
  );
}
