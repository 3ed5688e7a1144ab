/**
 * The verdict on one recipient of one transaction, and the one switch from a verdict to a reply.
 *
 * Contract: every recipient ends in exactly one disposition with a reason for the log; a sender is told no
 * more than the text here, so unknown, forged and revoked addresses get one answer (docs/how-it-works.md, The gate).
 */
import type { Cause } from './authentication.ts';
import type { Reply } from './status.ts';

/** The reason why a recipient was refused as no address of ours; all of them look alike from outside. */
export type NoSuchAddressReason =
  | 'syntax'
  | 'other-domain'
  | 'no-token'
  | 'malformed-token'
  | 'unknown-user'
  | 'unknown-thread'
  | 'forged'
  | 'disabled-user'
  | 'compose-off'
  /** Mail without a token that is to no notification of its author's. */
  | 'unmatched';

/** The reason why a message was accepted on the wire and yet never becomes a post. */
export type DiscardReason =
  | 'bounce'
  | 'auto-reply'
  | 'report'
  | 'loop'
  | 'malformed'
  | 'forged'
  | 'expired'
  | 'spoofed'
  | 'spam'
  /** As the refusal of this name, where a 5yz could be a bounce to somebody else. */
  | 'unmatched'
  /** A provider's call that came before. */
  | 'repeated'
  /** Another message under the id of a call that came before. */
  | 'replayed'
  /** A message of a mailbox that could not be read, time after time: it was given up. */
  | 'unreadable';

/** The reason why the sender policy vouches for nobody, as it is counted. */
export type SpoofCause = Cause | 'not-registered' | 'not-addressed' | 'not-signed';

/** The reason why a message waits for the operator. */
export type HoldReason =
  | 'list'
  | 'spam'
  | 'unchecked'
  | 'spoofed'
  | 'operator'
  | 'probe'
  /** A reply without a token that may be to one of several. */
  | 'several-threads';

/** The rule by which a reply without a token found its thread. */
export type MatchRule = 'message-id' | 'subject';

/** The verdict on one recipient. `detail` is for the log only. */
export type Disposition =
  | {
      readonly verdict: 'accepted';
      readonly reason: 'queued' | 'held' | 'duplicate';
      readonly id: string;
      readonly detail?: string;
      /** Of what is held as `spoofed`. */
      readonly cause?: SpoofCause;
    }
  | {
      readonly verdict: 'discarded';
      readonly reason: DiscardReason;
      readonly detail?: string;
      /** Of `spoofed`. */
      readonly cause?: SpoofCause;
    }
  | { readonly verdict: 'rejected'; readonly reason: 'no-such-address'; readonly detail: NoSuchAddressReason }
  | {
      readonly verdict: 'rejected';
      readonly reason: 'expired' | 'too-big' | 'malformed';
      readonly detail?: string;
    }
  | {
      readonly verdict: 'deferred';
      readonly reason:
        | 'rate-limited'
        | 'too-many-recipients'
        | 'storage'
        | 'log'
        | 'overloaded'
        | 'stopping'
        | 'pepper'
        | 'store'
        | 'restored'
        | 'unchecked'
        | 'unknown';
      readonly detail?: string;
    };

/** What a machine sent, and what is no reply as far as anybody can tell; the rest a person may miss. */
const NO_REPLIES: ReadonlySet<string> = new Set<DiscardReason>([
  'bounce',
  'auto-reply',
  'report',
  'loop',
  'repeated',
  'unmatched',
]);

/** Tells whether a person may miss a reply that ended so, and nobody told them. */
export function isDroppedReply({
  verdict,
  reason,
}: {
  readonly verdict: string;
  readonly reason: string;
}): boolean {
  return verdict === 'discarded' && !NO_REPLIES.has(reason);
}

/** Gives the reply to a disposition. */
export function replyTo(disposition: Disposition): Reply {
  switch (disposition.verdict) {
    case 'accepted':
      return {
        basic: 250,
        enhanced: '2.0.0',
        text: `${disposition.reason === 'duplicate' ? 'duplicate of' : 'queued as'} ${disposition.id}`,
      };
    case 'discarded':
      return { basic: 250, enhanced: '2.0.0', text: 'discarded' };
    case 'rejected':
      return rejection(disposition.reason);
    case 'deferred':
      return deferral(disposition.reason);
  }
}

type ReasonOf<V> = Extract<Disposition, { verdict: V }>['reason'];

function rejection(reason: ReasonOf<'rejected'>): Reply {
  switch (reason) {
    case 'no-such-address':
      return { basic: 550, enhanced: '5.1.1', text: 'no such reply address' };
    case 'expired':
      return {
        basic: 550,
        enhanced: '5.7.1',
        text: 'this reply address has expired; please answer on the site itself',
      };
    case 'too-big':
      return { basic: 552, enhanced: '5.3.4', text: 'message is too big' };
    case 'malformed':
      return { basic: 554, enhanced: '5.6.0', text: 'message is malformed' };
  }
}

function deferral(reason: ReasonOf<'deferred'>): Reply {
  switch (reason) {
    case 'rate-limited':
      return { basic: 450, enhanced: '4.7.1', text: 'too many replies, try again later' };
    case 'too-many-recipients':
      return { basic: 452, enhanced: '4.5.3', text: 'too many recipients' };
    case 'storage':
      return { basic: 452, enhanced: '4.3.1', text: 'insufficient system storage' };
    case 'overloaded':
      return { basic: 421, enhanced: '4.3.2', text: 'too busy, try again later' };
    case 'stopping':
      return { basic: 421, enhanced: '4.3.2', text: 'service is stopping' };
    case 'unchecked': // by the spam filter: nobody's business outside, as is the rest
    case 'pepper':
    case 'store':
    case 'restored':
    case 'log':
    case 'unknown':
      return { basic: 451, enhanced: '4.3.0', text: 'temporary failure, try again later' };
  }
}
