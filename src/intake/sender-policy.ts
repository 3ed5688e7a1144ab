/**
 * The sender policy: From is one of the user's addresses, and the site's own filter vouches for it.
 *
 * Contract: with `strict` nothing else passes; with `flag` everything does, and its result goes along; `off` trusts
 * the token alone. A 5yz would be a bounce to whoever was imitated, so what fails ends in a discard.
 */
import { foldAddress } from '../mail/address.ts';
import { judgeSender } from '../mail/authentication.ts';
import type { Header } from '../mail/header.ts';
import type { Mailbox } from '../mail/mailbox.ts';
import type { Authentication, User } from '../queue/queue.ts';
import { discard, type End, type Findings } from './finding.ts';

/** What senders are judged by. */
export interface SenderPolicyOptions {
  readonly senderPolicy: Authentication['policy'];
  /** Needed unless the policy is `off`. */
  readonly authservId: string | undefined;
}

/** Judges the author of a reply. */
export function judgeSenderPolicy(
  options: SenderPolicyOptions,
  user: User,
  header: Header,
  author: Mailbox,
  findings?: Findings,
): End | { readonly kind: 'sender'; readonly authentication: Authentication } {
  const { result, reason } = authenticate(options, user, header, author);
  const { senderPolicy: policy } = options;
  if (policy === 'strict' && result !== 'pass') return discard('sender_policy', 'spoofed', reason, findings);
  const decision = policy === 'off' ? 'off' : result === 'pass' ? 'pass' : 'flagged';
  findings?.push({ rule: 'sender_policy', result: decision, saw: reason });
  return { kind: 'sender', authentication: { policy, result } };
}

function authenticate(
  { senderPolicy, authservId }: SenderPolicyOptions,
  user: User,
  header: Header,
  author: Mailbox,
): { readonly result: Authentication['result']; readonly reason: string } {
  if (senderPolicy === 'off' || authservId === undefined) {
    return { result: 'none', reason: 'the sender policy is off' };
  }
  const from = foldAddress(author.address);
  if (!user.addresses.some((address) => foldAddress(address) === from)) {
    return { result: 'fail', reason: "From is none of the user's addresses" };
  }
  return judgeSender(header, author, { authservId });
}
