/**
 * `mailgw-ctl salt`: the secrets that the users' reply addresses rest on.
 *
 * Contract: a salt is never printed, only a fingerprint by which two outputs can be compared.
 */
import { usage } from '../../actions/fault.ts';
import { listSalts, readGraceEnd } from '../../actions/salts.ts';
import { isoTime } from '../../system/iso-time.ts';
import { type DoIt, withActions } from '../act.ts';
import type { CommandGroup, CommandSpec, Input } from '../command.ts';
import { withStore } from '../session.ts';
import { confirm, YES_OPTION } from '../terminal/confirm.ts';
import { printDone, printRows } from '../terminal/print.ts';

/** Users whose salts are rotated together. */
const AT_ONCE = 250;

const rotate: CommandSpec = {
  words: 'rotate [user]',
  summary: 'give a user a new salt, which voids every reply address they hold',
  options: [
    { flags: '--all', doc: 'rotate the salt of every user' },
    YES_OPTION,
    { flags: '--grace <duration>', doc: 'let the old addresses work so long yet, such as 7d or 12h' },
  ],
  examples: ['rotate alice', 'rotate alice --grace 7d', 'rotate --all --grace 30d'],
  run: (input, context) =>
    withActions(context, async (act) => {
      const now = Date.now();
      const graceEndsAt = readGraceEnd(input.text('grace'), now);
      const until = isoTime(graceEndsAt);
      const users = await chosenUsers(input, act);
      if (input.flag('all')) await confirm(input, context.output, whatAll(users.length, until));
      for (let from = 0; from < users.length; from += AT_ONCE) {
        const some = users.slice(from, from + AT_ONCE);
        const { fingerprints } = await act('rotateSalts', { users: some, now, graceEndsAt });
        for (const [index, user] of some.entries())
          printDone(
            context.output,
            {
              user,
              salt_fingerprint: fingerprints[index] ?? '',
              created_at: isoTime(now),
              grace_ends_at: until,
            },
            `user ${user} has a new salt; addresses minted before ${until === null ? 'are void' : `work until ${until}`}`,
          );
      }
    }),
};

const list: CommandSpec = {
  words: 'list',
  summary: 'list the salts that verify, by fingerprint',
  examples: ['list'],
  run: (_input, context) =>
    withStore(context, async (session) => {
      const rows = (await listSalts(session)).map(({ user, fingerprint, createdAt, endsAt }) => ({
        user,
        salt_fingerprint: fingerprint,
        current: endsAt === undefined,
        created_at: isoTime(createdAt),
        ends_at: isoTime(endsAt),
      }));
      printRows(
        context.output,
        rows,
        [
          { key: 'user', shrinks: true },
          { key: 'salt_fingerprint', title: 'fingerprint' },
          { key: 'current' },
          { key: 'created_at' },
          { key: 'ends_at' },
        ],
        'There are no users; "mailgw-ctl user add" adds one.',
      );
    }),
};

/** The commands on salts. */
export const saltGroup: CommandGroup = {
  name: 'salt',
  summary: "the secrets behind the users' reply addresses",
  commands: [rotate, list],
};

function whatAll(users: number, until: string | null): string {
  return `salt rotate --all: every reply address of ${users} ${users === 1 ? 'user' : 'users'} ${until === null ? 'is void at once' : `works until ${until}`}`;
}

async function chosenUsers(input: Input, act: DoIt): Promise<readonly string[]> {
  const name = input.args[0];
  if ((name === undefined) !== input.flag('all')) {
    throw usage('salt rotate: expected either a user or --all');
  }
  return name === undefined ? await act('listNames', {}) : [(await act('findUser', { user: name })).name];
}
