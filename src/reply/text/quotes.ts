/**
 * How far a run of quoted lines reaches.
 *
 * Contract: `quoteEnd` includes blank lines between quoted lines, and one or two unquoted lines between them that
 * some mailer broke off a long line; an answer between quoted lines ends the run.
 * Limits: a broken line is looked at with its two neighbours; the scan never goes back.
 */
import { type Line, makeLine } from './lines.ts';
import { nextContent, unbalanced } from './view.ts';

const LONG = 60;

const MAX_INNER = 8;

const withoutMarks = (line: Line | undefined): string => (line?.text ?? '').replace(/^[\s>＞»]+/, '');

/**
 * Tells whether unquoted `line` is the rest of the quoted line above it; `before` says the run had such a line
 * already.
 */
function isBrokenOff(above: Line | undefined, line: Line, before: boolean): boolean {
  if (line.standing === 'foreign') return false;
  const head = withoutMarks(above);
  const rest = line.text.trim();
  if (/\s>$/.test(rest)) return true;
  if (unbalanced(head, '(', ')') && rest.includes(')')) return true;
  if (unbalanced(head, '<', '>') && rest.includes('>')) return true;
  if (head.length < LONG || !/^[\p{Ll}\p{N}_("'&=/-]/u.test(rest)) return false;
  return before || !/[.!?:]$/.test(head);
}

/**
 * Gives the first of the quoted lines from `from` on, without their marks and as lines of their own, and a blank line
 * below them.
 */
export function innerLines(lines: readonly Line[], from: number): Line[] {
  const inner: Line[] = [];
  for (let at = from; at < from + MAX_INNER && lines[at]?.kind === 'quote'; at += 1)
    inner.push(makeLine(withoutMarks(lines[at]), false));
  inner.push(makeLine('\n', false));
  return inner;
}

/** Finds the line after the run of quoted lines that starts at `from`. */
export function quoteEnd(lines: readonly Line[], from: number): number {
  let [at, broken] = [from, false];
  while (at < lines.length) {
    const line = lines[at];
    if (line === undefined) return at;
    if (line.kind === 'quote') {
      at += 1;
    } else if (line.kind === 'blank') {
      const next = nextContent(lines, at);
      if (next === undefined || lines[next]?.kind !== 'quote') return at;
      at = next;
    } else {
      const rest = brokenLines(lines, at, broken);
      if (rest === 0) return at;
      broken = true;
      at += rest;
    }
  }
  return at;
}

/**
 * Counts the lines at `at`, one or two, that are broken off the quoted line above and followed by a quoted line; or
 * 0.
 */
function brokenLines(lines: readonly Line[], at: number, before: boolean): number {
  const line = lines[at];
  if (line?.kind !== 'text' || lines[at - 1]?.kind !== 'quote') return 0;
  const size =
    lines[at + 1]?.kind === 'quote'
      ? 1
      : lines[at + 1]?.kind === 'text' && lines[at + 2]?.kind === 'quote'
        ? 2
        : 0;
  return size > 0 && isBrokenOff(lines[at - 1], line, before) ? size : 0;
}
