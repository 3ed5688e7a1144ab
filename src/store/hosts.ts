/**
 * The hosts of a store as a port: the daemons that share it, as each of them and the operator see them. Contract and
 * failure as of store.ts.
 */
import type { Moment } from '../system/moment.ts';

/**
 * The state of a host: its daemon tells the store that it lives; it ended in order; or nothing was heard of it for so long
 * that the others have taken over what it was at.
 */
export type HostState = 'live' | 'stopped' | 'dead';

/** A host. */
export interface HostView {
  readonly name: string;
  readonly version: string;
  readonly schemaVersion: number;
  readonly state: HostState;
  readonly startedAt: number;
  readonly seenAt: number;
  /** Its clock less the database's, as it was measured last. */
  readonly clockMs: number;
  /** Items that it has leased. */
  readonly leased: number;
  /** Items that it took since the time that was asked for, and such as it posted. */
  readonly taken: number;
  readonly posted: number;
}

/** What became of the wish to forget a host. */
export type ForgetResult =
  | { readonly kind: 'forgotten'; readonly givenBack: number }
  | { readonly kind: 'unknown' }
  /** It was seen so lately that its daemon may be at work. */
  | { readonly kind: 'live'; readonly seenAt: number };

/** The hosts of a store; one with a single daemon has none. */
export interface Hosts {
  /** Lists the hosts by name; what they did is counted since a time, by default for an hour. */
  listHosts(since?: number): Promise<readonly HostView[]>;
  /** Forgets a host that is gone for good, and gives back what it has leased. */
  forgetHost(name: string): Promise<ForgetResult>;
  /**
   * Tells whether the other hosts still count on this daemon. Where it is false, they may have taken over what it had
   * leased, and nothing of that is to be begun.
   */
  isPresent(): boolean;
  /**
   * Tells whether what was leased at the asking of a moment is this daemon's own for `forMs` after that moment, and that is
   * not over: the others have counted on it without a break, so that nobody has taken it over.
   */
  holds(askedAt: Moment, forMs: number): boolean;
}
