/**
 * Files that are run or believed: nobody else may write them, nor put another in their place.
 *
 * Contract: looks at the file and at every directory above it, links followed. What is believed may be written by no
 * stranger; what is run belongs to root or to the user of this process besides, and to no group of others.
 * Failure: a problem in words that names the place, its mode and the command that mends it; a file that is not there is
 * somebody else's problem. Limits: access control lists are not looked at.
 */
import { realpathSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** The trust in a file. */
export type Trusted = 'run' | 'believed';

/** Says who else may alter what stands at `path`; undefined where nobody may. */
export function distrust(path: string, trusted: Trusted): string | undefined {
  for (const place of placesOf(path)) {
    const stats = statsOf(place);
    const problem = stats === undefined ? undefined : problemOf(place, stats, trusted);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Lists the file and the directories above it, by the name that was given and by the one behind its links. */
function placesOf(path: string): Set<string> {
  const places = new Set<string>();
  for (const start of [path, realPath(path)]) {
    for (let at = start; !places.has(at); at = dirname(at)) places.add(at);
  }
  return places;
}

function statsOf(place: string): Stats | undefined {
  try {
    return statSync(place);
  } catch {
    return undefined; // not there, or not to be seen: whoever needs it says so
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

const WORLD_MAY_WRITE = 0o002;
const GROUP_MAY_WRITE = 0o020;
const STICKY = 0o1000;

function problemOf(place: string, stats: Stats, trusted: Trusted): string | undefined {
  const { mode, uid, gid } = stats;
  // In a sticky directory everybody may make files, and replace only their own.
  if (stats.isDirectory() && (mode & STICKY) !== 0) return undefined;
  const shown = (mode & 0o7777).toString(8).padStart(4, '0');
  if ((mode & WORLD_MAY_WRITE) !== 0)
    return `${place} has mode ${shown}: everybody may write it (chmod o-w ${place})`;
  if (trusted === 'believed') return undefined;
  const [user, group] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  if (uid !== 0 && uid !== user)
    return `${place} belongs to user ${uid}, who may write it; expected root or user ${user} (chown root ${place})`;
  if ((mode & GROUP_MAY_WRITE) !== 0 && gid !== 0 && gid !== group)
    return `${place} has mode ${shown}: group ${gid} may write it (chmod g-w ${place})`;
  return undefined;
}
