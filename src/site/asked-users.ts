/**
 * Users whom we do not know, asked of the platform while their notification waits.
 *
 * Contract: a question is about one address, and the answer is believed for that address alone. Whom the platform names
 * is taken into the directory, which answers from then on; nobody loses an address to them, and who was disabled or
 * removed here stays so. That nobody has an address is remembered for a minute, so that a new user is found soon. A
 * question that failed is no answer. An address is asked about once at a time, and few are at a time.
 * Failure: undefined in any case, within {@link ASK_MS}, with a line in the log and a count.
 */
import { randomBytes } from 'node:crypto';
import { foldAddress } from '../mail/address.ts';
import { SALT_BYTES } from '../mail/token.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Directory, NamedChange, User } from '../store/directory.ts';
import { DeadlineError, withinDeadline } from '../system/deadline.ts';
import { errorText } from '../system/error-text.ts';
import type { Config } from './config.ts';
import { addressProblem, nameProblem } from './user-form.ts';

/** Time for the platform to say who somebody is, waiting for its turn included. */
const ASK_MS = 5000;

/** Questions at a time. */
const MOST_ASKED = 8;

/** How long nobody has an address, and of how many addresses that is remembered. */
const UNKNOWN_MS = 60_000;
const MOST_UNKNOWN = 10_000;

/** The ground of asking. */
export interface AskGround {
  readonly config: Pick<Config, 'reply' | 'sender'>;
  readonly store: Pick<Directory, 'takeUsers' | 'userByName'>;
  /** Asks the platform. */
  readonly findUser: NonNullable<Sink['findUser']>;
  readonly log: Log;
  readonly meter: Meter;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly askMs?: number;
}

/** The users who are asked for. */
export class AskedUsers {
  readonly #ground: AskGround;
  readonly #turns = new Turns(MOST_ASKED);
  readonly #open = new Map<string, Promise<User | undefined>>();
  /** Until when nobody has an address, the oldest first. */
  readonly #unknown = new Map<string, number>();

  constructor(ground: AskGround) {
    this.#ground = ground;
  }

  /** Gives the user of an address that nobody has registered; never rejects. */
  find(address: string): Promise<User | undefined> {
    const { config, now } = this.#ground;
    const folded = foldAddress(address);
    const isUnknown = (this.#unknown.get(folded) ?? 0) > now();
    if (isUnknown || addressProblem(config, address) !== undefined) return Promise.resolve(undefined);
    const open = this.#open.get(folded);
    if (open !== undefined) return open;
    const asked = this.#answer(address, folded).finally(() => this.#open.delete(folded));
    this.#open.set(folded, asked);
    return asked;
  }

  async #answer(address: string, folded: string): Promise<User | undefined> {
    const { log, meter, store } = this.#ground;
    try {
      const name = await this.#ask(address);
      const change = name === undefined ? undefined : await this.#take(name, address);
      if (name === undefined || change === undefined) {
        meter.add('mailgw_asked_users_total', { answer: name === undefined ? 'unknown' : 'refused' });
        this.#remember(folded);
        return undefined;
      }
      meter.add('mailgw_asked_users_total', { answer: 'named' });
      return await store.userByName(name);
    } catch (error) {
      const answer = error instanceof DeadlineError ? 'late' : 'failed';
      meter.add('mailgw_asked_users_total', { answer });
      log('stamp_failed', { reason: `who has an address: ${errorText(error)}` });
      return undefined;
    }
  }

  /** Asks when it is its turn; what it waits is part of its time. */
  async #ask(address: string): Promise<string | undefined> {
    const { findUser, askMs = ASK_MS } = this.#ground;
    const end = performance.now() + askMs;
    await withinDeadline(askMs, (signal) => this.#turns.take(signal));
    try {
      const left = Math.max(1, end - performance.now());
      return await withinDeadline(left, async (signal) => {
        try {
          return await findUser(address, signal);
        } catch (error) {
          // A sink that heeds the signal says in its own words that it was too late.
          throw signal.aborted ? new DeadlineError() : error;
        }
      });
    } catch (error) {
      // Of its time some may have gone by in waiting.
      throw error instanceof DeadlineError ? new DeadlineError(`no answer within ${askMs / 1000} s`) : error;
    } finally {
      // A platform that hangs, and does not heed the signal, keeps no turn.
      this.#turns.give();
    }
  }

  /** Takes in whom the platform named; undefined, and told, where that cannot be. */
  async #take(name: string, address: string): Promise<NamedChange | undefined> {
    const { config, store, log, now } = this.#ground;
    const problem = nameProblem(name);
    if (problem !== undefined) {
      log('user_refused', { user: name, address, reason: `no name of a user: ${problem}` });
      return undefined;
    }
    const named = { name, addresses: [address], merge: 'behind', salt: randomBytes(SALT_BYTES) } as const;
    const [change] = await store.takeUsers([named], config.sender.plusTags, now());
    const reason = change === undefined ? undefined : refusalOf(change);
    if (reason === undefined) {
      log('user_named', { user: name, address });
      return change;
    }
    log('user_refused', { user: name, address, reason });
    return undefined;
  }

  #remember(folded: string): void {
    this.#unknown.delete(folded);
    this.#unknown.set(folded, this.#ground.now() + UNKNOWN_MS);
    if (this.#unknown.size <= MOST_UNKNOWN) return;
    const [oldest] = this.#unknown.keys();
    if (oldest !== undefined) this.#unknown.delete(oldest);
  }
}

/** Says why a user was not taken in; undefined where they were. */
function refusalOf(change: NamedChange): string | undefined {
  if (change.kind === 'taken') return `user "${change.by}" has the address by now`;
  if (change.kind === 'removed') return 'was removed; "mailgw-ctl user restore" brings them back';
  return undefined;
}

/** Turns, so many at a time, in the order in which they were asked for. */
class Turns {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(most: number) {
    this.#free = most;
  }

  /** Waits for a turn; rejects where the signal aborts before. */
  take(signal: AbortSignal): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const give = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.delete(give);
        reject(new DeadlineError('other questions to the platform have not been answered'));
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.add(give);
    });
  }

  /** Gives a turn back: to who waits longest. */
  give(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
