/**
 * `mailgw-ctl queue`: the replies on their way, held, posted and failed.
 *
 * Contract: an item is named by its id or a unique beginning of it. `cat` gives the message byte for byte,
 * unless it would go to a terminal.
 */
import { ITEM_STATES, type ItemFilter, type ItemState, type ItemView, type Store } from '../queue/queue.ts';
import type { CommandGroup, CommandSpec, Context, Input } from './command.ts';
import { badInput, usage } from './fault.ts';
import { findItem, itemDetailRow, itemRow, readState } from './item.ts';
import { printBytes, printDone, printNote, printObject, printRow, printRows } from './print.ts';
import { actionCommands } from './queue-actions.ts';
import { withStore } from './session.ts';
import { parseTime, TIME_FORMS } from './time.ts';

const DEFAULT_LIMIT = 1000;

const list: CommandSpec = {
  words: 'list',
  summary: 'list items, oldest first',
  options: [
    {
      flags: '--state <state>',
      doc: `only items in this state (${ITEM_STATES.join(', ')}); may be given several times`,
      repeats: true,
    },
    { flags: '--open', doc: 'only items that are not posted' },
    { flags: '--user <user>', doc: 'only items of this user' },
    { flags: '--thread <locator>', doc: 'only items of this thread' },
    { flags: '--since <time>', doc: 'only items received since then, such as 2026-11-19 or 3d' },
    { flags: '--limit <number>', doc: `at most so many (default: ${DEFAULT_LIMIT})` },
  ],
  examples: ['list --open', 'list --state failed --since 7d', 'list --user alice --json'],
  run: (input, context) =>
    withStore(context, async ({ store }) => {
      const limit = readLimit(input);
      const items = await listStates(store, readStates(input), { ...readFilter(input), limit: limit + 1 });
      printRows(
        context.output,
        items.slice(0, limit).map(itemRow),
        [
          { key: 'id' },
          { key: 'state' },
          { key: 'user', shrinks: true },
          { key: 'thread', shrinks: true },
          { key: 'received_at', title: 'received' },
          { key: 'attempts', title: 'tries' },
          { key: 'due_at', title: 'due' },
          { key: 'last_diagnostic', title: 'diagnostic', shrinks: true },
        ],
        'No item matches.',
      );
      if (items.length > limit) printNote(context.output, `there are more than ${limit}; --limit shows more`);
    }),
};

const show: CommandSpec = {
  words: 'show <id>',
  summary: 'show everything about one item but its message',
  examples: ['show 01hq3f'],
  run: (input, context) =>
    withStore(context, async ({ store }) => {
      printRow(context.output, itemDetailRow(await findItem(store, input.argument())));
    }),
};

const cat: CommandSpec = {
  words: 'cat <id>',
  summary: 'print the message of an item as it was received',
  examples: ['cat 01hq3f', 'cat 01hq3f > reply.eml'],
  run: (input, context) =>
    withStore(context, async ({ store }) => {
      const { id, state } = await findItem(store, input.argument());
      const content = await store.content(id);
      if (content === undefined) {
        throw badInput(`item ${id}: is ${state} and its message is not kept`);
      }
      if (context.output.json) {
        const base64 = Buffer.from(content).toString('base64');
        printObject(context.output, { id, bytes: content.length, content_base64: base64 });
      } else printBytes(context.output, content);
    }),
};

const pause: CommandSpec = {
  words: 'pause',
  summary: 'accept replies but post none, until resumed; attempts under way finish',
  examples: ['pause'],
  run: (_input, context) => setPaused(context, true),
};

const resume: CommandSpec = {
  words: 'resume',
  summary: 'post replies again',
  examples: ['resume'],
  run: (_input, context) => setPaused(context, false),
};

/** The commands on the queue. */
export const queueGroup: CommandGroup = {
  name: 'queue',
  summary: 'the replies that wait, failed or were posted',
  commands: [list, show, cat, ...actionCommands, pause, resume],
};

function setPaused(context: Context, paused: boolean): Promise<void> {
  return withStore(context, async ({ store }) => {
    await store.setPaused(paused);
    const sentence = paused ? 'the queue is paused; "mailgw-ctl queue resume" ends that' : 'the queue runs';
    printDone(context.output, { paused }, sentence);
  });
}

function readStates(input: Input): readonly (ItemState | undefined)[] {
  const named = input.list('state').map((text) => readState('--state', text));
  if (!input.flag('open')) return named.length > 0 ? [...new Set(named)] : [undefined];
  if (named.length > 0) throw usage('queue list: expected either --open or --state');
  return ITEM_STATES.filter((state) => state !== 'posted');
}

function readFilter(input: Input): ItemFilter {
  const since = input.text('since');
  const sinceMs = since === undefined ? undefined : parseTime(since, Date.now());
  if (since !== undefined && sinceMs === undefined)
    throw badInput(`--since "${since}": is not ${TIME_FORMS}`);
  return { user: input.text('user'), thread: input.text('thread'), since: sinceMs };
}

function readLimit(input: Input): number {
  const text = input.text('limit');
  if (text === undefined) return DEFAULT_LIMIT;
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw badInput(`--limit "${text}": is not a whole number from 1 to 999999999`);
  return Number(text);
}

/** Lists items of several states together, oldest first, at most `filter.limit`. */
async function listStates(
  store: Store,
  states: readonly (ItemState | undefined)[],
  filter: ItemFilter,
): Promise<readonly ItemView[]> {
  const lists = await Promise.all(states.map((state) => store.list({ ...filter, state })));
  if (lists.length === 1) return lists[0] ?? [];
  return lists
    .flat()
    .sort((a, b) => a.receivedAt - b.receivedAt)
    .slice(0, filter.limit);
}
