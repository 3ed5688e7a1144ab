/** What is known of each sink, in rows; of a site with one sink in the fields that it always had. */
import { NO_LANE } from '../mail/lane.ts';
import type { Config } from '../site/config.ts';
import { lanesOf } from '../site/sinks.ts';
import type { QueueCounts } from '../store/figures.ts';
import { isoTime } from '../system/iso-time.ts';

/** A sink in a row. */
export type SinkRow = {
  readonly sink: string;
  readonly state: string;
  readonly since: string | null;
  /** What is not settled of its items. */
  readonly open: number;
  readonly diagnostic: string | null;
};

/** The only sink. */
export interface OnlySink {
  readonly sink: string;
  readonly sink_since: string | null;
  readonly sink_diagnostic: string | null;
}

/** Gives the sinks of a site that has several, and what is for none; undefined where it has one. */
export function sinkRows(config: Config, { sinks, lanes }: QueueCounts): readonly SinkRow[] | undefined {
  if (lanesOf(config).length === 0) return undefined;
  const openOf = (name: string): number => lanes.find(({ lane }) => lane === name)?.open ?? 0;
  const rows = config.sinks.map(({ name }): SinkRow => {
    const status = sinks.find((each) => each.name === name);
    return {
      sink: name,
      state: status?.state ?? 'unknown',
      since: isoTime(status?.sinceAt),
      open: openOf(name),
      diagnostic: status?.diagnostic ?? null,
    };
  });
  const stray = openOf(NO_LANE);
  if (stray === 0) return rows;
  const diagnostic = 'no [[sink]] is for these threads: mailgw-ctl queue list --sink none';
  return [...rows, { sink: NO_LANE, state: 'missing', since: null, open: stray, diagnostic }];
}

/** Gives the only sink of a site. */
export function onlySink({ sinks: [status] }: QueueCounts): OnlySink {
  return {
    sink: status?.state ?? 'unknown',
    sink_since: isoTime(status?.sinceAt),
    sink_diagnostic: status?.diagnostic ?? null,
  };
}
