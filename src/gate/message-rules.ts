/**
 * The rules at the end of data that come before the sender policy: who sent it, to what, and when.
 *
 * Contract: a message that ends here is discarded, because its sender may be forged and a 5yz would be a bounce to
 * somebody else. Only a clock that is wrong defers, and only what names no author is refused, if its reverse-path is
 * proven to be the user's own.
 */
import { type Automatic, classifyMessage } from '../mail/automatic.ts';
import type { HoldReason } from '../mail/disposition.ts';
import { type Header, headerValues } from '../mail/header.ts';
import { type Mailbox, senderOf } from '../mail/mailbox.ts';
import { asMinted, messageIdCandidates, parseThreadMessageId } from '../mail/message-id.ts';
import { addressMaxAgeMs } from '../mail/probe.ts';
import { judgeAge, verifyBoundReply } from '../mail/token.ts';
import type { Case } from './case.ts';
import { type Claim, NOT_YET, type Target } from './recipient.ts';
import { hasPass, isFromUser } from './sender-policy.ts';
import { discard, type End, endAt, sawAge, type Trail } from './trail.ts';

/** Ends the way of a message that cannot be read as one. */
export function malformed(trailed: { readonly trail: Trail }, problem: string): End {
  return discard(trailed, 'malformed', 'malformed', problem);
}

/** A message that a person sent. */
interface Origin {
  readonly kind: 'person';
  readonly hold: HoldReason | undefined;
  /** Whether it bears a sign of a list, or one that a pass outranks: nobody is told of it by mail. */
  readonly hasSign: boolean;
}

/** Judges whether a machine sent it; a person's mail that came through a list is held where nobody judges the sender. */
export function judgeOrigin(judged: Case): End | Origin {
  const { automatic, outranked } = weighSigns(judged);
  if (automatic !== null && automatic.kind !== 'list') {
    return discard(judged, 'automatic', automatic.kind, automatic.reason);
  }
  if (automatic === null) {
    const saw = outranked && `${outranked.reason}, which an address of the user with a pass outranks`;
    judged.trail?.push({ rule: 'automatic', result: 'pass', saw: saw ?? 'no sign of a machine' });
    return { kind: 'person', hold: undefined, hasSign: outranked !== undefined };
  }
  const hold = judged.gate.senderPolicy === 'off' ? 'list' : undefined;
  judged.trail?.push({
    rule: 'automatic',
    result: hold === undefined ? 'pass' : 'held',
    saw: `mail of a list (${automatic.reason}), which the sender policy ${hold === undefined ? 'judges' : 'would judge'}`,
  });
  return { kind: 'person', hold, hasSign: true };
}

/**
 * Weighs the signs, and gives the verdict of those that count; `outranked` is the one that a known person's mail
 * would have had.
 */
function weighSigns(judged: Case): { readonly automatic: Automatic | null; readonly outranked?: Automatic } {
  const { gate, message, header } = judged;
  const { raw, envelope } = message;
  const automatic = classifyMessage(raw, header, envelope.reversePath, gate.own);
  if (automatic === null || automatic.kind === 'list') return { automatic };
  // Nothing but the message itself says that it is a reply.
  if (judged.claim.proof.kind === 'matched') return { automatic };
  const hard = classifyMessage(raw, header, envelope.reversePath, gate.own, 'hard');
  const isPersons = (hard === null || hard.kind === 'list') && hasPass(judged);
  return isPersons ? { automatic: hard, outranked: automatic } : { automatic };
}

/** Finds the one mailbox of the one From field. Without it a message is refused where that tells its sender and nobody else. */
export function judgeAuthor(judged: Case): End | { readonly kind: 'author'; readonly mailbox: Mailbox } {
  const sender = senderOf(judged.header);
  if (!sender.ok) {
    const detail = `From: ${sender.problem}`;
    if (!isFromUser(judged)) return malformed(judged, detail);
    return endAt(judged, 'malformed', { verdict: 'rejected', reason: 'malformed', detail });
  }
  const form = sender.form === undefined ? '' : ', in brackets after an unquoted name';
  const saw = `one author: ${sender.mailbox.address}${form}`;
  judged.trail?.push({ rule: 'malformed', result: 'pass', saw });
  return { kind: 'author', mailbox: sender.mailbox };
}

/** The ground on which a target is found and judged: a case, or a question about an address alone. */
interface Targeted {
  readonly gate: {
    readonly forms: readonly { readonly domain: string }[];
    readonly maxAgeMs: number;
    readonly now: () => number;
  };
  readonly claim: Claim;
  readonly header: Header;
  readonly trail: Trail;
}

/** Finds where the reply goes: what a sealed token says, or the id of ours for which one of the keys made a bound one. */
export function findTarget(asked: Targeted): End | { readonly kind: 'target'; readonly target: Target } {
  const { gate, claim, header, trail } = asked;
  if (claim.target !== undefined) return { kind: 'target', target: claim.target };
  const domains = gate.forms.map(({ domain }) => domain);
  const id = boundMessageId(domains, claim, header);
  const target = id === undefined ? undefined : parseThreadMessageId(id, domains);
  if (target === undefined) return discard(asked, 'token', 'forged', 'no Message-ID of ours fits the token');
  trail?.push({ rule: 'token', result: 'pass', saw: `made for <${id}>; thread: ${target.locator}` });
  return { kind: 'target', target };
}

function boundMessageId(domains: readonly string[], { proof }: Claim, header: Header): string | undefined {
  if (proof.kind !== 'token' || proof.token.form !== 'bound') return undefined;
  const { token, keys } = proof;
  const candidates = messageIdCandidates(
    headerValues(header, 'in-reply-to'),
    headerValues(header, 'references'),
    domains,
  );
  return candidates
    .flatMap((id) => [id, asMinted(id, domains)])
    .find((id) => keys.some((key) => verifyBoundReply(key, token, id)));
}

/** Judges whether the address is still young enough; a sealed one may have expired between RCPT and the dot. */
export function judgeReplyAge(asked: Pick<Targeted, 'gate' | 'trail'>, target: Target): End | undefined {
  const { gate, trail } = asked;
  const { repliedTo } = target;
  const limitMs = addressMaxAgeMs(target, gate.maxAgeMs);
  const nowMs = gate.now();
  const age = judgeAge(repliedTo, nowMs, limitMs);
  const saw = trail && sawAge(repliedTo, nowMs, limitMs);
  if (age === 'expired') return endAt(asked, 'age', { verdict: 'discarded', reason: 'expired' }, saw);
  if (age === 'in-the-future') return endAt(asked, 'age', NOT_YET, saw);
  if (saw !== undefined) trail?.push({ rule: 'age', result: 'pass', saw });
  return undefined;
}
