/**
 * The dispatchers of a store: one for each sink, and where there are several one for what is no sink's.
 *
 * Contract: each leases from its own lane alone, and has breaker, shares of users and slots of its own: a sink that is broken,
 * or hangs, takes nothing from another, however much waits for it. A site with one sink has one dispatcher, which knows of
 * no lanes. Other lanes are in force when {@link Dispatchers.renew} was called: what waits is then leased by the dispatcher
 * whose it is now, and what is under way ends where it began.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lane } from '../mail/lane.ts';
import type { NewItem } from '../store/item.ts';
import type { Lanes } from '../store/lanes.ts';
import { errorText } from '../system/error-text.ts';
import { Dispatcher } from './dispatcher.ts';
import type { DispatcherOptions, Fellowship } from './dispatcher-options.ts';
import { WallClock } from './wall-clock.ts';

/** The dispatching in force. */
export interface Dispatching {
  /** The options of each dispatcher by the name of its sink. */
  readonly options: ReadonlyMap<string, DispatcherOptions>;
  /** None where there is one sink. */
  readonly lanes: readonly Lane[];
  /** Gives the name of the sink whose thread it is; asked only where there are lanes. */
  readonly laneOf: (thread: string) => string | undefined;
}

/** What becomes of new items. */
type Reception = Pick<Dispatcher, 'expect' | 'arrived'>;

/** The dispatchers; their life as that of one. */
export class Dispatchers {
  readonly #inForce: () => Dispatching;
  readonly #store: Lanes;
  readonly #fellowship: Fellowship;
  readonly #byName = new Map<string, Dispatcher>();
  /** Those whose sink is configured no more, until their attempts have ended. */
  readonly #retiring = new Set<Dispatcher>();
  /** The only one, where there are no lanes. */
  #only: Dispatcher | undefined;
  #isStarted = false;

  constructor(inForce: () => Dispatching, store: Lanes) {
    this.#inForce = inForce;
    this.#store = store;
    const [first] = inForce().options.values();
    if (first === undefined) throw new Error('there is no sink');
    const claimed = (): string[] => [...this.#all].flatMap((dispatcher) => dispatcher.claimed);
    this.#fellowship = { clock: new WallClock(first), claimed };
    this.#muster();
  }

  get #all(): readonly Dispatcher[] {
    return [...this.#byName.values(), ...this.#retiring];
  }

  /** Starts dispatching. */
  start(): void {
    this.#isStarted = true;
    for (const dispatcher of this.#byName.values()) dispatcher.start();
  }

  /**
   * Takes up what is in force now, and resolves when the attempts under way, which may use what was before, are over. The
   * store moves what waits before anything more is leased.
   */
  async renew(): Promise<void> {
    const { options } = this.#inForce();
    const moved = this.#setLanes(this.#inForce());
    const ends = [...this.#byName].map(([name, dispatcher]) => {
      if (options.has(name)) return dispatcher.renew();
      this.#byName.delete(name);
      this.#retiring.add(dispatcher);
      return dispatcher.retire().finally(() => this.#retiring.delete(dispatcher));
    });
    this.#muster();
    await moved;
    this.wake();
    await Promise.all(ends);
  }

  /** Gives who expects new items: the dispatcher of their lane. */
  of(items: readonly NewItem[]): Reception {
    if (this.#only !== undefined) return this.#only;
    const { laneOf } = this.#inForce();
    const concerned = new Set(items.map(({ thread }) => this.#byName.get(laneOf(thread) ?? '')));
    const [first, ...others] = [...concerned].filter((dispatcher) => dispatcher !== undefined);
    return first !== undefined && others.length === 0 ? first : forSeveral(first, others);
  }

  /** Says that there may be work. */
  wake(): void {
    for (const dispatcher of this.#byName.values()) dispatcher.wake();
  }

  /** Stops all, side by side. */
  async stop(timeoutMs: number): Promise<void> {
    await Promise.all(this.#all.map((dispatcher) => dispatcher.stop(timeoutMs)));
  }

  /** Has the store know the lanes; a store that fails is asked again, until others are in force. */
  async #setLanes(dispatching: Dispatching): Promise<void> {
    const { log, now, pollMs } = this.#options();
    while (this.#inForce() === dispatching) {
      try {
        await this.#store.setLanes(dispatching.lanes, now());
        return;
      } catch (error) {
        log('dispatch_failed', { reason: `the lanes of sinks: ${errorText(error)}` });
        await sleep(pollMs, undefined, { ref: false });
      }
    }
  }

  /** Makes the dispatchers that are missing. */
  #muster(): void {
    const { options, lanes } = this.#inForce();
    for (const name of options.keys()) {
      if (this.#byName.has(name)) continue;
      const dispatcher = new Dispatcher(this.#optionsOf(name), this.#fellowship);
      this.#byName.set(name, dispatcher);
      if (this.#isStarted) dispatcher.start();
    }
    const [only] = this.#byName.values();
    this.#only = lanes.length === 0 ? only : undefined;
  }

  /** Gives what gives the options of one, for as long as it lives: the last ones, where its sink is gone. */
  #optionsOf(name: string): () => DispatcherOptions {
    let known = this.#inForce();
    let options = known.options.get(name) ?? this.#options();
    return () => {
      const inForce = this.#inForce();
      if (inForce !== known) {
        known = inForce;
        options = inForce.options.get(name) ?? options;
      }
      return options;
    };
  }

  #options(): DispatcherOptions {
    const [first] = this.#inForce().options.values();
    if (first === undefined) throw new Error('there is no sink');
    return first;
  }
}

/** Receives the items of one mail for several lanes: none is leased with the commit, and each dispatcher looks for its own. */
function forSeveral(first: Dispatcher | undefined, others: readonly Dispatcher[]): Reception {
  const all = first === undefined ? others : [first, ...others];
  return {
    expect: () => {
      for (const dispatcher of all) dispatcher.late();
      return undefined;
    },
    arrived: () => {
      for (const dispatcher of all) dispatcher.wake();
    },
  };
}
