/** `mailgw-ctl stats`: the queue in figures. */
import { ITEM_STATES } from '../queue/queue.ts';
import type { CommandSpec } from './command.ts';
import { printRow } from './print.ts';
import { withStore } from './session.ts';
import { isoTime } from './time.ts';

/** `stats`. */
export const statsCommand: CommandSpec = {
  words: 'stats',
  summary: 'items by state, the oldest that waits, whether the queue is paused, and how the sink does',
  examples: ['stats', 'stats --json'],
  run: (_input, context) =>
    withStore(context, async ({ store }) => {
      const bounces = await store.bounceCounts();
      const { byState, oldestReceivedAt, paused, sink } = await store.counts();
      printRow(context.output, {
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
      });
    }),
};
