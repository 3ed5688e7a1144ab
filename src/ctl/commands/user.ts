/** `mailgw-ctl user`: who the platform may post as, and which addresses they write from. */
import { usage } from '../../actions/fault.ts';
import {
  addUser,
  changeUser,
  currentSalt,
  readAddresses,
  saltFingerprint,
  showUser,
  type UserDetail,
} from '../../actions/users.ts';
import type { Session } from '../../site/session.ts';
import { isoTime } from '../../system/iso-time.ts';
import type { CommandGroup, CommandSpec, Context, Input } from '../command.ts';
import { noteMissingAddress, userRow } from '../known-user.ts';
import { withStore } from '../session.ts';
import { printDone, printRow, printRows, type Row } from '../terminal/print.ts';
import { noteNamesake, printRemoved, remove, restore } from './removal.ts';

const ADDRESS_OPTION = {
  flags: '--address <address>',
  doc: 'an address the user writes from; may be given several times',
  repeats: true,
} as const;

const add: CommandSpec = {
  words: 'add <user>',
  summary: 'add a user under the name that the platform knows',
  options: [ADDRESS_OPTION],
  examples: [
    'add alice --address alice@example.com',
    'add bob --address bob@example.com --address bob@home.example',
  ],
  run: (input, context) =>
    withStore(context, async (session) => {
      const { user, namesake } = await addUser(session, input.argument(), input.list('address'));
      noteMissingAddress(user, session, context);
      noteNamesake(user, namesake, context);
      printDone(context.output, userRow(user), `user ${user.name} added${writing(input, session)}`);
    }),
};

const set: CommandSpec = {
  words: 'set <user>',
  summary: 'replace the addresses a user writes from',
  options: [ADDRESS_OPTION, { flags: '--no-addresses', doc: 'take all addresses away' }],
  examples: ['set alice --address alice@example.com --address alice@work.example'],
  run: (input, context) =>
    withStore(context, async (session) => {
      const addresses = readAddresses(session, input.list('address'));
      // Commander turns --no-addresses into addresses = false.
      const clears = input.turnedOff('addresses');
      if (clears === addresses.length > 0) {
        throw usage('user set: expected --address ADDRESS, once or several times, or --no-addresses');
      }
      const user = await changeUser(session, input.argument(), { addresses });
      noteMissingAddress(user, session, context);
      printDone(context.output, userRow(user), `user ${user.name} changed${writing(input, session)}`);
    }),
};

const list: CommandSpec = {
  words: 'list',
  summary: 'list all users',
  options: [
    {
      flags: '--removed',
      doc: 'list those who were removed within 30 days, and until when they can come back',
    },
  ],
  examples: ['list', 'list --json', 'list --removed'],
  run: (input, context) =>
    withStore(context, async ({ store }) => {
      if (input.flag('removed')) return printRemoved(context, store);
      const users = await store.listUsers();
      printRows(
        context.output,
        users.map(userRow),
        [
          { key: 'user', shrinks: true },
          { key: 'number' },
          { key: 'enabled' },
          { key: 'addresses', shrinks: true },
          { key: 'created_at' },
        ],
        'There are no users; "mailgw-ctl user add" adds one.',
      );
    }),
};

const show: CommandSpec = {
  words: 'show <user>',
  summary: 'show one user',
  examples: ['show alice'],
  run: (input, context) =>
    withStore(context, async (session) => {
      printRow(context.output, detailRow(await showUser(session, input.argument())));
    }),
};

const disable: CommandSpec = {
  words: 'disable <user>',
  summary: 'refuse all replies of a user until they are enabled again',
  examples: ['disable alice'],
  run: (input, context) => enableUser(input, context, false),
};

const enable: CommandSpec = {
  words: 'enable <user>',
  summary: 'accept the replies of a disabled user again',
  examples: ['enable alice'],
  run: (input, context) => enableUser(input, context, true),
};

/** The commands on users. */
export const userGroup: CommandGroup = {
  name: 'user',
  summary: 'who may reply, and from which addresses',
  commands: [add, set, list, show, disable, enable, remove, restore],
};

function enableUser(input: Input, context: Context, enabled: boolean): Promise<void> {
  return withStore(context, async (session) => {
    const user = await changeUser(session, input.argument(), { enabled });
    const sentence = enabled ? 'enabled' : 'disabled; their replies are refused';
    printDone(context.output, userRow(user), `user ${user.name} ${sentence}`);
  });
}

/** Says which addresses were given, in the order in which they were. */
function writing(input: Input, session: Session): string {
  const addresses = readAddresses(session, input.list('address'));
  return addresses.length === 0 ? '' : `, writing from ${addresses.join(', ')}`;
}

function detailRow({ user, bounces, repliesLeft }: UserDetail): Row {
  const current = currentSalt(user);
  const graceEnds = user.salts.flatMap(({ endsAt }) => (endsAt === undefined ? [] : [endsAt]));
  return {
    ...userRow(user),
    salt_fingerprint: current === undefined ? null : saltFingerprint(current.salt),
    salt_created_at: isoTime(current?.createdAt),
    grace_ends_at: isoTime(graceEnds.length === 0 ? undefined : Math.max(...graceEnds)),
    hard_bounces: bounces.hard,
    soft_bounces: bounces.soft,
    last_bounce_at: isoTime(bounces.lastAt),
    replies_left: repliesLeft,
  };
}
