/** `mailgw-ctl user`: who the platform may post as, and which addresses they write from. */
import { randomBytes } from 'node:crypto';
import { badInput, usage } from '../../actions/fault.ts';
import { foldAddress, foldDomain, splitAddress } from '../../mail/address.ts';
import { parseRcpt } from '../../mail/envelope.ts';
import { leftIn, type Rate, type SavedBucket, untilFull, userBucket } from '../../mail/rate.ts';
import { SALT_BYTES } from '../../mail/token.ts';
import type { Session } from '../../site/session.ts';
import type { User } from '../../store/directory.ts';
import type { Store } from '../../store/store.ts';
import { isoTime } from '../../system/iso-time.ts';
import { isPrintable } from '../../system/printable.ts';
import type { CommandGroup, CommandSpec, Context, Input } from '../command.ts';
import {
  currentSalt,
  findUser,
  noteMissingAddress,
  saltFingerprint,
  unknownUser,
  userRow,
} from '../known-user.ts';
import { withStore } from '../session.ts';
import { printDone, printRow, printRows, type Row } from '../terminal/print.ts';
import { noteNamesake, printRemoved, remove, restore } from './removal.ts';

const MAX_NAME_OCTETS = 255;

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
      const name = readName(input.argument());
      const addresses = readAddresses(input, session);
      const salt = randomBytes(SALT_BYTES);
      const user = await session.store.addUser({ name, addresses, salt, now: Date.now() });
      if (user === undefined) {
        throw badInput(`user "${name}": exists already; "mailgw-ctl user set" changes a user`);
      }
      noteMissingAddress(user, session, context);
      await noteNamesake(user, context, session.store);
      printDone(context.output, userRow(user), `user ${name} added${addressList(addresses)}`);
    }),
};

const set: CommandSpec = {
  words: 'set <user>',
  summary: 'replace the addresses a user writes from',
  options: [ADDRESS_OPTION, { flags: '--no-addresses', doc: 'take all addresses away' }],
  examples: ['set alice --address alice@example.com --address alice@work.example'],
  run: (input, context) =>
    withStore(context, async (session) => {
      const addresses = readAddresses(input, session);
      // Commander turns --no-addresses into addresses = false.
      const clears = input.turnedOff('addresses');
      if (clears === addresses.length > 0) {
        throw usage('user set: expected --address ADDRESS, once or several times, or --no-addresses');
      }
      const user = await change(session.store, input.argument(), { addresses });
      noteMissingAddress(user, session, context);
      printDone(context.output, userRow(user), `user ${user.name} changed${addressList(addresses)}`);
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
    withStore(context, async ({ store, config }) => {
      const user = await findUser(store, input.argument());
      const bucket = await store.bucket(userBucket(user.number));
      const { hard, soft, lastAt } = await store.bounceCounts(user.name);
      printRow(context.output, {
        ...detailRow(user),
        hard_bounces: hard,
        soft_bounces: soft,
        last_bounce_at: isoTime(lastAt),
        replies_left: repliesLeft(config.rate.perUser, bucket),
      });
    }),
};

const disable: CommandSpec = {
  words: 'disable <user>',
  summary: 'refuse all replies of a user until they are enabled again',
  examples: ['disable alice'],
  run: (input, context) => setEnabled(input, context, false),
};

const enable: CommandSpec = {
  words: 'enable <user>',
  summary: 'accept the replies of a disabled user again',
  examples: ['enable alice'],
  run: (input, context) => setEnabled(input, context, true),
};

/** The commands on users. */
export const userGroup: CommandGroup = {
  name: 'user',
  summary: 'who may reply, and from which addresses',
  commands: [add, set, list, show, disable, enable, remove, restore],
};

async function change(store: Store, name: string, what: Parameters<Store['setUser']>[1]): Promise<User> {
  if (!(await store.setUser(name, what))) throw await unknownUser(store, name);
  return findUser(store, name);
}

function setEnabled(input: Input, context: Context, enabled: boolean): Promise<void> {
  return withStore(context, async ({ store }) => {
    const user = await change(store, input.argument(), { enabled });
    const sentence = enabled ? 'enabled' : 'disabled; their replies are refused';
    printDone(context.output, userRow(user), `user ${user.name} ${sentence}`);
  });
}

function readName(name: string): string {
  if (
    name.trim() !== name ||
    name === '' ||
    !isPrintable(name) ||
    Buffer.byteLength(name) > MAX_NAME_OCTETS
  ) {
    throw badInput(
      `user "${name}": expected 1 to ${MAX_NAME_OCTETS} octets without control characters or spaces around them`,
    );
  }
  return name;
}

function readAddresses(input: Input, session: Session): string[] {
  const { domain } = session.config.reply;
  const found = new Map<string, string>();
  for (const address of input.list('address')) {
    const parsed = parseRcpt(`TO:<${address}>`);
    const parts = splitAddress(address);
    if (!parsed.ok || parsed.value !== address || parts === undefined || !isPrintable(address)) {
      throw badInput(`--address "${address}": is not a mail address; expected one such as alice@example.com`);
    }
    if (foldDomain(parts.domain) === foldDomain(domain)) {
      throw badInput(`--address "${address}": is in reply.domain; expected the address the user writes from`);
    }
    found.set(foldAddress(address), address);
  }
  return [...found.values()];
}

function addressList(addresses: readonly string[]): string {
  return addresses.length === 0 ? '' : `, writing from ${addresses.join(', ')}`;
}

/** What rate.per_user leaves a user now; null when there is no limit. */
function repliesLeft(rate: Rate | 'off', bucket: SavedBucket | undefined): number | null {
  if (rate === 'off') return null;
  return bucket === undefined ? rate.count : leftIn(untilFull(bucket, Date.now(), rate), 0, rate);
}

function detailRow(user: User): Row {
  const current = currentSalt(user);
  const graceEnds = user.salts.flatMap(({ endsAt }) => (endsAt === undefined ? [] : [endsAt]));
  return {
    ...userRow(user),
    salt_fingerprint: current === undefined ? null : saltFingerprint(current.salt),
    salt_created_at: isoTime(current?.createdAt),
    grace_ends_at: isoTime(graceEnds.length === 0 ? undefined : Math.max(...graceEnds)),
  };
}
