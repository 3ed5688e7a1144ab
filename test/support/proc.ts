// What the kernel says about a process (proc(5)).

import { readFileSync } from 'node:fs';

/** The most memory that a process has had resident, in bytes: VmHWM. */
export function peakRssBytes(pid: number): number {
  return statusBytes(pid, 'VmHWM');
}

/** The memory that a process has resident now, in bytes: VmRSS. */
export function rssBytes(pid: number): number {
  return statusBytes(pid, 'VmRSS');
}

function statusBytes(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`no ${field} of ${pid}`);
  return Number(kilobytes) * 1024;
}
