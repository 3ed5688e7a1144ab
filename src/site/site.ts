/**
 * What a site has in force: its settings, and the parts that are built from them.
 *
 * Contract: a part names the settings that it is built from, and is built anew when a reload brings others. Whoever uses
 * a part asks for the one in force each time, and finishes on the one that it got. A reload puts everything in force
 * in one turn of the event loop, in the order in which the parts were added. What needs no more than a value reads the
 * settings in force whenever it needs it.
 * Failure: none; whatever can fail was done while the setup was read.
 */
import type { Config } from './config.ts';
import type { Setup } from './settings.ts';

/** Something built from a setup, and built anew when what it reads has changed. */
export interface Part<T> {
  /** The sections and keys that it is built from; what reads everything is built anew by every reload. */
  readonly reads: 'everything' | readonly string[];
  /** Builds it. */
  readonly open: (setup: Setup) => T;
  /** Loads what the start can do without; called once the daemon serves. */
  readonly warm?: (part: T) => void;
  /** Ends it; called when nobody uses it any more. */
  readonly close?: (part: T) => Promise<void>;
}

/** A part in its place: how a reload replaces it, and how it ends. */
interface Place {
  /** Builds the part anew where one of the changed keys is its own; gives the end of the part before. */
  readonly renew: (changed: readonly string[]) => (() => Promise<void>) | undefined;
  readonly warm: () => void;
  readonly close: () => Promise<void>;
}

/** A site. */
export class Site {
  #setup: Setup;
  readonly #places: Place[] = [];

  constructor(setup: Setup) {
    this.#setup = setup;
  }

  /** Gives the setup in force. */
  get setup(): Setup {
    return this.#setup;
  }

  /** Gives the configuration in force. */
  get config(): Config {
    return this.#setup.settings.config;
  }

  /** Adds a part; gives the function that gives the part in force. */
  part<T>({ reads, open, warm, close }: Part<T>): () => T {
    let part = open(this.#setup);
    this.#places.push({
      renew: (changed) => {
        if (!isRead(reads, changed)) return undefined;
        const before = part;
        part = open(this.#setup);
        warm?.(part);
        return async () => close?.(before);
      },
      warm: () => warm?.(part),
      close: async () => close?.(part),
    });
    return () => part;
  }

  /** Warms every part. */
  warm(): void {
    for (const { warm } of this.#places) warm();
  }

  /** Puts a setup in force, of which these keys are new; the function that comes back ends the parts that it replaced. */
  change(setup: Setup, changed: readonly string[]): () => Promise<void> {
    this.#setup = setup;
    const ends = this.#places.flatMap(({ renew }) => renew(changed) ?? []);
    return async () => {
      for (const end of ends) await end();
    };
  }

  /** Ends every part, in the opposite order. */
  async close(): Promise<void> {
    for (const { close } of this.#places.toReversed()) await close();
  }
}

function isRead(reads: Part<unknown>['reads'], changed: readonly string[]): boolean {
  if (reads === 'everything') return true;
  return changed.some((key) => reads.some((read) => key === read || key.startsWith(`${read}.`)));
}
