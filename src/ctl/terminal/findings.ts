/** What each rule of the gate saw and decided, as a table for people. */
import type { Saw } from '../../actions/rehearse.ts';
import { type Output, printRows } from './print.ts';

/** Prints one line for each rule. */
export function printFindings(output: Output, lines: readonly Saw[]): void {
  const rows = lines.map(({ rule, result, saw }) => ({ rule, result, saw }));
  printRows(output, rows, [{ key: 'rule' }, { key: 'result' }, { key: 'saw', shrinks: true }], '');
}
