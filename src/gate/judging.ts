/**
 * The judgement on a message for each of its recipients: steps 1 to 5 of docs/how-it-works.md, The gate, at the end of
 * data.
 *
 * Contract: commits nothing. Each step ends the way of a recipient, or hands on what the next one needs; what it saw is
 * told to whoever asks. The rules themselves: message-rules.ts, sender-policy.ts and spam-policy.ts.
 */
import { foldAddress } from '../mail/address.ts';
import type { Own } from '../mail/automatic.ts';
import { bounded } from '../mail/bounded.ts';
import type { HoldReason, SpoofCause } from '../mail/disposition.ts';
import { printable } from '../mail/encoded-word.ts';
import { type Digest, fingerprint, writtenDigest } from '../mail/fingerprint.ts';
import { type Header, type HeaderScan, headerValue, scanHeader } from '../mail/header.ts';
import { normaliseMessageId } from '../mail/message-id.ts';
import type { Authentication } from '../mail/origin.ts';
import { isProbe } from '../mail/probe.ts';
import { postfixQueueId } from '../mail/received.ts';
import type { NewItem } from '../store/item.ts';
import { type AuthorNotices, type EndedReply, tellDropped, tellExpired } from './author-notices.ts';
import { bounceItem } from './bounces.ts';
import { type Charge, standingOf } from './counted.ts';
import type { End, Findings } from './finding.ts';
import { findTarget, judgeAuthor, judgeOrigin, judgeReplyAge, malformed } from './message-rules.ts';
import { rateLimited } from './rates.ts';
import type { Claim, RecipientOptions, Target } from './recipient.ts';
import { hasPass, isFromUser, judgeSenderPolicy, type SenderPolicyOptions } from './sender-policy.ts';
import { judgeSpam, type SpamDecision, type SpamPolicy } from './spam-policy.ts';

/** A transaction's sender: the reverse-path without brackets, `''` for the null one. */
export interface Envelope {
  readonly reversePath: string;
}

/** The verdict on one claim at the end of data: an item to commit, or an end without one. */
export type Judgement =
  | { readonly kind: 'item'; readonly item: NewItem; readonly holdCause?: SpoofCause | undefined }
  | End;

/** What messages are judged by. */
export interface JudgingOptions extends Omit<RecipientOptions, 'directory'>, SenderPolicyOptions {
  /** Undefined when it is off. */
  readonly spam: SpamPolicy | undefined;
  /** Whether bounces of our notifications become items; else they are discarded. */
  readonly bounceEvents?: boolean | undefined;
  /** Tells authors of replies that no item is made of; without it nobody is told. */
  readonly authorNotices?: AuthorNotices | undefined;
  /** A fresh item id. */
  readonly newId: () => string;
}

/** A message on its way through the gate; its header is scanned once, however many recipients it has. */
export interface Message {
  readonly envelope: Envelope;
  readonly raw: Uint8Array;
  readonly scan: HeaderScan;
  readonly messageId: string | undefined;
  readonly queueId: string | undefined;
}

/** Scans a message. */
export function messageOf(envelope: Envelope, raw: Uint8Array): Message {
  const scan = scanHeader(raw);
  if (!scan.ok) return { envelope, raw, scan, messageId: undefined, queueId: undefined };
  const { header } = scan;
  return { envelope, raw, scan, messageId: messageIdOf(header), queueId: postfixQueueId(header) };
}

/** One judgement for each claim, in order. */
export type Judgements = Promise<readonly Judgement[]>;

/** Steps 1 to 5 of §5 for every recipient of a message. */
export async function judgeMessage(
  options: JudgingOptions,
  own: Own,
  message: Message,
  claims: readonly Claim[],
  charge: Charge,
  findings?: Findings,
): Judgements {
  const judgements = claims.map((claim, index) => {
    const judgement = judgeClaim(options, own, message, claim, findings);
    const result = judgement.kind === 'item' ? judgement.item.authentication.result : undefined;
    const limit = charge(index, standingOf(options.senderPolicy, result));
    return limit === undefined ? judgement : rateLimited(limit);
  });
  const { raw, scan } = message;
  if (!scan.ok || !judgements.some(isReply)) return judgements;

  // 5. Spam: a message is judged once, and only if some recipient's way came this far.
  if (options.spam === undefined) {
    findings?.push({ rule: 'spam', result: 'off', saw: 'spam.source is "off"' });
    return judgements;
  }
  const decision = await judgeSpam(options.spam, { header: scan.header, raw }, findings);
  return judgements.map((judgement) => withSpam(judgement, decision, () => writtenDigest(scan.header, raw)));
}

/** Whether an item is to be made of it, and not of a bounce or a probe, which no filter judges. */
export function isReply(judgement: Judgement): judgement is Extract<Judgement, { kind: 'item' }> {
  if (judgement.kind !== 'item') return false;
  return judgement.item.bounce === undefined && judgement.item.hold !== 'probe';
}

/** A judgement with what the spam rule decided; a reason to hold that was there before stays. */
function withSpam(judgement: Judgement, decision: SpamDecision, written: () => Digest): Judgement {
  if (!isReply(judgement)) return judgement;
  if (decision.kind === 'end') return decision;
  const item = { ...judgement.item, spam: decision.spam };
  if (decision.hold === undefined) return { ...judgement, item };
  return {
    ...judgement,
    item: { ...item, hold: item.hold ?? decision.hold, written: item.written ?? written() },
  };
}

