/**
 * The entrance of the queue as the gate has it: where what came in meets what is delivered.
 *
 * Contract: items are committed with the dispatcher's wish to begin them at once, in one transaction; the buckets that they
 * emptied are in it, or beside it (gate/rates.ts). The space that they take is counted before it is taken.
 */
import type { Dispatchers } from '../delivery/dispatchers.ts';
import type { Rates } from '../gate/rates.ts';
import type { Acceptance, AcceptResult } from '../store/acceptance.ts';
import type { DiskSpace } from '../store/sqlite/disk-space.ts';

/** The ground of an entrance. */
export interface Entrance {
  readonly store: Acceptance;
  readonly space: Pick<DiskSpace, 'take'>;
  readonly rates: Pick<Rates, 'saveUrgent'>;
  readonly dispatchers: Pick<Dispatchers, 'of'>;
}

/** Builds the function that accepts the items of one message. */
export function createAccept({ store, space, rates, dispatchers }: Entrance): Acceptance['accept'] {
  return async (items, raw, _lease, receipt) => {
    space.take(raw.byteLength);
    const dispatcher = dispatchers.of(items);
    const wish = dispatcher.expect(items, raw.byteLength);
    let result: AcceptResult | undefined;
    try {
      const accepting = store.accept(items, raw, wish, receipt);
      rates.saveUrgent(); // in the same tick, and so in the same transaction
      result = await accepting;
      return result;
    } finally {
      dispatcher.arrived(wish, raw, result);
    }
  };
}
