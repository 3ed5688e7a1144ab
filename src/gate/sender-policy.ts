/**
 * The sender policy: From is one of the user's addresses, the site's own filter vouches for it, and the author wrote to
 * this very address: else mail of the user's to anybody could be replayed to it.
 *
 * Contract: with `strict` only that passes, and `spoofed` says what becomes of the rest; with `flag` everything
 * passes, and its result goes along; `off` trusts the token alone. Nothing is refused with a 5yz: the bounce would go
 * to whoever was imitated.
 */
import { foldAddress } from '../mail/address.ts';
import { fieldsNaming } from '../mail/addressed.ts';
import { isOwnPath, judgeSender } from '../mail/authentication.ts';
import type { HoldReason, SpoofCause } from '../mail/disposition.ts';
import { type Mailbox, senderOf } from '../mail/mailbox.ts';
import type { Authentication } from '../mail/origin.ts';
import { roomInSignatures } from '../mail/signature-room.ts';
import { tokenText } from '../mail/token.ts';
import type { Case } from './case.ts';
import type { Claim } from './recipient.ts';
import type { SenderPolicyOptions } from './rules.ts';
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
export function isFromUser({ gate, claim, message, header }: Case): boolean {
  const { senderPolicy, authservId } = gate;
  const { reversePath } = message.envelope;
  if (senderPolicy === 'off' || authservId === undefined) return false;
  if (!isRegistered(gate, claim.user, reversePath)) return false;
  return isOwnPath(header, { ...placeOf(gate), authservId, reversePath });
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
  const { header, claim } = judged;
  const { forms, addressed = 'required', aliases = [] } = judged.gate;
  if (vouched.result !== 'pass' || addressed === 'off') return vouched;
  const naming = fieldsNaming(header, tokenText(claim.proof.token), [...forms, ...aliases]);
  if (naming.length === 0)
    return { result: 'fail', reason: NOT_ADDRESSED, cause: { cause: 'not-addressed' } };
  const room = vouched.isDirect ? undefined : roomInSignatures(header, author.domain, naming);
  return room === undefined ? vouched : { result: 'fail', reason: room, cause: { cause: 'not-signed' } };
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
  if (authservId === undefined) return { result: 'none', reason: 'no authserv-id is configured' };
  const { result, reason, arc, cause, isDirect } = judgeSender(header, author, {
    ...placeOf(gate),
    authservId,
    reversePath: message.envelope.reversePath,
  });
  const told = arc === undefined ? reason : `${reason}; arc=${arc}`;
  return { result, reason: told, isDirect, ...(cause && { cause: { cause } }) };
}
