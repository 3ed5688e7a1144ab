/**
 * The judgement on a message for each of its recipients: rules 1 to 5 of docs/how-it-works.md, The gate, at the end of
 * data.
 *
 * Contract: commits nothing. Each rule ends the way of a case, or hands on what the next one needs. The rules
 * themselves: message-rules.ts, sender-policy.ts and spam-policy.ts.
 */
import { foldAddress } from '../mail/address.ts';
import type { HoldReason, SpoofCause } from '../mail/disposition.ts';
import { type Digest, fingerprint, writtenDigest } from '../mail/fingerprint.ts';
import type { Mailbox } from '../mail/mailbox.ts';
import type { Authentication } from '../mail/origin.ts';
import { isProbe } from '../mail/probe.ts';
import type { NewItem } from '../store/item.ts';
import type { NewNotice } from '../store/notices.ts';
import { type EndedReply, tellDropped, tellExpired } from './author-notices.ts';
import { bounceItem } from './bounces.ts';
import type { Case, Message } from './case.ts';
import { type Charge, standingOf } from './charges.ts';
import { findTarget, judgeAuthor, judgeOrigin, judgeReplyAge, malformed } from './message-rules.ts';
import { rateLimited } from './rates.ts';
import type { Claim, Target } from './recipient.ts';
import type { GateRules } from './rules.ts';
import { judgeSenderPolicy, rulesFor } from './sender-policy.ts';
import { judgeSpam, type SpamDecision } from './spam-policy.ts';
import type { End, Trail } from './trail.ts';

/** The verdict on one claim at the end of data: an item to commit, or an end without one. */
export type Judgement =
  | { readonly kind: 'item'; readonly item: NewItem; readonly holdCause?: SpoofCause | undefined }
  | End;

/** Judges a message for every claim, in order. */
export async function judgeMessage(
  gate: GateRules,
  message: Message,
  claims: readonly (Claim | End)[],
  charge: Charge,
  trail: Trail,
): Promise<readonly Judgement[]> {
  const judgements = claims.map((claim, index) => {
    // Without a token, and to nothing that its author was sent.
    if ('kind' in claim) return claim;
    const rules = rulesFor(gate, claim);
    const judgement = judgeClaim(rules, message, claim, trail);
    const result = judgement.kind === 'item' ? judgement.item.authentication.result : undefined;
    const limit = charge(index, standingOf(rules.senderPolicy, result));
    return limit === undefined ? judgement : rateLimited(limit);
  });
  const { raw, scan } = message;
  if (!scan.ok || !judgements.some(isReply)) return judgements;

  // 5. Spam: a message is judged once, and only if some recipient's way came this far.
  if (gate.spam === undefined) {
    trail?.push({ rule: 'spam', result: 'off', saw: 'spam.source is "off"' });
    return judgements;
  }
  const { header } = scan;
  const decision = await judgeSpam(gate.spam, { header, raw, trail });
  return judgements.map((judgement) => withSpam(judgement, decision, () => writtenDigest(header, raw)));
}

/** Tells whether an item is to be made of it that is neither a bounce nor a probe: no filter judges those. */
export function isReply(judgement: Judgement): judgement is Extract<Judgement, { kind: 'item' }> {
  if (judgement.kind !== 'item') return false;
  return judgement.item.bounce === undefined && judgement.item.hold !== 'probe';
}

/** Adds the spam rule's decision to a judgement; a reason to hold that was there before stays. */
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

/** Judges a message for one claim by rules 1 to 4. */
function judgeClaim(gate: GateRules, message: Message, claim: Claim, trail: Trail): Judgement {
  const { scan } = message;
  if (!scan.ok) return malformed({ trail }, scan.problem);
  const judged: Case = { gate, message, header: scan.header, claim, trail };
  if (isProbe(claim.target)) return judgeProbe(judged);

  // 1. Loops first: nothing that a machine sent is posted or answered.
  const origin = judgeOrigin(judged);
  if (origin.kind === 'end') return judgeBounce(judged, origin);

  // 2. Exactly one author, or nobody can say who wrote.
  const author = judgeAuthor(judged);
  if (author.kind === 'end') return author;
  const { mailbox } = author;

  // 3. The token's thread, and its age: known since RCPT if sealed, found by Message-ID if bound.
  const found = findTarget(judged);
  if (found.kind === 'end') return found;
  const { target } = found;
  const expiry = judgeReplyAge(judged, target);
  if (expiry !== undefined) {
    const ended = endedReply(judged, mailbox, origin.hasSign, target);
    return tellExpired(gate.authorNotices, expiry, ended, () =>
      judgeSenderPolicy({ ...judged, trail: undefined }, mailbox),
    );
  }

  // 4. The author is the token's user, and our own filter vouches for it.
  const sender = judgeSenderPolicy(judged, mailbox);
  if (sender.kind === 'end') {
    // Of mail without a token anybody can write as much as they like.
    if (claim.proof.kind === 'matched') return sender;
    return tellDropped(gate.authorNotices, sender, endedReply(judged, mailbox, origin.hasSign, target));
  }

  const { authentication } = sender;
  const several = severalThreads(claim);
  const why = sender.why ?? several;
  const vouchedFor =
    authentication.result === 'pass' ? foldAddress(mailbox.address, gate.plusTags) : undefined;
  const hold = sender.hold ?? origin.hold ?? (several && 'several-threads');
  const item = newItem(judged, target, authentication, hold, vouchedFor);
  if (why === undefined) return { kind: 'item', item };
  return { kind: 'item', item: { ...item, holdDetail: why.detail }, holdCause: why.cause };
}

