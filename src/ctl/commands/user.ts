/** `mailgw-ctl user`: who the platform may post as, and which addresses they write from. */
import { badInput, usage } from '../../actions/fault.ts';
import {
  currentSalt,
  type PutEntry,
  saltFingerprint,
  showUser,
  type UserDetail,
} from '../../actions/users.ts';
import type { Person } from '../../api/own-actions.ts';
import { userRow } from '../../api/shown.ts';
import { show } from '../../config/kinds.ts';
import type { Config } from '../../site/config.ts';
import { isoTime } from '../../system/iso-time.ts';
import { type DoIt, faultOf, withActions } from '../act.ts';
import type { CommandGroup, CommandSpec, Context, Input } from '../command.ts';
import { forEachBatch } from '../json-lines.ts';
import { noteMissingAddress } from '../known-user.ts';
import { withStore } from '../session.ts';
import { printDone, printObject, printRow, printRows, printText, type Row } from '../terminal/print.ts';
import { noteNamesake, printRemoved, remove, restore } from './removal.ts';
import { importCommand } from './user-import.ts';

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
    withActions(context, async (act, config) => {
      const order = { user: input.argument(), addresses: input.list('address') };
      const { user, namesake } = await act('addUser', order);
      noteMissingAddress(user, config, context);
      noteNamesake(user, namesake, context);
      printDone(context.output, userRow(user), `user ${user.name} added${writing(user)}`);
    }),
};

const set: CommandSpec = {
  words: 'set <user>',
  summary: 'replace the addresses a user writes from',
  options: [ADDRESS_OPTION, { flags: '--no-addresses', doc: 'take all addresses away' }],
  examples: ['set alice --address alice@example.com --address alice@work.example'],
  run: (input, context) =>
    withActions(context, async (act, config) => {
      const addresses = input.list('address');
      // Commander turns --no-addresses into addresses = false.
      const clears = input.turnedOff('addresses');
      if (clears === addresses.length > 0) {
        throw usage('user set: expected --address ADDRESS, once or several times, or --no-addresses');
      }
      const user = await act('changeUser', { user: input.argument(), addresses });
      noteMissingAddress(user, config, context);
      printDone(context.output, userRow(user), `user ${user.name} changed${writing(user)}`);
    }),
};

const put: CommandSpec = {
  words: 'put [user]',
  summary: 'bring a user to a state, added if need be; without a name or with "-", many from JSON lines',
  options: [
    ADDRESS_OPTION,
    { flags: '--no-addresses', doc: 'take all addresses away' },
    { flags: '--enabled', doc: 'accept their replies; a new user is enabled without it' },
    { flags: '--disabled', doc: 'refuse their replies' },
  ],
  examples: [
    'put alice --address alice@example.com --address alice@work.example',
    'put alice --disabled',
    'put - < users.jsonl',
  ],
  run: (input, context) =>
    withActions(context, (act, config) => {
      const [name = '-'] = input.args;
      return name === '-' ? putMany(act, context) : putOne(act, config, name, input, context);
    }),
};

async function putOne(
  act: DoIt,
  config: Config,
  name: string,
  input: Input,
  context: Context,
): Promise<void> {
  if (input.flag('enabled') && input.flag('disabled'))
    throw usage('user put: --enabled and --disabled exclude each other');
  const given = input.list('address');
  const addresses = given.length > 0 || input.turnedOff('addresses') ? given : undefined;
  const enabled = input.flag('disabled') ? false : input.flag('enabled') ? true : undefined;
  const [result] = await act('putUsers', { entries: [{ user: name, addresses, enabled }] });
  if (result === undefined || 'failed' in result)
    throw result === undefined ? badInput(name) : faultOf(result);
  const user = await act('findUser', { user: name });
  noteMissingAddress(user, config, context);
  printDone(context.output, { ...userRow(user), result: result.kind }, `user ${name} ${result.kind}`);
}

/** Brings the users of standard input to their states, a transaction for each batch. */
async function putMany(act: DoIt, context: Context): Promise<void> {
  const { output } = context;
  const counts = { created: 0, changed: 0, unchanged: 0 };
  try {
    await forEachBatch(context, async (lines) => {
      const read = lines.map(({ value }) => readEntry(value));
      const entries = read.filter((entry) => typeof entry !== 'string');
      const results = (await act('putUsers', { entries })).values();
      return read.map((entry) => {
        if (typeof entry === 'string') return entry;
        const result = results.next().value;
        if (result === undefined || 'failed' in result) return result?.failed.problems.join('; ');
        counts[result.kind] += 1;
        if (output.json) printObject(output, { user: entry.user, result: result.kind });
        return undefined;
      });
    });
  } finally {
    const { created, changed, unchanged } = counts;
    const sentence = `${created} users created, ${changed} changed, ${unchanged} unchanged`;
    if (!output.json) printText(output, sentence);
  }
}

const ENTRY_KEYS: readonly string[] = ['user', 'addresses', 'enabled'];

/** Reads the entry of a line; a text says what is wrong with it. */
function readEntry(line: Readonly<Record<string, unknown>>): PutEntry | string {
  const unknown = Object.keys(line).find((key) => !ENTRY_KEYS.includes(key));
  if (unknown !== undefined) return `${unknown}: unknown key; expected ${ENTRY_KEYS.join(', ')}`;
  const { user, addresses, enabled } = line;
  if (typeof user !== 'string') return `user: ${show(user)} is not a text`;
  if (addresses !== undefined && !isTexts(addresses))
    return `addresses: ${show(addresses)} is not a list of addresses`;
  if (enabled !== undefined && typeof enabled !== 'boolean')
    return `enabled: ${show(enabled)} is not true or false`;
  return { user, addresses, enabled };
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

const rename: CommandSpec = {
  words: 'rename <user> <new-name>',
  summary: 'give a user another name; number, addresses and all reply addresses stay',
  examples: ['rename alice alice.cooper'],
  run: (input, context) =>
    withActions(context, async (act) => {
      const user = await act('renameUser', { from: input.argument(), to: input.argument(1) });
      printDone(
        context.output,
        userRow(user),
        `user ${input.argument()} is ${user.name} now; their reply addresses stay good`,
      );
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

const showOne: CommandSpec = {
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
  commands: [add, set, put, importCommand, rename, list, showOne, disable, enable, remove, restore],
};

function enableUser(input: Input, context: Context, enabled: boolean): Promise<void> {
  return withActions(context, async (act) => {
    const user = await act('changeUser', { user: input.argument(), enabled });
    const sentence = enabled ? 'enabled' : 'disabled; their replies are refused';
    printDone(context.output, userRow(user), `user ${user.name} ${sentence}`);
  });
}

/** Says which addresses a user writes from, in the order in which they were given. */
function writing({ addresses }: Person): string {
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
