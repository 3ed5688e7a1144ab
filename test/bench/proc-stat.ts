/**
 * CPU time and memory of a process and its descendants, from Linux's /proc (proc(5)).
 *
 * Contract: CPU counts all threads, and children that have ended and been waited for. Limits: the kernel's clock tick is
 * 10 ms; RSS counts pages that processes share once for each, so Dovecot's is an upper bound.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** What a process tree has used. */
export interface Usage {
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** Sum of the processes' greatest RSS so far. */
  readonly peakRssBytes: number;
}

const MS_PER_TICK = 10;
const STAT_PPID = 1;
const STAT_TIMES = [11, 12, 13, 14] as const;

/** Returns the use of the process `root` and everything below it; zeros when it has ended. */
export function usageOf(root: number): Usage {
  let cpuMs = 0;
  let rssBytes = 0;
  let peakRssBytes = 0;
  for (const pid of tree(root)) {
    const stat = statFields(pid);
    for (const field of STAT_TIMES) cpuMs += Number(stat[field] ?? 0) * MS_PER_TICK;
    const status = read(`/proc/${pid}/status`);
    rssBytes += kilobytes(status, 'VmRSS') * 1024;
    peakRssBytes += kilobytes(status, 'VmHWM') * 1024;
  }
  return { cpuMs, rssBytes, peakRssBytes };
}

function tree(root: number): Set<number> {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (/^\d+$/.test(name)) parents.set(Number(name), Number(statFields(Number(name))[STAT_PPID] ?? 0));
  }
  const found = new Set([root]);
  // Pids are not ordered by descent, so look until nothing is added.
  for (let size = 0; size !== found.size; ) {
    size = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return found;
}

/** Fields of /proc/PID/stat behind the command's name, which may hold blanks and parentheses. */
function statFields(pid: number): string[] {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function kilobytes(status: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
