/**
 * Files and directories that `init` makes.
 *
 * Contract: what exists is kept as it is, whatever it holds; a file appears whole and on disk, with its mode and
 * owner, or not at all. Failure: a Fault with 73 that names the path.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { badInput, describe, EXIT, Fault, systemCode, usage } from '../actions/fault.ts';
import { PEPPER_BYTES } from '../config/secret-file.ts';
import type { Owner } from './owner.ts';

/** One thing that was to be made. */
export interface Made {
  readonly path: string;
  readonly action: 'made' | 'kept' | 'skipped';
  /** What it is, for people. */
  readonly what: string;
  /** Whose it is to be, where that matters. */
  readonly owner?: Owner | undefined;
}

const SERVICE_USER = 'mailgw';

/** Makes the text of a new pepper file. */
export const newPepper = (): string => `${randomBytes(PEPPER_BYTES).toString('base64')}\n`;

/** Makes a directory and what is missing above it, unless it exists. */
export function makeDirectory(path: string, what: string, mode: number, owner?: Owner): Made {
  if (existsSync(path)) return { path, action: 'kept', what, owner };
  return guarded(path, () => {
    mkdirSync(path, { recursive: true });
    chmodSync(path, mode); // whatever the umask
    if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
    return { path, action: 'made', what, owner };
  });
}

/** Makes a file with `text`, unless it exists. */
export function makeFile(path: string, what: string, mode: number, text: string, owner?: Owner): Made {
  if (existsSync(path)) return { path, action: 'kept', what, owner };
  const fresh = `${path}.new-${process.pid}`;
  return guarded(path, () => {
    const file = openSync(fresh, 'wx', 0o600);
    try {
      fchmodSync(file, mode);
      if (owner !== undefined) fchownSync(file, owner.uid, owner.gid);
      writeFileSync(file, text);
      fsyncSync(file);
      linkSync(fresh, path); // fails where another process was quicker, and never replaces
    } finally {
      closeSync(file);
      rmSync(fresh, { force: true });
    }
    return { path, action: 'made', what, owner };
  });
}

function guarded(path: string, make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    const advice =
      systemCode(error) === 'EACCES'
        ? 'run the command as root, or choose --directory'
        : 'make room for it and try again';
    throw new Fault(EXIT.cannotCreate, `${path}: cannot be made: ${describe(error)}; ${advice}`);
  }
}

/** Finds who is to own the secrets and the store: a named user, or the daemon's where root sets up a whole system. */
export function readOwner(name: string | undefined, wholeSystem: boolean): Owner | undefined {
  const root = process.getuid?.() === 0;
  if (name === undefined) return root && wholeSystem ? lookUpUser(SERVICE_USER) : undefined;
  if (!root)
    throw usage(`--owner "${name}": only root can give files away; run the command as root, or as ${name}`);
  const owner = lookUpUser(name);
  if (owner === undefined) {
    throw badInput(`--owner "${name}": there is no such user on this host; expected one that exists`);
  }
  return owner;
}

/** Says what root must still do about the owners of what was there before, or of what there is no user for yet. */
export function ownerNotes(made: readonly Made[], wholeSystem: boolean): string[] {
  const notes = made.flatMap(({ path, owner }) =>
    owner === undefined || statSync(path).uid === owner.uid
      ? []
      : [
          `${path} belongs to user ${statSync(path).uid} and was left so; "chown ${owner.uid}:${owner.gid} ${path}" gives it away`,
        ],
  );
  if (wholeSystem && process.getuid?.() === 0 && made.every(({ owner }) => owner === undefined)) {
    notes.push(
      `there is no user "${SERVICE_USER}" yet: what was made is root's; once there is one, run init again for what to change`,
    );
  }
  return notes;
}

/** Looks up the numbers of a user, wherever this host keeps its users; undefined when there is none. */
export function lookUpUser(name: string): Owner | undefined {
  const number = (option: string): number =>
    Number(
      execFileSync('id', [option, '--', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    );
  try {
    return { uid: number('-u'), gid: number('-g') };
  } catch {
    return undefined; // id(1) ends with 1 when there is no such user
  }
}
