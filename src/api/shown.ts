/** What the HTTP interface and mailgw-ctl show alike, in snake case; times in ISO 8601. */
import { fieldsOf, type Minted } from '../actions/mint.ts';
import { isDigest } from '../mail/reserved.ts';
import type { DigestPost } from '../store/digests.ts';
import type { User } from '../store/directory.ts';
import type { ItemView } from '../store/item.ts';
import type { NotificationView } from '../store/notifications.ts';
import type { NumberedVerdict } from '../store/past-verdicts.ts';
import { isoSeconds, isoTime } from '../system/iso-time.ts';

/** A post of a digest as it is shown. */
export interface ShownPost {
  readonly thread: string;
  readonly replied_to: string;
  readonly label: string;
}

/** Shows the posts of a digest. */
export const showPosts = (posts: readonly DigestPost[]): readonly ShownPost[] =>
  posts.map(({ thread, repliedToAt, label }) => ({
    thread,
    replied_to: isoSeconds(repliedToAt / 1000),
    label,
  }));

/** A minted address as it is shown. */
export interface ShownAddress {
  readonly reply_to: string;
  readonly message_id: string;
  readonly root_id: string;
  readonly envelope_from: string;
  readonly user: string;
  readonly thread: string | null;
  readonly posts: readonly ShownPost[] | null;
  readonly compose: string | null;
  readonly replied_to: string;
  readonly expires_at: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Shows a minted address. */
export function showMinted(minted: Minted): ShownAddress {
  return {
    reply_to: minted.replyTo,
    message_id: `<${minted.messageId}>`,
    root_id: `<${minted.rootId}>`,
    envelope_from: minted.replyTo,
    user: minted.user,
    thread: minted.thread ?? null,
    posts: minted.posts === undefined ? null : showPosts(minted.posts),
    compose: minted.container ?? null,
    replied_to: isoSeconds(minted.repliedTo),
    expires_at: isoSeconds(minted.expiresAt),
    headers: fieldsOf(minted),
  };
}

/** Shows an item as lists do. */
export function itemRow(item: ItemView) {
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
    ...(item.lane !== undefined && { sink: item.lane }),
  };
}

/** Shows everything about an item but its message. */
export function itemDetailRow(item: ItemView) {
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

/** Shows a notification. */
export function notificationRow(view: NotificationView) {
  return {
    id: view.id,
    state: view.state,
    user: view.user,
    thread: isDigest(view.thread) ? null : view.thread,
    message_id: `<${view.messageId}>`,
    replied_to: isoTime(view.repliedToAt),
    created_at: isoTime(view.createdAt),
    attempts: view.attempts,
    due_at: isoTime(view.dueAt),
    settled_at: isoTime(view.settledAt),
    last_diagnostic: view.lastDiagnostic ?? null,
  };
}

/** Shows a user. */
export function userRow(user: Omit<User, 'salts'>) {
  return {
    user: user.name,
    number: user.number,
    enabled: user.enabled,
    addresses: user.addresses,
    created_at: isoTime(user.createdAt),
  };
}

/** Shows a verdict by which a recipient got nothing. */
export function pastVerdictRow(verdict: NumberedVerdict) {
  return {
    at: isoTime(verdict.at),
    verdict: verdict.verdict,
    reason: verdict.reason,
    cause: verdict.cause ?? null,
    detail: verdict.detail ?? null,
    address: verdict.address ?? null,
    user: verdict.user ?? null,
    thread: verdict.thread ?? null,
    from_domain: verdict.fromDomain ?? null,
    message_id: verdict.messageId ?? null,
    queue_id: verdict.queueId ?? null,
    session: verdict.session,
  };
}
