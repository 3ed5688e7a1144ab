/** A bound on lines about calls that are refused: whoever finds the URL could fill the log with them. */

/** Lines of one kind within a span. */
const MOST = 20;
const SPAN_MS = 60_000;

/** What is counted of one kind. */
interface Count {
  since: number;
  lines: number;
  unsaid: number;
}

/** The bound. */
export class Complaints {
  readonly #counts = new Map<string, Count>();

  /** Asks for a line now; gives how many lines were left out before it, or undefined: this one is left out too. */
  ask(kind: string, now: number): number | undefined {
    const count = this.#counts.get(kind) ?? { since: now, lines: 0, unsaid: 0 };
    this.#counts.set(kind, count);
    if (Math.abs(now - count.since) >= SPAN_MS) Object.assign(count, { since: now, lines: 0 });
    if (count.lines >= MOST) {
      count.unsaid += 1;
      return undefined;
    }
    const { unsaid } = count;
    Object.assign(count, { lines: count.lines + 1, unsaid: 0 });
    return unsaid;
  }
}
