/**
 * Priorities for the journal: journald files a line that begins with `<N>` under priority N, and every other line under
 * "info", whatever stands in it.
 *
 * Contract: priorities are written only where a descriptor leads to the journal itself, as JOURNAL_STREAM says; a terminal,
 * a file and a pipe get lines without.
 * Standards: sd-daemon(3), systemd.exec(5) on JOURNAL_STREAM.
 */
import { fstatSync } from 'node:fs';

/** The priority of each level, of those of syslog(3). */
const PRIORITIES = { error: 3, warn: 4, info: 6, debug: 7 } as const;

/** Tells whether a descriptor leads to the journal. */
export function leadsToJournal(descriptor: number): boolean {
  const { JOURNAL_STREAM } = process.env;
  if (JOURNAL_STREAM === undefined) return false;
  try {
    const { dev, ino } = fstatSync(descriptor);
    return JOURNAL_STREAM === `${dev}:${ino}`;
  } catch {
    return false; // a closed one leads nowhere
  }
}

/** Gives a line its priority; it must not hold a line end. */
export function withPriority(level: keyof typeof PRIORITIES, line: string): string {
  return `<${PRIORITIES[level]}>${line}`;
}

/** Gives a line its priority where the descriptor that it goes to leads to the journal. */
export function lineFor(descriptor: number, level: keyof typeof PRIORITIES, line: string): string {
  return leadsToJournal(descriptor) ? withPriority(level, line) : line;
}
