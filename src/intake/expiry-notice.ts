/**
 * The notice about a reply that came too late and could not be refused: of a bound address only the message shows it.
 *
 * Contract: as for every notice (G7): only to an author whom the sender policy passes, never for the null reverse-path
 * or mail of a list. The reply goes into the store with it, because no item keeps it.
 */
import type { ReplyAddressForm } from '../mail/address.ts';
import type { Header } from '../mail/header.ts';
import { draftNotice } from '../mail/notice.ts';
import { createTokenMask } from '../mail/token-mask.ts';
import type { User } from '../queue/directory-port.ts';
import type { NewNotice } from '../queue/notices-port.ts';
import type { Authentication } from '../queue/queue.ts';

/** What the gate found out about a reply that came too late. */
export interface ExpiredReply {
  readonly user: User;
  readonly reversePath: string;
  /** The author's address. */
  readonly from: string;
  readonly result: Authentication['result'];
  /** Whether it bears a sign of a machine or a list. */
  readonly hasSign: boolean;
  readonly thread: string;
  readonly header: Header;
  readonly raw: Uint8Array;
}

/** How the gate tells authors that their reply came too late. */
export interface ExpiryNotices {
  /** Drafts the notice; undefined when nobody is to be told. */
  draft(reply: ExpiredReply): NewNotice | undefined;
  /** Adds it to the store. */
  add(notice: NewNotice): Promise<unknown>;
}

/** Most bytes of a reply that are kept for its notice: what people type comes first. */
const MAX_ORIGINAL_BYTES = 1024 * 1024;

/** Gives the function that drafts the notices. */
export function createDraftExpiryNotice(options: {
  readonly form: ReplyAddressForm;
  readonly newId: () => string;
  readonly now: () => number;
}): ExpiryNotices['draft'] {
  const mask = createTokenMask(options.form);
  return ({ user, reversePath, from, result, hasSign, thread, header, raw }) => {
    if (result !== 'pass' || reversePath === '' || hasSign) return undefined;
    const createdAt = options.now();
    const matter = { thread, receivedAt: createdAt, reason: '', files: [], text: undefined };
    return {
      id: options.newId(),
      user: user.name,
      userNumber: user.number,
      kind: 'expired',
      itemId: undefined,
      createdAt,
      draft: draftNotice(header, from, matter, mask),
      original: Buffer.from(raw.subarray(0, MAX_ORIGINAL_BYTES)),
    };
  };
}
