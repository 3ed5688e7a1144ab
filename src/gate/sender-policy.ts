/**
 * The sender policy: From is one of the user's addresses, the site's own filter vouches for it, and the author wrote to
 * this very address: else mail of the user's to anybody could be replayed to it.
 *
 * Contract: with `strict` only that passes, and `spoofed` says what becomes of the rest; with `flag` everything
 * passes, and its result goes along; `off` trusts the token alone. Nothing is refused with a 5yz: the bounce would go
 * to whoever was imitated.
 */
import { foldAddress, type ReplyAddressForm } from '../mail/address.ts';
import { fieldsNaming } from '../mail/addressed.ts';
import { isOwnPath, judgeSender } from '../mail/authentication.ts';
import type { HoldReason, SpoofCause } from '../mail/disposition.ts';
import type { Header } from '../mail/header.ts';
import { type Mailbox, senderOf } from '../mail/mailbox.ts';
import type { Authentication } from '../mail/origin.ts';
import { roomInSignatures } from '../mail/signature-room.ts';
import { tokenText } from '../mail/token.ts';
import { type Decision, type End, endAt, type Findings } from './finding.ts';
import type { Claim } from './recipient.ts';

/** What senders are judged by. */
export interface SenderPolicyOptions {
  readonly senderPolicy: Authentication['policy'];
  /** Needed unless the policy is `off`. */
  readonly authservId: string | undefined;
  /** How many Received fields of our own may stand above believed results; 0 unless given. */
  readonly ownReceived?: number;
  /** Whether a plus tag makes another address; `compare` unless given. */
  readonly plusTags?: 'compare' | 'ignore';
  /** What becomes of what `strict` does not let through; `discard` unless given. */
  readonly spoofed?: 'discard' | 'hold' | 'flag';
  /** Whether To or Cc must name the reply address; `required` unless given. */
  readonly addressed?: 'required' | 'off';
  /** Other forms of the reply addresses, which Postfix rewrites to `form`. */
  readonly aliases?: readonly ReplyAddressForm[];
}

/** The options with the form of the reply addresses, which are the gate's. */
type Options = SenderPolicyOptions & { readonly form: ReplyAddressForm };

/** What senders are judged by of a message. */
export interface Sent {
  readonly header: Header;
  readonly reversePath: string;
}

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
export function judgeSenderPolicy(
  options: Options,
  claim: Claim,
  sent: Sent,
  author: Mailbox,
  findings?: Findings,
): End | Sender {
  const { result, reason, cause } = vouch(options, claim, sent, author);
  const decision = decide(options, result);
  if (decision === 'discarded') {
    const disposition = { verdict: 'discarded', reason: 'spoofed', detail: reason, ...cause } as const;
    return endAt('sender_policy', disposition, findings);
  }
  findings?.push({ rule: 'sender_policy', result: decision, saw: reason });
  const authentication = { policy: options.senderPolicy, result };
  if (decision !== 'held') return { kind: 'sender', authentication, hold: undefined };
  return { kind: 'sender', authentication, hold: 'spoofed', why: { detail: reason, ...cause } };
}

/** Whether the author of a reply passes, whatever the policy makes of it; where it is off nobody does. */
export function hasPass(options: Options, claim: Claim, sent: Sent): boolean {
  const author = senderOf(sent.header);
  return author.ok && vouch(options, claim, sent, author.mailbox).result === 'pass';
}

/** Whether the reverse-path is an address of the user's, and our filter says that it is no forged one. */
export function isFromUser(options: Options, { user }: Claim, { header, reversePath }: Sent): boolean {
  const { senderPolicy, authservId, ownReceived = 0 } = options;
  if (senderPolicy === 'off' || authservId === undefined) return false;
  if (!isRegistered(options, user, reversePath)) return false;
  return isOwnPath(header, { authservId, ownReceived, reversePath });
}

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

/** What the reply is vouched for by: a sender who was authenticated, and who wrote to this address. */
function vouch(options: Options, claim: Claim, sent: Sent, author: Mailbox): Vouched {
  const vouched = authenticate(options, claim.user, sent, author);
  const { form, addressed = 'required', aliases = [] } = options;
  if (vouched.result !== 'pass' || addressed === 'off') return vouched;
  const naming = fieldsNaming(sent.header, tokenText(claim.token), [form, ...aliases]);
  if (naming.length === 0)
    return { result: 'fail', reason: NOT_ADDRESSED, cause: { cause: 'not-addressed' } };
  const room = vouched.isDirect ? undefined : roomInSignatures(sent.header, author.domain, naming);
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

function authenticate(
  options: SenderPolicyOptions,
  user: Claim['user'],
  { header, reversePath }: Sent,
  author: Mailbox,
): Vouched {
  const { senderPolicy, authservId, ownReceived = 0 } = options;
  if (senderPolicy === 'off') return { result: 'none', reason: 'the sender policy is off' };
  if (!isRegistered(options, user, author.address)) {
    const reason = "From is none of the user's addresses";
    return { result: 'fail', reason, cause: { cause: 'not-registered' } };
  }
  if (authservId === undefined) return { result: 'none', reason: 'no authserv-id is configured' };
  const { result, reason, arc, cause, isDirect } = judgeSender(header, author, {
    authservId,
    ownReceived,
    reversePath,
  });
  const told = arc === undefined ? reason : `${reason}; arc=${arc}`;
  return { result, reason: told, isDirect, ...(cause && { cause: { cause } }) };
}
