/**
 * The rules at the end of data that come before the sender policy: who sent it, to what, and when.
 *
 * Contract: a message that ends here is discarded, because its sender may be forged and a 5yz would be a bounce to
 * somebody else. Only a clock that is wrong defers, and only what names no author is refused, if its reverse-path is
 * proven to be the user's own.
 */
import { type Automatic, classifyMessage, type Own } from '../mail/automatic.ts';
import type { HoldReason } from '../mail/disposition.ts';
import { type Header, headerValues } from '../mail/header.ts';
import { type Mailbox, senderOf } from '../mail/mailbox.ts';
import { messageIdCandidates, parseThreadMessageId } from '../mail/message-id.ts';
import type { Authentication } from '../mail/origin.ts';
import { addressMaxAgeMs } from '../mail/probe.ts';
import { judgeAge, verifyBoundReply } from '../mail/token.ts';
import { discard, type End, endAt, type Findings, sawAge } from './finding.ts';
import { type Claim, NOT_YET, type Target } from './recipient.ts';

/** A message with its header, scanned. */
interface Scanned {
  readonly envelope: { readonly reversePath: string };
  readonly raw: Uint8Array;
  readonly header: Header;
}

/** Ends the way of a message that cannot be read as one. */
export function malformed(problem: string, findings?: Findings): End {
  return discard('malformed', 'malformed', problem, findings);
}

/** A message that a person sent. */
interface Origin {
  readonly kind: 'person';
  readonly hold: HoldReason | undefined;
  /** Whether it bears a sign of a list, or one that a pass outranks: nobody is told of it by mail. */
  readonly hasSign: boolean;
}

/**
 * Whether a machine sent it; a person's mail that came through a list is held where nobody judges the sender.
 * `hasPass` says whether an address of the user's is vouched for, and is asked where that decides.
 */
export function judgeOrigin(
  { senderPolicy }: { readonly senderPolicy: Authentication['policy'] },
  own: Own,
  message: Scanned,
  hasPass: () => boolean,
  findings?: Findings,
): End | Origin {
  const { automatic, outranked } = weighSigns(own, message, hasPass);
  if (automatic !== null && automatic.kind !== 'list') {
    return discard('automatic', automatic.kind, automatic.reason, findings);
  }
  if (automatic === null) {
    const saw = outranked && `${outranked.reason}, which an address of the user with a pass outranks`;
    findings?.push({ rule: 'automatic', result: 'pass', saw: saw ?? 'no sign of a machine' });
    return { kind: 'person', hold: undefined, hasSign: outranked !== undefined };
  }
  const hold = senderPolicy === 'off' ? 'list' : undefined;
  findings?.push({
    rule: 'automatic',
    result: hold === undefined ? 'pass' : 'held',
    saw: `mail of a list (${automatic.reason}), which the sender policy ${hold === undefined ? 'judges' : 'would judge'}`,
  });
  return { kind: 'person', hold, hasSign: true };
}

/** The verdict of the signs that count; `outranked` is the one that a known person's mail would have had. */
function weighSigns(
  own: Own,
  { envelope, raw, header }: Scanned,
  hasPass: () => boolean,
): { readonly automatic: Automatic | null; readonly outranked?: Automatic } {
  const automatic = classifyMessage(raw, header, envelope.reversePath, own);
  if (automatic === null || automatic.kind === 'list') return { automatic };
  const hard = classifyMessage(raw, header, envelope.reversePath, own, 'hard');
  const isPersons = (hard === null || hard.kind === 'list') && hasPass();
  return isPersons ? { automatic: hard, outranked: automatic } : { automatic };
}

/** The one mailbox of the one From field. Without it a message is refused where that tells its sender and nobody else. */
export function judgeAuthor(
  header: Header,
  isFromUser: () => boolean,
  findings?: Findings,
): End | { readonly kind: 'author'; readonly mailbox: Mailbox } {
  const sender = senderOf(header);
  if (!sender.ok) {
    const detail = `From: ${sender.problem}`;
    if (!isFromUser()) return malformed(detail, findings);
    return endAt('malformed', { verdict: 'rejected', reason: 'malformed', detail }, findings);
  }
  const form = sender.form === undefined ? '' : ', in brackets after an unquoted name';
  findings?.push({ rule: 'malformed', result: 'pass', saw: `one author: ${sender.mailbox.address}${form}` });
  return { kind: 'author', mailbox: sender.mailbox };
}

/** Where the reply goes: what a sealed token says, or the id of ours for which one of the keys made a bound one. */
export function findTarget(
  domain: string,
  claim: Claim,
  header: Header,
  findings?: Findings,
): End | { readonly kind: 'target'; readonly target: Target } {
  if (claim.target !== undefined) return { kind: 'target', target: claim.target };
  const id = boundMessageId(domain, claim, header);
  const target = id === undefined ? undefined : parseThreadMessageId(id, domain);
  if (target === undefined)
    return discard('token', 'forged', 'no Message-ID of ours fits the token', findings);
  findings?.push({ rule: 'token', result: 'pass', saw: `made for <${id}>; thread: ${target.locator}` });
  return { kind: 'target', target };
}

function boundMessageId(domain: string, { token, keys }: Claim, header: Header): string | undefined {
  if (token.form !== 'bound') return undefined;
  const candidates = messageIdCandidates(
    headerValues(header, 'in-reply-to'),
    headerValues(header, 'references'),
    domain,
  );
  // Some programs write a domain in another case than it was minted in.
  return candidates
    .flatMap((id) => [id, `${id.slice(0, id.lastIndexOf('@'))}@${domain}`])
    .find((id) => keys.some((key) => verifyBoundReply(key, token, id)));
}

/** Whether the address is still young enough; a sealed one may have expired between RCPT and the dot. */
export function judgeReplyAge(
  { maxAgeMs, now }: { readonly maxAgeMs: number; readonly now: () => number },
  target: Target,
  findings?: Findings,
): End | undefined {
  const { repliedTo } = target;
  const limitMs = addressMaxAgeMs(target, maxAgeMs);
  const nowMs = now();
  const age = judgeAge(repliedTo, nowMs, limitMs);
  const saw = findings && sawAge(repliedTo, nowMs, limitMs);
  if (age === 'expired') return endAt('age', { verdict: 'discarded', reason: 'expired' }, findings, saw);
  if (age === 'in-the-future') return endAt('age', NOT_YET, findings, saw);
  if (saw !== undefined) findings?.push({ rule: 'age', result: 'pass', saw });
  return undefined;
}
