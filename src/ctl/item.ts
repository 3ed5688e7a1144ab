/** A queue item as commands name and show one. */

import { badInput } from '../actions/fault.ts';
import { ITEM_STATES, type ItemState, type ItemView } from '../store/item.ts';
import type { Store } from '../store/store.ts';
import { isoTime } from '../system/iso-time.ts';
import type { Row } from './terminal/print.ts';

/** Characters of an id that are enough to name an item, as long as no other begins with them. */
const LEAST_PREFIX = 6;

/** More items than any queue holds: a listing without a limit of its own. */
export const ALL_ITEMS = 2 ** 31 - 1;

/** The same object with the tokens in its texts hidden: mail of strangers, and what a sink said of it, may hold one. */
export function hideTokens<T extends object>(shown: T, mask: (text: string) => string): T {
  const entries = Object.entries(shown).map(([key, value]: [string, unknown]) => [
    key,
    typeof value === 'string' ? mask(value) : value,
  ]);
  return Object.fromEntries(entries) as T;
}

/** The item with this id, or whose id alone begins with it; otherwise a Fault. */
export async function findItem(store: Store, name: string): Promise<ItemView> {
  const exact = await store.get(name);
  if (exact !== undefined) return exact;
  const near =
    name.length < LEAST_PREFIX
      ? []
      : (await store.list({ limit: ALL_ITEMS })).filter(({ id }) => id.startsWith(name));
  const [only, another] = near;
  if (only === undefined) {
    throw badInput(`item "${name}": there is no such item; "mailgw-ctl queue list" shows them`);
  }
  if (another !== undefined) {
    throw badInput(
      `item "${name}": ${near.length} items begin so, ${only.id} and ${another.id} among them; give more of the id`,
    );
  }
  return only;
}

/** The state that a text names, or a Fault. */
export function readState(option: string, text: string): ItemState {
  const state = ITEM_STATES.find((known) => known === text);
  if (state === undefined) throw badInput(`${option} "${text}": is not one of ${ITEM_STATES.join(', ')}`);
  return state;
}

/** An item as `queue list` shows it. */
export function itemRow(item: ItemView): Row {
  return {
    id: item.id,
    state: item.state,
    user: item.user,
    thread: item.thread,
    message_id: item.messageId ?? null,
    received_at: isoTime(item.receivedAt),
    attempts: item.attempts,
    due_at: isoTime(item.dueAt),
    last_diagnostic: item.lastDiagnostic ?? null,
    bytes: item.bytes,
  };
}

/** An item as `queue show` shows it: the same, and what only one item needs. */
export function itemDetailRow(item: ItemView): Row {
  return {
    ...itemRow(item),
    replied_to: isoTime(item.repliedToAt),
    reverse_path: item.reversePath,
    bounce: item.bounce ?? null,
    hold_reason: item.holdReason ?? null,
    spam_score: item.spamScore ?? null,
    lease_until: isoTime(item.leaseUntil),
    settled_at: isoTime(item.settledAt),
  };
}
