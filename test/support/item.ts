// New queue items for the tests of stores, with every field filled.

import { randomBytes } from 'node:crypto';
import { formatItemId, ITEM_ID_RANDOM_BYTES } from '../../src/mail/item-id.ts';
import type { ItemAcceptance } from '../../src/store/acceptance.ts';
import type { LeasedItem, NewItem } from '../../src/store/item.ts';
import type { Settlement } from '../../src/store/leases.ts';
import type { Store } from '../../src/store/store.ts';

/** The time at which the tests' items are received: 2026-11-20T09:15:00Z. */
export const NOW = Date.UTC(2026, 10, 20, 9, 15, 0);

/** The message of items that need none in particular. */
export const RAW = Buffer.from('From: alice@example.com\r\n\r\nhello\r\n');

/** An item of alice's with a fingerprint of its own. */
export function newItem(change: Partial<NewItem> = {}): NewItem {
  const id = formatItemId(change.receivedAt ?? NOW, randomBytes(ITEM_ID_RANDOM_BYTES));
  return {
    id,
    user: 'alice',
    thread: 'test/thread/1',
    repliedToAt: NOW - 60_000,
    fingerprint: randomBytes(16).toString('latin1'),
    messageId: `${id}@client.example.com`,
    reversePath: 'alice@example.com',
    receivedAt: NOW,
    hold: undefined,
    authentication: { policy: 'strict', result: 'pass' },
    spam: { score: 0.3, flagged: false },
    ...change,
  };
}

/** Commits items of one message; throws when there was no space. */
export async function accept(
  queue: Store,
  items: readonly NewItem[],
  raw: Uint8Array = RAW,
): Promise<readonly ItemAcceptance[]> {
  const result = await queue.accept(items, raw);
  if (result.kind !== 'committed') throw new Error('detail' in result ? result.detail : result.kind);
  return result.acceptances;
}

/** Commits one item and gives its id back. */
export async function queued(queue: Store, change: Partial<NewItem> = {}): Promise<string> {
  const item = newItem(change);
  await accept(queue, [item]);
  return item.id;
}

/** Leases what is due at `now`, for a minute. */
export async function lease(queue: Store, now = NOW, limit = 100): Promise<readonly LeasedItem[]> {
  return await queue.lease({ now, leaseMs: 60_000, limit });
}

/** The ids of items. */
export function ids(items: readonly { readonly id: string }[]): string[] {
  return items.map(({ id }) => id);
}

/** Settles one lease. */
export async function settle(
  queue: Store,
  { id, attempts }: Pick<LeasedItem, 'id' | 'attempts'>,
  settlement: Settlement,
): Promise<void> {
  await queue.settle([{ id, attempts, settlement }]);
}

/** A deferral until `dueAt`. */
export function deferredUntil(dueAt: number, workerDied = false): Settlement {
  return { kind: 'deferred', at: NOW, dueAt, diagnostic: 'sink: 503', workerDied };
}

/** A post at the time of the tests. */
export const POSTED: Settlement = { kind: 'posted', at: NOW };

/** A failure at the time of the tests. */
export const FAILED: Settlement = { kind: 'failed', at: NOW, diagnostic: 'sink: 422' };