/**
 * Drafts what the author of a message is told of which only the header was read, as it is too large; undefined where
 * nobody is to be told. The rules are those of a reply, up to the sender policy, which must pass: a forger's words reach
 * nobody, and the name of somebody else brings them no mail.
 */
export function tellRefused(gate: GateRules, message: Message, claim: Claim): NewNotice | undefined {
  const { scan } = message;
  const oversize = gate.authorNotices?.oversize;
  if (oversize === undefined || !scan.ok || isProbe(claim.target)) return undefined;
  const judged: Case = { gate, message, header: scan.header, claim, trail: undefined };
  const origin = judgeOrigin(judged);
  if (origin.kind === 'end' || origin.hold !== undefined) return undefined;
  const author = judgeAuthor(judged);
  if (author.kind === 'end') return undefined;
  const found = findTarget(judged);
  if (found.kind === 'end' || judgeReplyAge(judged, found.target) !== undefined) return undefined;
  const sender = judgeSenderPolicy(judged, author.mailbox);
  if (sender.kind === 'end') return undefined;
  return oversize(
    endedReply(judged, author.mailbox, origin.hasSign, found.target),
    sender.authentication.result,
  );
}

/** Says which threads a reply without a token may be to, where there are several. */
function severalThreads({
  proof,
}: Claim): { readonly detail: string; readonly cause?: undefined } | undefined {
  if (proof.kind === 'token' || proof.threads.length < 2) return undefined;
  const [first = ''] = proof.threads;
  return {
    detail: `by ${proof.by} it may be to ${proof.threads.join(' or ')}; released it goes to ${first}`,
  };
}

/** Collects what is known of a reply that ends here. */
function endedReply(
  { message, header, claim }: Case,
  author: Mailbox,
  hasSign: boolean,
  target: Target,
): EndedReply {
  return {
    header,
    reversePath: message.envelope.reversePath,
    user: claim.user,
    author,
    hasSign,
    thread: target.locator,
    raw: message.raw,
  };
}

/** Keeps what doctor sent itself for doctor to look at; whether a reply would pass, it tries on that. */
function judgeProbe(judged: Case): Judgement {
  const found = findTarget({ ...judged, trail: undefined });
  if (found.kind === 'end') return found;
  const expiry = judgeReplyAge(judged, found.target);
  if (expiry !== undefined) return expiry;
  const authentication: Authentication = { policy: judged.gate.senderPolicy, result: 'none' };
  return { kind: 'item', item: newItem(judged, found.target, authentication, 'probe', undefined) };
}

/** Decides on a machine's mail: a bounce of our own notification is told to the platform, all else is discarded. */
function judgeBounce(judged: Case, end: End): Judgement {
  const isBounce = end.disposition.reason === 'bounce' && judged.message.envelope.reversePath === '';
  if (!isBounce || judged.gate.bounceEvents !== true) return end;
  const item = bounceItem(judged);
  if (item === undefined) return end;
  const saw = `a ${item.bounce} bounce, for the platform to know`;
  judged.trail?.push({ rule: 'automatic', result: 'pass', saw });
  return { kind: 'item', item };
}

function newItem(
  { gate, message, header, claim }: Case,
  target: Target,
  authentication: Authentication,
  hold: HoldReason | undefined,
  vouchedFor: string | undefined,
): NewItem {
  const { raw, messageId, queueId } = message;
  const isBest = authentication.result === 'pass' && hold === undefined;
  return {
    id: gate.newId(),
    user: claim.user.name,
    userNumber: claim.user.number,
    thread: target.locator,
    repliedToAt: target.repliedTo * 1000,
    threadNumber: target.threadNumber,
    // Of the name of its day: a copy that comes after a renaming is the same reply.
    fingerprint: fingerprint(claim.user.number, target.formerly ?? target.locator, header, raw),
    written: isBest ? undefined : writtenDigest(header, raw),
    messageId,
    queueId,
    reversePath: message.envelope.reversePath,
    receivedAt: gate.now(),
    hold,
    authentication,
    vouchedFor,
    matched: claim.proof.kind === 'matched' ? claim.proof.by : undefined,
    spam: undefined,
  };
}
