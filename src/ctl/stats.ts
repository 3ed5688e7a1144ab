/** `mailgw-ctl stats`: the queue and the gate in figures. */
import { ITEM_STATES } from '../queue/queue.ts';
import type { CommandSpec } from './command.ts';
import { printObject, printRow, printRows, printText } from './print.ts';
import { withStore } from './session.ts';
import { isoTime } from './time.ts';

const COLUMNS = ['verdict', 'reason', 'count', 'last_at'].map((key) => ({ key }));

/** `stats`. */
export const statsCommand: CommandSpec = {
  words: 'stats',
  summary: 'items by state, the oldest that waits, how the sink does, and how often each verdict was given',
  examples: ['stats', 'stats --json'],
  run: (_input, context) =>
    withStore(context, async ({ store }) => {
      const bounces = await store.bounceCounts();
      const { byState, oldestReceivedAt, paused, sink } = await store.counts();
      const verdicts = (await store.verdicts()).map(({ verdict, reason, count, lastAt }) => ({
        ...{ verdict, reason, count },
        last_at: isoTime(lastAt),
      }));
      const row = {
        ...Object.fromEntries(ITEM_STATES.map((state) => [state, byState[state]])),
        oldest_received_at: isoTime(oldestReceivedAt),
        oldest_age_seconds:
          oldestReceivedAt === undefined
            ? null
            : Math.max(0, Math.round((Date.now() - oldestReceivedAt) / 1000)),
        paused,
        sink: sink?.state ?? 'up',
        sink_since: isoTime(sink?.sinceAt),
        sink_diagnostic: sink?.diagnostic ?? null,
        hard_bounces: bounces.hard,
        soft_bounces: bounces.soft,
      };
      if (context.output.json) {
        printObject(context.output, { ...row, verdicts });
        return;
      }
      printRow(context.output, row);
      printText(context.output, '');
      printRows(context.output, verdicts, COLUMNS, 'no verdict was given yet');
    }),
};
