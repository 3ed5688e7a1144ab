/**
 * The sender policy: From is one of the user's addresses, the site's own filter vouches for it, and the author wrote to
 * this very address: else mail of the user's to anybody could be replayed to it.
 *
 * Contract: with `strict` only that passes, and `spoofed` says what becomes of the rest; with `flag` everything
 * passes, and its result goes along; `off` trusts the token alone. Nothing is refused with a 5yz: the bounce would go
 * to whoever was imitated. A reply without a token is judged by `strict` on every site.
 */
import { foldAddress } from '../mail/address.ts';
import { fieldsNaming, fieldsTo } from '../mail/addressed.ts';
import { isOwnPath, judgeSender } from '../mail/authentication.ts';
import type { HoldReason, SpoofCause } from '../mail/disposition.ts';
import { headerValue } from '../mail/header.ts';
import { type Mailbox, senderOf } from '../mail/mailbox.ts';
import type { Authentication } from '../mail/origin.ts';
import { roomInSignatures } from '../mail/signature-room.ts';
import { tokenText } from '../mail/token.ts';
import type { Case } from './case.ts';
import { type Claim, takesWithoutToken } from './recipient.ts';
import type { GateRules, SenderPolicyOptions } from './rules.ts';
import { type Decision, type End, endAt } from './trail.ts';

/** A sender that may write; `hold` when the operator has to look first. */
interface Sender {
  readonly kind: 'sender';
  readonly authentication: Authentication;
  readonly hold: HoldReason | undefined;
  /** Of one that is held. */
  readonly why?: { readonly detail: string; readonly cause?: SpoofCause };
}

/** The result, and in words what it rests on; `cause` where it is no pass. */
interface Vouched {
  readonly result: Authentication['result'];
  readonly reason: string;
  readonly cause?: { readonly cause: SpoofCause };
  /** Of a pass: whether it came from the author's own hosts, where nobody else can have changed it. */
  readonly isDirect?: true | undefined;
}

const NOT_ADDRESSED =
  'neither To nor Cc names this reply address: perhaps mail of the user to somebody else, sent here by a third';

/** Gives the rules that a claim is judged by: without a token they are strict, whatever the site has chosen. */
export function rulesFor(gate: GateRules, { proof }: Pick<Claim, 'proof'>): GateRules {
  if (proof.kind === 'token') return gate;
  return { ...gate, senderPolicy: 'strict', spoofed: 'discard', addressed: 'required' };
}

/** Judges the author of a reply. */
export function judgeSenderPolicy(judged: Case, author: Mailbox): End | Sender {
  const { result, reason, cause } = vouch(judged, author);
  const decision = decide(judged.gate, result);
  if (decision === 'discarded') {
    const disposition = { verdict: 'discarded', reason: 'spoofed', detail: reason, ...cause } as const;
    return endAt(judged, 'sender_policy', disposition);
  }
  judged.trail?.push({ rule: 'sender_policy', result: decision, saw: reason });
  const authentication = { policy: judged.gate.senderPolicy, result };
  if (decision !== 'held') return { kind: 'sender', authentication, hold: undefined };
  return { kind: 'sender', authentication, hold: 'spoofed', why: { detail: reason, ...cause } };
}

/** Tells whether the author of a reply passes, whatever the policy makes of it; where it is off nobody does. */
export function hasPass(judged: Case): boolean {
  const author = senderOf(judged.header);
  return author.ok && vouch(judged, author.mailbox).result === 'pass';
}

/** Tells whether the reverse-path is an address of the user's that our filter does not call forged. */
export function isFromUser({
  gate,
  claim,
  message,
  header,
}: Pick<Case, 'gate' | 'message' | 'header'> & { readonly claim: Pick<Claim, 'user'> }): boolean {
  const { senderPolicy, authservId } = gate;
  const { reversePath } = message.envelope;
  if (senderPolicy === 'off' || (authservId === undefined && gate.told === undefined)) return false;
  if (!isRegistered(gate, claim.user, reversePath)) return false;
  return isOwnPath(header, { ...placeOf(gate), authservId: authservId ?? '', reversePath });
}