/** Steps 1 to 4 of §5 for one recipient: each one ends the way, or hands on what the next one needs. */
function judgeClaim(
  options: JudgingOptions,
  own: Own,
  message: Message,
  claim: Claim,
  findings?: Findings,
): Judgement {
  const { envelope, raw, scan } = message;
  if (!scan.ok) return malformed(scan.problem, findings);
  const { header } = scan;
  const sent = { header, reversePath: envelope.reversePath };
  if (isProbe(claim.target)) return judgeProbe(options, claim, message, header, findings);

  // 1. Loops first: nothing that a machine sent is posted or answered.
  const isKnown = (): boolean => hasPass(options, claim, sent);
  const origin = judgeOrigin(options, own, { envelope, raw, header }, isKnown, findings);
  if (origin.kind === 'end') return judgeBounce(options, claim, message, header, origin, findings);

  // 2. Exactly one author, or nobody can say who wrote.
  const author = judgeAuthor(header, () => isFromUser(options, claim, sent), findings);
  if (author.kind === 'end') return author;

  // 3. The token's thread, and its age: known since RCPT if sealed, found by Message-ID if bound.
  const found = findTarget(options.form.domain, claim, header, findings);
  if (found.kind === 'end') return found;
  const { mailbox } = author;
  const { hasSign } = origin;
  const { user } = claim;
  // Only of a reply that ends here: most do not.
  const ended = (): EndedReply => ({
    ...sent,
    user,
    author: mailbox,
    hasSign,
    thread: found.target.locator,
    raw,
  });
  const expiry = judgeReplyAge(options, found.target, findings);
  if (expiry !== undefined)
    return tellExpired(options.authorNotices, expiry, ended(), () =>
      judgeSenderPolicy(options, claim, sent, mailbox),
    );

  // 4. The author is the token's user, and our own filter vouches for it.
  const sender = judgeSenderPolicy(options, claim, sent, mailbox, findings);
  if (sender.kind === 'end') return tellDropped(options.authorNotices, sender, ended());

  const { authentication, why } = sender;
  const vouchedFor =
    authentication.result === 'pass' ? foldAddress(mailbox.address, options.plusTags) : undefined;
  const { target } = found;
  const hold = sender.hold ?? origin.hold;
  const item = newItem(options, { message, claim, target, header, authentication, vouchedFor, hold });
  if (why === undefined) return { kind: 'item', item };
  return { kind: 'item', item: { ...item, holdDetail: why.detail }, holdCause: why.cause };
}

/** Keeps what doctor sent itself for doctor to look at; whether a reply would pass, it tries on that. */
function judgeProbe(
  options: JudgingOptions,
  claim: Claim,
  message: Message,
  header: Header,
  findings?: Findings,
): Judgement {
  const found = findTarget(options.form.domain, claim, header);
  if (found.kind === 'end') return found;
  const { target } = found;
  const expiry = judgeReplyAge(options, target, findings);
  if (expiry !== undefined) return expiry;
  const authentication: Authentication = { policy: options.senderPolicy, result: 'none' };
  return {
    kind: 'item',
    item: newItem(options, { message, claim, target, header, authentication, hold: 'probe' }),
  };
}

/** What becomes of a machine's mail: a bounce of our own notification is told to the platform, all else is discarded. */
function judgeBounce(
  options: JudgingOptions,
  claim: Claim,
  { envelope, raw }: Message,
  header: Header,
  end: End,
  findings?: Findings,
): Judgement {
  const isBounce = end.disposition.reason === 'bounce' && envelope.reversePath === '';
  if (!isBounce || options.bounceEvents !== true) return end;
  const item = bounceItem(options, claim, raw, header);
  if (item === undefined) return end;
  findings?.push({
    rule: 'automatic',
    result: 'pass',
    saw: `a ${item.bounce} bounce, for the platform to know`,
  });
  return { kind: 'item', item };
}

interface Judged {
  readonly message: Message;
  readonly claim: Claim;
  readonly target: Target;
  readonly header: Header;
  readonly authentication: Authentication;
  readonly vouchedFor?: string | undefined;
  readonly hold: HoldReason | undefined;
}

const VISIBLE = /^[!-~]*$/;

/** The message's id, as it may be shown: what people look for in logs, and what the platform gets. */
function messageIdOf(header: Header): string | undefined {
  const id = normaliseMessageId(headerValue(header, 'message-id') ?? '');
  if (id === undefined) return undefined;
  return bounded(VISIBLE.test(id) ? id : printable(id)) || undefined;
}

function newItem(options: JudgingOptions, judged: Judged): NewItem {
  const { message, claim, target, header, authentication } = judged;
  const { raw, messageId, queueId } = message;
  const isBest = authentication.result === 'pass' && judged.hold === undefined;
  return {
    id: options.newId(),
    user: claim.user.name,
    userNumber: claim.user.number,
    thread: target.locator,
    repliedToAt: target.repliedTo * 1000,
    fingerprint: fingerprint(claim.user.number, target.locator, header, raw),
    written: isBest ? undefined : writtenDigest(header, raw),
    messageId,
    queueId,
    reversePath: message.envelope.reversePath,
    receivedAt: options.now(),
    hold: judged.hold,
    authentication,
    vouchedFor: judged.vouchedFor,
    spam: undefined,
  };
}
