/**
 * Findings as people and scripts get them.
 *
 * Contract: prints every finding, then ends with the exit status of the worst problem; warnings alone end with 0.
 * `--json` is one object per finding: check, status, what, why, fix; the last two are null where nothing is wrong.
 */
import { EXIT, type ExitStatus, Fault } from '../../actions/fault.ts';
import { type Output, printObject, printText } from '../terminal/print.ts';
import type { Finding } from './finding.ts';

/** The exit statuses of problems, the worst first: what is misconfigured explains what fails. */
const WORST_FIRST: readonly ExitStatus[] = [
  EXIT.configuration,
  EXIT.inputOutput,
  EXIT.cannotCreate,
  EXIT.internal,
  EXIT.unavailable,
  EXIT.badInput,
];

const MARKS: Readonly<Record<Finding['status'], string>> = {
  ok: 'ok      ',
  note: 'note    ',
  skipped: 'skipped ',
  warning: 'WARNING ',
  problem: 'PROBLEM ',
};

/** Prints one finding. */
export function printFinding(output: Output, finding: Finding): void {
  const { check, status, what } = finding;
  const { why, fix } = 'why' in finding ? finding : { why: null, fix: null };
  if (output.json) {
    printObject(output, { check, status, what, why, fix });
    return;
  }
  const indent = ' '.repeat(MARKS.ok.length);
  const lines = [`${MARKS[status]}${check}: ${oneLine(what)}`];
  if (why !== null) lines.push(`${indent}why: ${oneLine(why)}`, `${indent}fix: ${oneLine(fix)}`);
  printText(output, lines.join('\n'));
}

const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ');

/** Ends with a Fault where a finding is a problem. */
export function concludeFindings(findings: readonly Finding[]): void {
  const problems = findings.flatMap((finding) => (finding.status === 'problem' ? [finding.exit] : []));
  const worst = WORST_FIRST.find((status) => problems.includes(status));
  if (worst === undefined) return;
  const warnings = findings.filter(({ status }) => status === 'warning').length;
  throw new Fault(worst, `${count(problems.length, 'problem')}, ${count(warnings, 'warning')}`);
}

const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;

/** Prints findings and ends by the worst. */
export function report(output: Output, findings: readonly Finding[]): void {
  for (const finding of findings) printFinding(output, finding);
  concludeFindings(findings);
}
