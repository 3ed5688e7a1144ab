// How long a piece of work takes, as far as a shared machine can say.

/** The shortest of three runs in milliseconds: what others do on the machine can only lengthen a run. */
export function shortestMs(work: () => void): number {
  let shortest = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 3; run++) {
    const start = performance.now();
    work();
    shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest;
}
