/**
 * The sender policy: From is one of the user's addresses, and the site's own filter vouches for it.
 *
 * Contract: with `strict` only that passes, and `spoofed` says what becomes of the rest; with `flag` everything
 * passes, and its result goes along; `off` trusts the token alone. Nothing is refused with a 5yz: the bounce would go
 * to whoever was imitated.
 */
import { foldAddress } from '../mail/address.ts';
import { judgeSender } from '../mail/authentication.ts';
import type { HoldReason } from '../mail/disposition.ts';
import type { Header } from '../mail/header.ts';
import type { Mailbox } from '../mail/mailbox.ts';
import type { User } from '../queue/directory-port.ts';
import type { Authentication } from '../queue/queue.ts';
import { type Decision, discard, type End, type Findings } from './finding.ts';

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
}

/** A sender that may write; `hold` when the operator has to look first. */
interface Sender {
  readonly kind: 'sender';
  readonly authentication: Authentication;
  readonly hold: HoldReason | undefined;
}

/** Judges the author of a reply. */
export function judgeSenderPolicy(
  options: SenderPolicyOptions,
  user: User,
  header: Header,
  author: Mailbox,
  findings?: Findings,
): End | Sender {
  const { result, reason } = authenticate(options, user, header, author);
  const decision = decide(options, result);
  if (decision === 'discarded') return discard('sender_policy', 'spoofed', reason, findings);
  findings?.push({ rule: 'sender_policy', result: decision, saw: reason });
  const hold = decision === 'held' ? 'spoofed' : undefined;
  return { kind: 'sender', authentication: { policy: options.senderPolicy, result }, hold };
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

function authenticate(
  { senderPolicy, authservId, ownReceived = 0, plusTags = 'compare' }: SenderPolicyOptions,
  user: User,
  header: Header,
  author: Mailbox,
): { readonly result: Authentication['result']; readonly reason: string } {
  if (senderPolicy === 'off') return { result: 'none', reason: 'the sender policy is off' };
  const from = foldAddress(author.address, plusTags);
  if (!user.addresses.some((address) => foldAddress(address, plusTags) === from)) {
    return { result: 'fail', reason: "From is none of the user's addresses" };
  }
  if (authservId === undefined) return { result: 'none', reason: 'no authserv-id is configured' };
  const { result, reason, arc } = judgeSender(header, author, { authservId, ownReceived });
  return { result, reason: arc === undefined ? reason : `${reason}; arc=${arc}` };
}
