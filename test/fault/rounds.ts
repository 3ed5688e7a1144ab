// The chance that a fault test takes its rounds with, and how it says which round failed.
//
// Contract: a test draws every random number from one seeded source, and names the seed when it fails, so that
// MAILGW_FAULT_SEED repeats its choices.

/** A source of chance: mulberry32, 32 bits of state, good enough to choose moments by. */
export class Chance {
  /** What it was begun with. */
  readonly seed: number;
  #state: number;

  constructor(seed = Number(process.env.MAILGW_FAULT_SEED ?? Date.now() % 2 ** 31)) {
    this.seed = seed;
    this.#state = seed;
  }

  /** A number in [0, 1). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** One of several. */
  oneOf<T>(choices: readonly T[]): T {
    const chosen = choices[this.below(choices.length)];
    if (chosen === undefined) throw new Error('nothing to choose from');
    return chosen;
  }
}

/** A failure of a round with all that it takes to repeat it. */
export function failedRound(problem: unknown, ...where: readonly string[]): Error {
  const what = problem instanceof Error ? problem.message : String(problem);
  return new Error(`${where.join(', ')}: ${what}`, { cause: problem });
}
