/**
 * How a mailbox is paced: the clocks and the chance that it waits by, and how long it waits for what.
 *
 * Contract: all waits of the source are on {@link Pace}, so that a test may let a day pass. Deadlines of commands are not:
 * they time a server.
 */
import type { After } from '../../system/bell.ts';
import type { MailboxErrorKind } from './mailbox-error.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

/** Clocks and chance. */
export interface Pace {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly after: After;
}

/** The pace of the daemon. */
export const REAL_PACE: Pace = {
  now: Date.now,
  monotonic: () => performance.now(),
  random: Math.random,
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => {
      clearTimeout(timer);
    };
  },
};

/**
 * The time between two searches, whatever IDLE says. With the deadline of a command and the way to a new connection it
 * stays below five minutes, in which every message is seen.
 */
export const SEARCH_MS = 4 * MINUTE_MS;

/** The time for which a mailbox is owned. */
export const LEASE_MS = MINUTE_MS;
/** The time after which the ownership is renewed. */
export const RENEW_MS = 20 * SECOND_MS;

/** The pause while another host reads the mailbox. */
export const RIVAL_MS = 30 * SECOND_MS;

/** The pause after a password that was refused: who asks more often may be locked out. */
const LOGIN_MS = 15 * MINUTE_MS;

const LONGEST_MS = 5 * MINUTE_MS;
/** The longest pause after a failure of our own side, which is over sooner than a server's. */
const LONGEST_OWN_MS = 30 * SECOND_MS;

/** Gives the pause after so many failures in a row, the last of them of this kind; undefined is a fault of our own. */
export function pauseAfter(kind: MailboxErrorKind | undefined, failures: number, random: number): number {
  if (kind === 'login') return LOGIN_MS;
  if (kind === 'settings' || kind === 'folder' || kind === 'tls' || kind === 'rival') return LONGEST_MS;
  const longest = kind === undefined ? LONGEST_OWN_MS : LONGEST_MS;
  const first = kind === 'busy' ? MINUTE_MS : 2 * SECOND_MS;
  const most = Math.min(first * 2 ** Math.min(failures - 1, 20), longest);
  return Math.max(SECOND_MS, most * (0.5 + random / 2));
}

/** Gives the time after which a message is tried again that was tried so often. */
export const retryAfter = (attempts: number): number =>
  Math.min(MINUTE_MS * 2 ** Math.min(Math.max(attempts, 1) - 1, 10), 60 * MINUTE_MS);