/** Gives where results stand that are believed. */
const placeOf = ({ ownReceived = 0, results, ownHosts, told }: SenderPolicyOptions) => ({
  ownReceived,
  results,
  ownHosts,
  told,
});

function decide(
  { senderPolicy, spoofed = 'discard' }: SenderPolicyOptions,
  result: Authentication['result'],
): Extract<Decision, 'off' | 'pass' | 'flagged' | 'held' | 'discarded'> {
  if (senderPolicy === 'off') return 'off';
  if (result === 'pass') return 'pass';
  if (senderPolicy === 'flag') return 'flagged';
  if (spoofed === 'discard') return 'discarded';
  // A registered address without a verdict may be its owner's; a stranger or a failed check is somebody else.
  return spoofed === 'flag' && result === 'none' ? 'flagged' : 'held';
}

/** Says what the reply is vouched for by: a sender who was authenticated, and who wrote to this address. */
function vouch(judged: Case, author: Mailbox): Vouched {
  const vouched = authenticate(judged, author);
  const { addressed = 'required' } = judged.gate;
  if (vouched.result !== 'pass' || addressed === 'off') return vouched;
  const naming = fieldsAddressing(judged);
  if (naming.length === 0)
    return { result: 'fail', reason: NOT_ADDRESSED, cause: { cause: 'not-addressed' } };
  const room = vouched.isDirect ? undefined : roomFor(judged, author, naming);
  return room === undefined ? vouched : { result: 'fail', reason: room, cause: { cause: 'not-signed' } };
}

/** Says what others may have changed: the fields that name the address, and without a token those that name the thread. */
function roomFor(
  { header, claim: { proof } }: Case,
  { domain }: Mailbox,
  naming: readonly string[],
): string | undefined {
  const room = roomInSignatures(header, domain, naming);
  if (room !== undefined || proof.kind === 'token') return room;
  for (const field of MATCHED_BY[proof.by].filter((name) => headerValue(header, name) !== undefined)) {
    const left = roomInSignatures(header, domain, [field], 'what this is an answer to');
    if (left !== undefined) return left;
  }
  return undefined;
}

/** The fields by which each rule finds a thread. */
const MATCHED_BY = { 'message-id': ['in-reply-to', 'references'], subject: ['subject'] } as const;

/** Names the fields in which the author wrote to this very address. */
function fieldsAddressing({ gate, header, claim: { proof } }: Case): readonly string[] {
  if (proof.kind === 'matched') return fieldsTo(header, (address) => takesWithoutToken(gate, address));
  const { forms, aliases = [] } = gate;
  return fieldsNaming(header, tokenText(proof.token), [...forms, ...aliases]);
}

function isRegistered(
  { plusTags = 'compare' }: SenderPolicyOptions,
  user: Claim['user'],
  address: string,
): boolean {
  const folded = foldAddress(address, plusTags);
  return user.addresses.some((each) => foldAddress(each, plusTags) === folded);
}

function authenticate({ gate, claim, message, header }: Case, author: Mailbox): Vouched {
  const { senderPolicy, authservId } = gate;
  if (senderPolicy === 'off') return { result: 'none', reason: 'the sender policy is off' };
  if (!isRegistered(gate, claim.user, author.address)) {
    const reason = "From is none of the user's addresses";
    return { result: 'fail', reason, cause: { cause: 'not-registered' } };
  }
  if (authservId === undefined && gate.told === undefined)
    return { result: 'none', reason: 'no authserv-id is configured' };
  const { result, reason, arc, cause, isDirect } = judgeSender(header, author, {
    ...placeOf(gate),
    authservId: authservId ?? '',
    reversePath: message.envelope.reversePath,
  });
  const told = arc === undefined ? reason : `${reason}; arc=${arc}`;
  return { result, reason: told, isDirect, ...(cause && { cause: { cause } }) };
}
