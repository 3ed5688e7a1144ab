/** `mailgw-ctl queue shape`: how many items there are by state and age, as qshape(1) shows Postfix's queue. */
import { readSelection } from '../../actions/items.ts';
import { ITEM_STATES } from '../../store/item.ts';
import type { CommandSpec } from '../command.ts';
import { OPEN_OPTION, SELECTION_OPTIONS, selectionOf } from '../selection.ts';
import { withStore } from '../session.ts';
import { printRows } from '../terminal/print.ts';

const MINUTE_MS = 60_000;

/** The ages told apart, from the youngest; the rest is older. */
const AGES = [
  { key: '1m', ms: MINUTE_MS },
  { key: '10m', ms: 10 * MINUTE_MS },
  { key: '1h', ms: 60 * MINUTE_MS },
  { key: '6h', ms: 360 * MINUTE_MS },
  { key: '1d', ms: 1440 * MINUTE_MS },
  { key: '7d', ms: 10_080 * MINUTE_MS },
];

const KEYS = [...AGES.map(({ key }) => `until_${key}`), 'older'];

/** `queue shape`. */
export const shapeCommand: CommandSpec = {
  words: 'shape',
  summary: 'count items by state and age',
  options: [...SELECTION_OPTIONS, OPEN_OPTION],
  examples: ['shape', 'shape --open', 'shape --user alice --json'],
  run: (input, context) =>
    withStore(context, async ({ config, store }) => {
      const now = Date.now();
      const counts = await store.shape(
        readSelection(config, selectionOf(input)),
        AGES.map(({ ms }) => now - ms),
      );
      const rows = ITEM_STATES.flatMap((state) => {
        const own = counts.filter((count) => count.state === state);
        if (own.length === 0) return [];
        const items = own.reduce((sum, { count }) => sum + count, 0);
        const bytes = own.reduce((sum, count) => sum + count.bytes, 0);
        const ages = KEYS.map((key, age) => [key, own.find((count) => count.age === age)?.count ?? 0]);
        return [{ state, items, ...(Object.fromEntries(ages) as Record<string, number>), bytes }];
      });
      const columns = ['state', 'items', ...KEYS, 'bytes'].map((key) => ({ key }));
      printRows(context.output, rows, columns, 'No item matches.');
    }),
};
