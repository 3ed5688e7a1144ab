/** What each rule of the gate saw and decided, as a table for people. */
import { type Output, printRows } from './print.ts';

/** A rule's line; a step that is not the gate's has one too. */
export interface Line {
  readonly rule: string;
  readonly result: string;
  readonly saw: string;
}

/** Prints one line for each rule. */
export function printFindings(output: Output, lines: readonly Line[]): void {
  const rows = lines.map(({ rule, result, saw }) => ({ rule, result, saw }));
  printRows(output, rows, [{ key: 'rule' }, { key: 'result' }, { key: 'saw', shrinks: true }], '');
}
