/**
 * What is known of the hosts of a store, in rows: for `host list`, `stats` and `top`. Metrics name no host: whoever reads
 * them asks each daemon, and knows which one answered.
 */
import type { HostView } from '../store/hosts.ts';
import type { Store } from '../store/store.ts';
import { isoTime } from '../system/iso-time.ts';

/** A host in the figures. */
export type HostFigures = {
  readonly host: string;
  readonly state: string;
  readonly leased: number;
  readonly taken: number;
  readonly posted: number;
};

const figuresOf = ({ name, state, leased, taken, posted }: HostView): HostFigures => ({
  host: name,
  state,
  leased,
  taken,
  posted,
});

/** Gives a host as a row. */
export function hostRow(view: HostView) {
  const { host, state, ...figures } = figuresOf(view);
  return {
    host,
    state,
    version: view.version,
    schema: view.schemaVersion,
    started_at: isoTime(view.startedAt),
    seen_at: isoTime(view.seenAt),
    clock_ahead_ms: view.clockMs,
    ...figures,
  };
}

/** The columns of figures by host. */
export const HOST_COLUMNS = [
  ...['host', 'state', 'leased'].map((key) => ({ key })),
  { key: 'taken', title: 'taken in 1h' },
  { key: 'posted', title: 'posted in 1h' },
];

/** Gives the figures of the hosts since a time, by default of an hour; undefined where there are not several. */
export async function hostFigures(
  store: Pick<Store, 'listHosts'>,
  since?: number,
): Promise<readonly HostFigures[] | undefined> {
  const hosts = await store.listHosts(since);
  return hosts.length > 1 ? hosts.map(figuresOf) : undefined;
}
