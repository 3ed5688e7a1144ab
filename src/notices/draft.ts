/**
 * Which ended attempts are told to their sender, and what a notice repeats of the reply.
 *
 * Contract: a notice only for a sender who was authenticated, with a reverse-path, and whose mail shows no sign of a
 * machine or a list (G7). Most attempts need none, and are not looked at any further. Whether the address is still the
 * user's is asked again when the notice is sent.
 * Failure: rejects when the store cannot be read; the outcome is then settled without a notice.
 */

import type { DraftNotice, EndedAttempt } from '../delivery/ending.ts';
import { classifyHeader } from '../mail/automatic.ts';
import { scanHeader } from '../mail/header.ts';
import { senderOf } from '../mail/mailbox.ts';
import { draftNotice, type NoticeKind } from '../mail/notice.ts';
import type { DroppedPart, ParsedReply } from '../reply/post.ts';
import type { Contents } from '../store/item.ts';
import type { NewNotice } from '../store/notices.ts';

/** The options of drafting. */
export interface DraftingOptions {
  /** The raw message of an item. */
  readonly content: Contents['content'];
  /** The kinds that the site wants sent. */
  readonly kinds: readonly NoticeKind[];
  /** Hides tokens in a text. */
  readonly mask: (text: string) => string;
  /** Makes a fresh id of a notice. */
  readonly newId: () => string;
}

/** Gives the function that drafts notices. */
export function createDraftNotice(options: DraftingOptions): DraftNotice {
  return (ended) => {
    const kind = noticeKindOf(ended);
    if (kind === undefined || !options.kinds.includes(kind)) return undefined;
    const { authentication, reversePath } = ended.item;
    return authentication.result === 'pass' && reversePath !== '' ? draft(options, ended, kind) : undefined;
  };
}

/** Says what the sender is to be told of; undefined when all is well, or nothing can be said. */
function noticeKindOf({ settlement, attempt }: EndedAttempt): NoticeKind | undefined {
  const { outcome, cause, reply } = attempt;
  if (settlement.kind === 'posted') {
    return reply !== undefined && leftOut(reply).length > 0 ? 'attachment' : undefined;
  }
  switch (cause) {
    case 'sink':
      return outcome.kind === 'failed' ? 'refused' : 'undelivered';
    case 'internal':
      return 'undelivered';
    case 'empty':
    case 'unclear':
      return cause;
    case 'unreadable':
    case 'worker-died':
      return 'unreadable';
    case 'nothing':
    case 'not-ours':
      return undefined;
  }
}

async function draft(
  { content, mask, newId }: DraftingOptions,
  { item, settlement, attempt: { outcome, reply } }: EndedAttempt,
  kind: NoticeKind,
): Promise<NewNotice | undefined> {
  const raw = await content(item.id);
  const scan = raw === undefined ? undefined : scanHeader(raw);
  if (scan?.ok !== true || classifyHeader(scan.header, item.reversePath) !== null) return undefined;
  const sender = senderOf(scan.header);
  if (!sender.ok) return undefined;
  const matter = {
    thread: item.thread,
    receivedAt: item.receivedAt,
    reason: kind === 'refused' ? outcome.diagnostic : '',
    ...(kind === 'unclear' ? { posts: item.digest?.posts.map(({ label }) => label) } : {}),
    files: reply === undefined ? [] : leftOut(reply).map((part) => part.filename || part.contentType),
    text: reply === undefined ? undefined : textOf(reply, kind),
  };
  return {
    id: newId(),
    user: item.user,
    userNumber: item.userNumber,
    kind,
    // What was posted is not sent back.
    itemId: kind === 'attachment' ? undefined : item.id,
    createdAt: settlement.at,
    draft: draftNotice(scan.header, sender.mailbox.address, matter, mask),
  };
}

const UNTOLD: ReadonlySet<DroppedPart['reason']> = new Set(['only-quoted', 'only-signature', 'html-limit']);

/** Lists the parts that a post lacks, but for layout and the pictures that a quote or a signature brought along. */
function leftOut(reply: ParsedReply): DroppedPart[] {
  return reply.dropped.filter(({ reason }) => !UNTOLD.has(reason));
}

/** Gives what they typed; of an empty reply all of it, as the text may stand where we saw none. */
function textOf({ body }: ParsedReply, kind: NoticeKind): string {
  const parts = kind === 'empty' ? [body.text, body.quoted, body.signature] : [body.text];
  return parts.filter((part) => part.trim() !== '').join('\n\n');
}
