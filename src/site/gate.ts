/** The gate as a site configures it, for the daemon. */
import { randomBytes } from 'node:crypto';
import { createGate, type Gate, type GateOptions } from '../gate/gate.ts';
import { formatItemId, ITEM_ID_RANDOM_BYTES } from '../mail/item-id.ts';
import type { Log } from '../observe/log.ts';
import type { LogOutput } from '../observe/log-output.ts';
import type { Acceptance } from '../store/acceptance.ts';
import type { DiskSpace } from '../store/sqlite/disk-space.ts';
import type { Store } from '../store/store.ts';
import type { Doubts } from './doubts.ts';
import { gateRules } from './gate-rules.ts';
import { openAuthorNotices } from './notices.ts';
import type { Part } from './site.ts';

/** The ground of the gate, whatever is configured. */
export interface GateGround {
  readonly store: Store;
  /** The entrance of the queue. */
  readonly accept: Acceptance['accept'];
  readonly rates: GateOptions['rates'];
  readonly space: Pick<DiskSpace, 'isLow'>;
  readonly doubts: Doubts;
  readonly log: Log;
  readonly output: Pick<LogOutput, 'isStalled'>;
}

/** Makes the gate a part. */
export function gatePart({ store, accept, rates, space, doubts, log, output }: GateGround): Part<Gate> {
  const random = createRandomSource();
  return {
    reads: ['reply', 'sender', 'spam', 'notice', 'bounce', 'matching'],
    open: ({ settings: { config, peppers } }) =>
      createGate({
        ...gateRules(config, peppers, log),
        directory: store,
        doubt: doubts.doubt,
        storeLoss: doubts.loss,
        queue: { accept },
        receipts: store,
        notified: store,
        rates,
        authorNotices: openAuthorNotices(config, store),
        isSpaceLow: space.isLow,
        isLogStalled: () => output.isStalled,
        now: Date.now,
        newId: () => formatItemId(Date.now(), random(ITEM_ID_RANDOM_BYTES)),
      }),
  };
}

/** Gives random bytes cut from a larger draw: one call of the generator costs as much as a whole HMAC. */
function createRandomSource(): (bytes: number) => Buffer {
  let pool = Buffer.alloc(0);
  return (bytes) => {
    if (pool.length < bytes) pool = randomBytes(4096);
    const taken = pool.subarray(0, bytes);
    pool = pool.subarray(bytes);
    return taken;
  };
}
