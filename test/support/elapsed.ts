// How long a piece of work takes, as far as a shared machine can say.

const RUNS = 8;

/**
 * The processor time of the shortest run in milliseconds, of as many as it takes to come below `bound`, eight at most:
 * what others do on the machine, and a compiler that has not seen the code yet, can only lengthen a run.
 */
export function shortestMs(bound: number, work: () => unknown): number {
  let shortest = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS && shortest >= bound; run++) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    shortest = Math.min(shortest, (user + system) / 1000);
  }
  return shortest;
}
