/**
 * Stamping as a port: who gets another copy of a message on its way out, and what is different in it.
 *
 * Contract: asked for each message when its header is there, and once more with its body where the answer is that it
 * takes one. A copy differs from what came in its beginning and its reverse-path alone; who is in none of the copies gets
 * the bytes as they came. Never rejects: an error is a reason for no stamp, and told in the log by whoever made it.
 */

/** A message on its way out, as far as it is known when its header is there. */
export interface Outgoing {
  /** Its first bytes: the header and the empty line behind it, or as much of a header as is read. */
  readonly beginning: Buffer;
  /** Empty for the null reverse-path. */
  readonly reversePath: string;
  readonly recipients: readonly string[];
  /** The body, once all of it is there; undefined before. */
  readonly body?: Buffer | undefined;
}

/** A copy for one user. */
export interface StampedCopy {
  readonly user: string;
  readonly thread: string;
  /** The places of its recipients in the envelope. */
  readonly recipients: readonly number[];
  /** Takes the place of the reverse-path, where it is given. */
  readonly reversePath: string | undefined;
  /** Takes the place of the beginning. */
  readonly beginning: Buffer;
}

/** Why mail goes out as it came. */
export type Unstamped =
  | 'no-notification'
  | 'header-too-large'
  | 'no-sink'
  | 'own'
  | 'automatic'
  | 'malformed'
  | 'signed'
  | 'expired'
  | 'unknown-user'
  | 'ambiguous-user'
  | 'disabled-user'
  | 'no-salt'
  | 'pepper'
  | 'store'
  | 'error';

/** What becomes of a message. */
export interface StampPlan {
  readonly copies: readonly StampedCopy[];
  /** Why the others get the message as it came. */
  readonly otherwise: Unstamped;
  /** Hears of the whole message as it came, once the relay has taken a stamped copy; undefined where nobody wants it. */
  readonly remember: ((raw: Uint8Array) => void) | undefined;
  /** The body would tell: the message is planned again when it is there, and goes out by this plan if it is too large. */
  readonly wantsBody?: true;
}

/** Plans the copies of a message. */
export type PlanStamps = (outgoing: Outgoing) => Promise<StampPlan>;
