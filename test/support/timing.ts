// Whether response times tell two kinds of requests apart: interleaved samples, and a rank statistic.

/** One kind of request: its name, and one sample of it. */
export interface Kind {
  readonly name: string;
  /** What comes before a sample and is not timed. */
  readonly prepare?: () => Promise<unknown>;
  readonly once: () => Promise<unknown>;
}

/** Milliseconds per kind, taken in turns whose order changes every round, so that what drifts drifts for all. */
export async function sampleInTurns(kinds: readonly Kind[], rounds: number): Promise<Map<string, number[]>> {
  const samples = new Map(kinds.map(({ name }) => [name, [] as number[]]));
  for (let round = -Math.ceil(rounds / 10); round < rounds; round++) {
    for (const { name, prepare, once } of shuffled(kinds)) {
      await prepare?.();
      const start = performance.now();
      await once();
      const ms = performance.now() - start;
      if (round >= 0) samples.get(name)?.push(ms); // the rounds before warm up
    }
  }
  return samples;
}

function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ value }) => value);
}

/**
 * Mann and Whitney's U as a share: the chance that a sample of `b` is longer than one of `a`. 0.5 says nothing, 0 and 1
 * tell every pair apart. It goes by ranks, so that the outliers of a loaded machine count no more than others.
 */
export function chanceOfLonger(a: readonly number[], b: readonly number[]): number {
  const all = [...a.map((ms) => ({ ms, isB: 0 })), ...b.map((ms) => ({ ms, isB: 1 }))];
  all.sort((x, y) => x.ms - y.ms);
  let rankSum = 0;
  for (let first = 0; first < all.length; ) {
    let last = first;
    while (all[last + 1]?.ms === all[first]?.ms) last++;
    const rank = (first + last) / 2 + 1;
    for (let index = first; index <= last; index++) rankSum += rank * (all[index]?.isB ?? 0);
    first = last + 1;
  }
  return (rankSum - (b.length * (b.length + 1)) / 2) / (a.length * b.length);
}

/** The middle of the samples. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
