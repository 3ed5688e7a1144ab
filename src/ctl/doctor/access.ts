/**
 * Whether a user could connect to a socket, or read a file, by its mode and those of every directory above it.
 *
 * Contract: names the first thing in the way, which connect(2)'s "Permission denied" does not.
 * Limits: access control lists are not looked at; a connection tried as that user is the proof.
 */
import { type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemCode } from '../../actions/fault.ts';
import type { Owner } from '../owner.ts';

/** A user with the groups that it has beside its own. */
export interface Member extends Owner {
  readonly groups?: readonly number[];
}

/** The obstacle that keeps a user out: a path without the permission, or one that is not there. */
export interface Obstacle {
  readonly path: string;
  readonly lacks: 'x' | 'w' | 'r' | 'existence';
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
}

const BITS = { x: 1, w: 2, r: 4 } as const;

/**
 * Finds the first obstacle between a user and a socket to write to, or a file to read; undefined when there is none.
 */
export function obstacleTo(path: string, user: Member, need: 'w' | 'r'): Obstacle | undefined {
  const directories: string[] = [];
  for (let at = dirname(path); !directories.includes(at); at = dirname(at)) directories.unshift(at);
  for (const [place, lacks] of [
    ...directories.map((directory) => [directory, 'x'] as const),
    [path, need] as const,
  ]) {
    const stats = statOf(place);
    if (stats === undefined) return { path: place, lacks: 'existence', mode: '', uid: -1, gid: -1 };
    if (!permits(stats, user, BITS[lacks]))
      return { path: place, lacks, mode: modeText(stats.mode), uid: stats.uid, gid: stats.gid };
  }
  return undefined;
}

/** Writes a mode as chmod(1) takes it. */
export function modeText(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function permits({ mode, uid, gid }: Stats, user: Member, bit: number): boolean {
  if (user.uid === 0) return true;
  const isMember = gid === user.gid || user.groups?.includes(gid) === true;
  const shift = uid === user.uid ? 6 : isMember ? 3 : 0;
  return ((mode >> shift) & bit) !== 0;
}
