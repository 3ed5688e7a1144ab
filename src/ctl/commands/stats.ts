/** `mailgw-ctl stats`: the queue and the gate in figures. */

import { takeStats } from '../../actions/stats.ts';
import { VERDICT_HOURS } from '../../store/figures.ts';
import { ITEM_STATES } from '../../store/item.ts';
import { isoTime } from '../../system/iso-time.ts';
import type { CommandSpec } from '../command.ts';
import { withStore } from '../session.ts';
import { onlySink, sinkRows } from '../sink-rows.ts';
import { mailboxFigures } from '../source-rows.ts';
import { printNote, printObject, printRow, printRows, printText } from '../terminal/print.ts';

const SINK_COLUMNS = [
  ...['sink', 'state', 'since', 'open'].map((key) => ({ key })),
  { key: 'diagnostic', shrinks: true },
];

const SOURCE_COLUMNS = [
  ...['source', 'waiting', 'failed', 'courtesies'].map((key) => ({ key })),
  { key: 'last_at', title: 'last written' },
];

const COLUMNS = ['verdict', 'reason', 'cause', 'count', 'last_at'].map((key) => ({ key }));

/** `stats`. */
export const statsCommand: CommandSpec = {
  words: 'stats',
  summary:
    'items by state, the oldest that waits, how the sink and the mailboxes do, and how often each verdict was given',
  options: [
    {
      flags: '--since <time>',
      doc: `only items received since then, and verdicts of that hour and later, at most ${VERDICT_HOURS / 24} days back`,
    },
  ],
  examples: ['stats', 'stats --since 1d', 'stats --json'],
  run: (input, context) =>
    withStore(context, async (session) => {
      const { since, counts, byState, bounces, ...stats } = await takeStats(session, input.text('since'));
      if (since !== undefined && Date.now() - since > VERDICT_HOURS * 3_600_000) {
        printNote(context.output, `verdicts are told apart by the hour for ${VERDICT_HOURS / 24} days only`);
      }
      const { oldestReceivedAt, paused } = counts;
      const sinks = sinkRows(session.config, counts);
      const sources = await mailboxFigures(session.config, session.store);
      const verdicts = stats.verdicts.map(({ verdict, reason, cause, count, lastAt }) => ({
        verdict,
        reason,
        cause: cause ?? null,
        count,
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
        ...(sinks === undefined && onlySink(counts)),
        hard_bounces: bounces?.hard ?? null,
        soft_bounces: bounces?.soft ?? null,
      };
      if (context.output.json) {
        printObject(context.output, {
          ...row,
          ...(sinks !== undefined && { sinks }),
          ...(sources !== undefined && { sources }),
          verdicts,
        });
        return;
      }
      printRow(context.output, row);
      printText(context.output, '');
      if (sinks !== undefined) {
        printRows(context.output, sinks, SINK_COLUMNS, '');
        printText(context.output, '');
      }
      if (sources !== undefined) {
        printRows(context.output, sources, SOURCE_COLUMNS, '');
        printText(context.output, '');
      }
      printRows(
        context.output,
        verdicts,
        COLUMNS,
        `no verdict is counted${since === undefined ? ' yet' : ' since then'}; mailgwd adds its counts every 10 seconds`,
      );
    }),
};
