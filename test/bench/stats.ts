/**
 * The figures that the benchmark condenses its rounds into.
 *
 * Contract: pure; values that are no finite number are left out, and nothing left gives NaN, never an exception.
 */

/** The middle of a few rounds and how far they lie apart. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Returns the value below which the share `fraction` (0 to 1) of the ascending list lies (nearest rank). */
export function percentile(ascending: ArrayLike<number>, fraction: number): number {
  const rank = Math.max(1, Math.ceil(fraction * ascending.length));
  return ascending[rank - 1] ?? Number.NaN;
}

/** Returns median, least and greatest of the values; the median of an even count is the mean of the middle two. */
export function spread(values: readonly number[]): Spread {
  const ascending = values.filter(Number.isFinite).toSorted((a, b) => a - b);
  const half = ascending.length / 2;
  const lower = ascending[Math.ceil(half) - 1] ?? Number.NaN;
  const upper = ascending[Math.floor(half)] ?? Number.NaN;
  return {
    median: (lower + upper) / 2,
    min: ascending[0] ?? Number.NaN,
    max: ascending.at(-1) ?? Number.NaN,
  };
}
