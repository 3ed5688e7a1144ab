// What a 250 promises, held against the platform's book: nothing lost, nothing doubled, each thread in order.

import assert from 'node:assert/strict';
import type { Ledger } from './ledger.ts';
import type { Accepted, Senders } from './senders.ts';
import type { StoreContents } from './store-file.ts';

type Copy = Pick<Accepted, 'messageId' | 'user' | 'thread'>;

/** One copy of a message: what may be posted once. */
const nameOf = ({ messageId, user, thread }: Copy): string => `${messageId} for ${user} in ${thread}`;

/** Every recipient answered 250 so far has its item, in whatever state. */
export function assertKept(senders: Senders, store: StoreContents): void {
  const kept = new Set(store.items.map(nameOf));
  assert.deepEqual(
    senders.accepted.map(nameOf).filter((name) => !kept.has(name)),
    [],
    'accepted and lost',
  );
  assert.deepEqual(senders.wrongs, []);
}

/** Waits until everything accepted is posted, then checks that it is so once and in order. */
export async function assertDelivered(senders: Senders, ledger: Ledger, withinMs = 60_000): Promise<void> {
  const promised = new Set(senders.accepted.map(nameOf));
  const missing = (): string[] => {
    const posted = new Set(ledger.entries.map(nameOf));
    return [...promised].filter((name) => !posted.has(name));
  };
  await ledger.until(
    () => ledger.entries.length >= promised.size,
    () => `accepted and not posted: ${missing().join(', ')}`,
    withinMs,
  );
  assert.deepEqual(missing(), [], 'accepted and lost');
  const names = ledger.entries.map(nameOf);
  const seen = new Set<string>();
  const doubled = names.filter((name) => seen.size === seen.add(name).size);
  assert.deepEqual(doubled, [], 'posted under two keys');
  assert.deepEqual(
    names.filter((name) => !promised.has(name)),
    [],
    'posted and never accepted',
  );
  assertInOrder(senders, ledger);
}

/** What one sender sent into one thread was begun only after the last mail was accepted, and is posted in that order. */
function assertInOrder(senders: Senders, ledger: Ledger): void {
  const sent = new Map(senders.accepted.map((accepted) => [nameOf(accepted), accepted]));
  const last = new Map<string, number>();
  for (const entry of ledger.entries) {
    const { sender, number } = sent.get(nameOf(entry))!;
    const line = `${sender} ${entry.thread}`;
    assert.ok(number >= (last.get(line) ?? 0), `${nameOf(entry)} was overtaken`);
    last.set(line, number);
  }
}
