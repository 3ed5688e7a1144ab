/**
 * The relay's session of one LMTP connection: opened when it is needed, kept for the next transaction.
 *
 * Failure: {@link RelayFailure}.
 */
import type { Endpoint } from '../../config/kinds.ts';
import { RelayFailure, RelaySession, type RelayTimes } from './relay.ts';

/** The place of the relay, and what is said to it. */
export interface RelayOptions {
  readonly endpoint: Endpoint;
  readonly hostname: string;
  readonly times: RelayTimes;
}

/** The place that holds the session. */
export class RelaySlot {
  readonly #options: () => RelayOptions;
  #session: RelaySession | undefined;
  #isClosed = false;

  /** Takes what gives the options in force; a session that is open keeps its own. */
  constructor(options: () => RelayOptions) {
    this.#options = options;
  }

  /** Gives the session; opens one where there is none that could go on. */
  async ready(): Promise<RelaySession> {
    if (this.#session?.isIdle === true) return this.#session;
    return this.fresh();
  }

  /** Opens a session in place of the one before. */
  async fresh(): Promise<RelaySession> {
    this.drop();
    const { endpoint, times, hostname } = this.#options();
    const session = await RelaySession.open(endpoint, times, hostname);
    if (this.#isClosed) {
      session.quit();
      throw new RelayFailure('4.4.2', 'the client is gone');
    }
    this.#session = session;
    return session;
  }

  /** Drops the session: what is under way in it is not taken. */
  drop(): void {
    this.#session?.abort();
    this.#session = undefined;
  }

  /** Takes leave of the relay. */
  close(): void {
    this.#isClosed = true;
    this.#session?.quit();
    this.#session = undefined;
  }
}
