/** The queue and the gate in figures. */
import type { Session } from '../site/session.ts';
import type { BounceCounts, QueueCounts } from '../store/figures.ts';
import { ITEM_STATES, type ItemState } from '../store/item.ts';
import type { Store } from '../store/store.ts';
import { readSince } from './time.ts';

/** The figures. */
export interface Stats {
  /** The time from which they are; undefined for all time. */
  readonly since: number | undefined;
  readonly counts: QueueCounts;
  /** Items by state; only those received since then, where a time was given. */
  readonly byState: Readonly<Record<ItemState, number>>;
  readonly verdicts: Awaited<ReturnType<Store['verdicts']>>;
  /** Bounces are counted without their time. */
  readonly bounces: BounceCounts | undefined;
}

/** Takes the figures, of the time since then where one is given. */
export async function takeStats({ store }: Session, given: string | undefined): Promise<Stats> {
  const since = readSince(given);
  const bounces = await store.bounceCounts();
  const counts = await store.counts();
  return {
    since,
    counts,
    byState: since === undefined ? counts.byState : await receivedSince(store, since),
    verdicts: await store.verdicts(since),
    bounces: since === undefined ? bounces : undefined,
  };
}

async function receivedSince(store: Store, since: number): Promise<Readonly<Record<ItemState, number>>> {
  const counts = await store.shape({ since }, []);
  const countOf = (state: ItemState): number => counts.find((found) => found.state === state)?.count ?? 0;
  return Object.fromEntries(ITEM_STATES.map((state) => [state, countOf(state)])) as Record<ItemState, number>;
}
