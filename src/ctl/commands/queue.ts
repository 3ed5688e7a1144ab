/**
 * `mailgw-ctl queue`: the replies on their way, held, posted and failed.
 *
 * Contract: an item is named by its id or a unique beginning of it. `cat` gives the message byte for byte,
 * unless it would go to a terminal; all else that is shown has its tokens hidden.
 */

import { contentOf, findItem, hideTokens, readLimit, readSelection } from '../../actions/items.ts';
import { itemDetailRow, itemRow } from '../../api/shown.ts';
import { lanesOf } from '../../site/sinks.ts';
import { tokenMask } from '../../site/token-mask.ts';
import { withActions } from '../act.ts';
import type { CommandGroup, CommandSpec, Context } from '../command.ts';
import { OPEN_OPTION, SELECTION_OPTIONS, selectionOf } from '../selection.ts';
import { withStore } from '../session.ts';
import { printBytes, printDone, printNote, printObject, printRow, printRows } from '../terminal/print.ts';
import { actionCommands } from './queue-actions.ts';
import { shapeCommand } from './queue-shape.ts';

const DEFAULT_LIMIT = 1000;

const list: CommandSpec = {
  words: 'list',
  summary: 'list items, oldest first',
  options: [
    ...SELECTION_OPTIONS,
    OPEN_OPTION,
    { flags: '--limit <number>', doc: `at most so many (default: ${DEFAULT_LIMIT})` },
  ],
  examples: ['list --open', 'list --state failed --since 7d', 'list --user alice --json'],
  run: (input, context) =>
    withStore(context, async ({ config, store }) => {
      const mask = tokenMask(config);
      const limit = readLimit(input.text('limit') ?? String(DEFAULT_LIMIT));
      const items = await store.list({ ...readSelection(config, selectionOf(input)), limit: limit + 1 });
      printRows(
        context.output,
        items.slice(0, limit).map((item) => hideTokens(itemRow(item), mask)),
        [
          { key: 'id' },
          { key: 'state' },
          { key: 'user', shrinks: true },
          { key: 'thread', shrinks: true },
          ...(lanesOf(config).length > 0 ? [{ key: 'sink' }] : []),
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
    withStore(context, async ({ config, store }) => {
      const row = itemDetailRow(await findItem(store, input.argument()));
      printRow(context.output, hideTokens(row, tokenMask(config)));
    }),
};

const cat: CommandSpec = {
  words: 'cat <id>',
  summary: 'print the message of an item as it was received',
  examples: ['cat 01hq3f', 'cat 01hq3f > reply.eml'],
  run: (input, context) =>
    withStore(context, async ({ store }) => {
      const item = await findItem(store, input.argument());
      const content = await contentOf(store, item);
      if (context.output.json) {
        const base64 = Buffer.from(content).toString('base64');
        printObject(context.output, { id: item.id, bytes: content.length, content_base64: base64 });
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
  commands: [list, shapeCommand, show, cat, ...actionCommands, pause, resume],
};

function setPaused(context: Context, paused: boolean): Promise<void> {
  return withActions(context, async (act) => {
    await act('setPaused', { paused });
    const sentence = paused ? 'the queue is paused; "mailgw-ctl queue resume" ends that' : 'the queue runs';
    printDone(context.output, { paused }, sentence);
  });
}
