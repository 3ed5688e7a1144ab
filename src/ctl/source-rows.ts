/** What is known of sources, in rows: for `source list`, `stats` and `top`. */
import type { MailboxLook } from '../actions/mailbox-look.ts';
import type { SourceStatus } from '../actions/sources.ts';
import type { Config } from '../site/config.ts';
import type { OpenMessage } from '../store/mailboxes.ts';
import type { Store } from '../store/store.ts';
import { isoTime } from '../system/iso-time.ts';
import type { Row } from './terminal/print.ts';

/** Gives a source as a row. */
export function sourceRow({ name, kind, state, reason, mailbox }: SourceStatus, now: number): Row {
  const isOwned = (mailbox?.ownedUntil ?? 0) >= now;
  return {
    name,
    kind,
    state,
    reason: reason ?? null,
    account: mailbox?.account ?? null,
    uid_validity: mailbox?.uidValidity ?? null,
    high_water: mailbox?.highWater ?? null,
    walking: mailbox?.isWalking ?? null,
    waiting: mailbox?.waiting ?? null,
    failed: mailbox?.failed ?? null,
    courtesies: mailbox?.courtesies ?? null,
    owner: isOwned ? (mailbox?.owner ?? null) : null,
    owned_until: isOwned ? isoTime(mailbox?.ownedUntil) : null,
    last_at: isoTime(mailbox?.touchedAt),
  };
}

/** Gives a message that is not settled as a row. */
export function messageRow(message: OpenMessage): Row {
  const { source, uid, uidValidity, state, attempts, reason, dueAt, sinceAt } = message;
  return {
    source,
    uid,
    uid_validity: uidValidity,
    state,
    attempts,
    reason,
    due_at: isoTime(dueAt),
    since: isoTime(sinceAt),
  };
}

/** A mailbox in the figures. */
export type MailboxFigures = {
  readonly source: string;
  readonly waiting: number;
  readonly failed: number;
  readonly courtesies: number;
  readonly last_at: string | null;
};

/** Gives the figures of the mailboxes that the site has; undefined where it has none. */
export async function mailboxFigures(
  { imap }: Config,
  store: Pick<Store, 'listMailboxes'>,
): Promise<readonly MailboxFigures[] | undefined> {
  if (imap.each.length === 0) return undefined;
  const views = await store.listMailboxes();
  return imap.each.map(({ name }) => {
    const {
      waiting = 0,
      failed = 0,
      courtesies = 0,
      touchedAt,
    } = views.find(({ source }) => source === name) ?? {};
    return { source: name, waiting, failed, courtesies, last_at: isoTime(touchedAt) };
  });
}

/** Gives a look into a mailbox as one object. */
export function lookObject(name: string, look: MailboxLook): object {
  return {
    name,
    kind: 'imap',
    place: look.place,
    folder: look.folder,
    uid_validity: look.uidValidity,
    capabilities: look.capabilities,
    lacks: look.lacks.map(({ what, means, isNeeded }) => ({ what, means, needed: isNeeded })),
    messages: look.messages,
    would_take: look.wouldTake,
    because: look.because,
    looked_at: look.lookedAt,
    unread: look.unread,
    ours: look.ours,
    recipients: look.recipients,
    results: look.results.map(({ authservId, above, messages }) => {
      return { authserv_id: authservId, own_received: above, messages };
    }),
    authserv_id: look.advice?.authservId ?? null,
    own_received: look.advice?.ownReceived ?? null,
  };
}
