// What the demonstration prints: numbered steps, plain text, no colour.
//
// Contract: one line of output is one line for the reader: control characters are never passed on.
// Failure: an expectation that does not hold throws, saying what was expected and what there was.

import { isDeepStrictEqual } from 'node:util';

/** Tells the steps one by one. */
export class Story {
  readonly #interrupt: AbortSignal;
  #step = 0;

  /** A story that throws instead of beginning a step once `interrupt` has fired. */
  constructor(interrupt: AbortSignal) {
    this.#interrupt = interrupt;
  }

  /** Begins the next step. */
  step(title: string): void {
    this.#interrupt.throwIfAborted();
    this.#step += 1;
    print('');
    print(`${this.#step}. ${title}`);
  }

  /** The number of the step under way; 0 before the first. */
  get number(): number {
    return this.#step;
  }

  /** Says something about the step. */
  say(text: string): void {
    for (const line of text.split('\n')) print(`   ${line}`.trimEnd());
  }

  /** Shows names and values in two columns. */
  show(values: Readonly<Record<string, string>>): void {
    const width = Math.max(...Object.keys(values).map((name) => name.length));
    for (const [name, value] of Object.entries(values)) {
      const [first = '', ...more] = value.split('\n');
      this.say(`${name.padEnd(width)}  ${first}`);
      for (const line of more) this.say(`${' '.repeat(width)}  ${line}`);
    }
  }

  /** Shows a text as it stands, behind a bar; empty lines at its end are left out. */
  quote(text: string): void {
    for (const line of text.trimEnd().split('\n')) print(`   | ${line}`.trimEnd());
  }

  /** Throws unless `text` matches; returns what the pattern's first group matched. */
  expectMatch(text: string, pattern: RegExp, expected: string): string {
    const match = pattern.exec(text);
    if (match === null) throw new Error(`expected ${expected}, got ${text}`);
    return match[1] ?? '';
  }

  /** Throws unless both are the same. */
  expectEqual(got: unknown, expected: unknown, what: string): void {
    if (!isDeepStrictEqual(got, expected)) {
      throw new Error(`expected ${what} ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`);
    }
  }
}

/** Prints one line; what could move a terminal's cursor or turn its text around is shown as `?`. */
export function print(line: string): void {
  const plain = line.replace(/(?!\t)[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, '?');
  process.stdout.write(`${plain}\n`);
}
