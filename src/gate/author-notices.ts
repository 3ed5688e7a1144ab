/**
 * What the gate tells authors of replies that no item keeps: one that came too late and could not be refused, since
 * of a bound address only the message shows it; one that "strict" dropped; and one in a mailbox that is too large, of
 * which the header alone was read.
 *
 * Contract: as for every notice (G7), never for the null reverse-path or mail with a sign of a machine or a list.
 * `expired` and `oversize` go only to an author whom the sender policy passes. With `expired` the reply goes into the
 * store; of one that is too large nothing is kept, and its subject is all that the notice repeats.
 * `dropped` is for an author of whom there is no proof, so it is given out only where a forger gains the least by it:
 * From is the reverse-path; no Authentication-Results of anybody's speaks against From; the store knows that From has
 * passed for this user before, and told nobody for a day. It repeats nothing that the message says.
 */
import { foldAddress, type ReplyAddressForm } from '../mail/address.ts';
import { speaksAgainst } from '../mail/authentication.ts';
import type { SpoofCause } from '../mail/disposition.ts';
import type { Header } from '../mail/header.ts';
import type { Mailbox } from '../mail/mailbox.ts';
import { draftNotice, type NoticeKind } from '../mail/notice.ts';
import type { Authentication } from '../mail/origin.ts';
import { createTokenMask } from '../mail/token-mask.ts';
import type { User } from '../store/directory.ts';
import type { NewNotice } from '../store/notices.ts';
import type { End } from './trail.ts';

/** The gate's findings about a reply that ended. */
export interface EndedReply {
  readonly user: User;
  readonly reversePath: string;
  readonly author: Mailbox;
  /** Whether it bears a sign of a machine or a list. */
  readonly hasSign: boolean;
  readonly thread: string;
  readonly header: Header;
  readonly raw: Uint8Array;
}

/** The gate's way to tell authors; it drafts what the site wants told. */
export interface AuthorNotices {
  /** Drafts the notice about a reply that came too late; undefined when nobody is to be told. */
  readonly expired?: (reply: EndedReply, result: Authentication['result']) => NewNotice | undefined;
  /** Drafts the notice about a reply that the sender policy dropped, for this cause; undefined when nobody is to be told. */
  readonly dropped?: (reply: EndedReply, cause: SpoofCause | undefined) => NewNotice | undefined;
  /** Drafts the notice about a reply of which only the header was read, as it is too large; undefined as above. */
  readonly oversize?: (reply: EndedReply, result: Authentication['result']) => NewNotice | undefined;
  /** Adds it to the store, if it has not told the user before. */
  readonly add: (notice: NewNotice) => Promise<unknown>;
}

/** The options of drafting. */
export interface AuthorNoticeOptions {
  readonly forms: readonly ReplyAddressForm[];
  /** Whether a plus tag makes another address, as for the sender policy. */
  readonly plusTags: 'compare' | 'ignore';
  /** Makes a fresh id of a notice. */
  readonly newId: () => string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Most bytes of a reply that are kept for its notice: what people type comes first. */
const MAX_ORIGINAL_BYTES = 1024 * 1024;

/** Causes for which nobody is told: somebody else wrote it, or a sender has tampered with our filter's report. */
const NEVER_TOLD: ReadonlySet<SpoofCause> = new Set<SpoofCause>(['failed', 'ambiguous', 'not-registered']);

/** Gives the functions that draft the notices. */
export function createAuthorNotices(options: AuthorNoticeOptions): Required<Omit<AuthorNotices, 'add'>> {
  return {
    expired: (reply, result) => {
      if (result !== 'pass' || reply.reversePath === '' || reply.hasSign) return undefined;
      const original = Buffer.from(reply.raw.subarray(0, MAX_ORIGINAL_BYTES));
      return { ...draftFor(options, reply, 'expired'), original };
    },
    oversize: (reply, result) => {
      if (result !== 'pass' || reply.reversePath === '' || reply.hasSign) return undefined;
      return draftFor(options, reply, 'oversize');
    },
    dropped: (reply, cause) => {
      const { author, reversePath, hasSign, header } = reply;
      if (cause === undefined || NEVER_TOLD.has(cause) || hasSign) return undefined;
      const address = foldAddress(author.address, options.plusTags);
      if (foldAddress(reversePath, options.plusTags) !== address) return undefined;
      if (speaksAgainst(header, author)) return undefined;
      const notice = draftFor(options, reply, 'dropped');
      // Its words may be a forger's, and would go out as ours.
      const draft = { ...notice.draft, subject: '', references: [], text: '' };
      return { ...notice, draft, ifPassed: address };
    },
  };
}

/** Adds to the end of a reply that came too late what its author is told, if the sender policy passes them. */
export function tellExpired(
  notices: AuthorNotices | undefined,
  end: End,
  reply: EndedReply,
  judge: () => End | { readonly kind: 'sender'; readonly authentication: Authentication },
): End {
  if (end.disposition.reason !== 'expired' || notices?.expired === undefined) return end;
  const sender = judge();
  const result = sender.kind === 'end' ? 'fail' : sender.authentication.result;
  return { ...end, notice: notices.expired(reply, result) };
}

/** Adds to the end of a reply that the sender policy dropped what its author may be told. */
export function tellDropped(notices: AuthorNotices | undefined, end: End, reply: EndedReply): End {
  const { disposition } = end;
  const cause = disposition.verdict === 'discarded' ? disposition.cause : undefined;
  return notices?.dropped === undefined ? end : { ...end, notice: notices.dropped(reply, cause) };
}

function draftFor(
  { forms, newId, now }: AuthorNoticeOptions,
  { user, author, thread, header }: EndedReply,
  kind: NoticeKind,
): NewNotice {
  const createdAt = now();
  const matter = { thread, receivedAt: createdAt, reason: '', files: [], text: undefined };
  return {
    id: newId(),
    user: user.name,
    userNumber: user.number,
    kind,
    itemId: undefined,
    createdAt,
    draft: draftNotice(header, author.address, matter, createTokenMask(forms)),
  };
}
