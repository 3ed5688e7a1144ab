/** A queue item as commands show one. */
import type { ItemView } from '../store/item.ts';
import { isoTime } from '../system/iso-time.ts';
import type { Row } from './terminal/print.ts';

/** Shows an item as `queue list` does. */
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

/** Shows an item as `queue show` does: the same, and what only one item needs. */
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
