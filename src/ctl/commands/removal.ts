/**
 * `mailgw-ctl user remove` and `restore`: out of everybody's sight, and back within 30 days; or gone for good.
 *
 * Contract: a name may have been several people's. What a command cannot tell apart it asks for by number, and does nothing.
 */

import { usage } from '../../actions/fault.ts';
import { restorableUntil } from '../../actions/users.ts';
import type { Person } from '../../api/own-actions.ts';
import { userRow } from '../../api/shown.ts';
import type { RemovedUser } from '../../store/directory.ts';
import type { Store } from '../../store/store.ts';
import { isoTime } from '../../system/iso-time.ts';
import { type DoIt, withActions } from '../act.ts';
import type { CommandSpec, Context, Input } from '../command.ts';
import { noteMissingAddress } from '../known-user.ts';
import { confirm, YES_OPTION } from '../terminal/confirm.ts';
import { printDone, printNote, printRows, type Row } from '../terminal/print.ts';

/** The command that removes. */
export const remove: CommandSpec = {
  words: 'remove <user>',
  summary:
    'remove a user, which voids every reply address they hold; "user restore" takes it back for 30 days',
  options: [
    { flags: '--forever', doc: 'erase them at once, removed before or not: no restore' },
    { flags: '--number <number>', doc: 'with --forever: which one, where several had the name' },
    YES_OPTION,
  ],
  examples: ['remove alice', 'remove alice --forever'],
  run: (input, context) =>
    withActions(context, async (act) => {
      if (input.flag('forever')) return erase(input, context, act);
      if (input.text('number') !== undefined)
        throw usage('user remove: expected --number together with --forever');
      const user = await act('findUser', { user: input.argument() });
      const removed = { ...user, removedAt: Date.now() };
      const until = isoTime(restorableUntil(removed)) ?? '';
      const undo = `"mailgw-ctl user restore ${user.name}" takes it back until ${until}`;
      await confirm(
        input,
        context.output,
        `user remove ${user.name}: their reply addresses are void; ${undo}`,
      );
      await act('removeUser', { user: user.name, now: removed.removedAt });
      printDone(
        context.output,
        { ...userRow(user), ...removalRow(removed) },
        `user ${user.name} removed; their reply addresses are void. ${undo}`,
      );
    }),
};

/** The command that restores. */
export const restore: CommandSpec = {
  words: 'restore <user>',
  summary: 'bring back a user who was removed within 30 days, with their reply addresses and held replies',
  options: [{ flags: '--number <number>', doc: 'which one, where several of the name were removed' }],
  examples: ['restore alice', 'restore alice --number 7'],
  run: (input, context) =>
    withActions(context, async (act, config) => {
      const name = input.argument();
      const order = { user: name, number: input.text('number') };
      const { user, released, leftOut } = await act('restoreUser', order);
      for (const { address, user: other } of leftOut) {
        const all = [...user.addresses, address].map((each) => `--address ${each}`).join(' ');
        printNote(
          context.output,
          `${address} is an address of user ${other} now, and was left out; if it is ${name}'s as well: mailgw-ctl user set ${name} ${all}`,
        );
      }
      noteMissingAddress(user, config, context);
      printDone(
        context.output,
        { ...userRow(user), released, left_out: leftOut.map(({ address }) => address) },
        `user ${name} restored, with their reply addresses; ${heldReplies(released)}`,
      );
    }),
};

/** Prints the users who were removed and are not erased yet. */
export async function printRemoved({ output }: Context, store: Store): Promise<void> {
  const users = await store.removedUsers();
  printRows(
    output,
    users.map((user) => ({
      user: user.name,
      number: user.number,
      addresses: user.addresses,
      ...removalRow(user),
    })),
    [
      { key: 'user', shrinks: true },
      { key: 'number' },
      { key: 'addresses', shrinks: true },
      { key: 'removed_at' },
      { key: 'restorable_until' },
    ],
    'No user was removed within 30 days.',
  );
}

/** Says that a new user is not the one who had the name before. */
export function noteNamesake(user: Person, before: RemovedUser | undefined, { output }: Context): void {
  if (before === undefined) return;
  const { name } = user;
  const number = String(before.number);
  printNote(
    output,
    `another user ${name}, number ${number}, was removed at ${isoTime(before.removedAt) ?? ''}: their reply addresses stay void, and this is a new user. If it is the same one: mailgw-ctl user remove ${name} --forever --number ${user.number}; mailgw-ctl user restore ${name} --number ${number}`,
  );
}

async function erase(input: Input, { output }: Context, act: DoIt): Promise<void> {
  const name = input.argument();
  const wanted = { user: name, number: input.text('number') };
  const { number, addresses } = await act('findErasable', wanted);
  const what = `user ${name}, number ${number}, and their reply addresses are gone for good`;
  await confirm(input, output, `user remove --forever: ${what}`);
  await act('eraseUser', { user: name, number: String(number) });
  printDone(output, { user: name, number, addresses, restorable_until: null }, what);
}

function removalRow(user: Pick<RemovedUser, 'removedAt'>): Row {
  return { removed_at: isoTime(user.removedAt), restorable_until: isoTime(restorableUntil(user)) };
}

function heldReplies(released: number): string {
  if (released === 0) return 'none of their replies was held';
  return released === 1
    ? 'a reply that was held is ready to be posted'
    : `${released} replies that were held are ready to be posted`;
}
