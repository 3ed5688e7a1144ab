/**
 * Whether the files that a daemon has open are those that the next start opens.
 *
 * Contract: devices and inodes of the database, its log and the log's index are compared with those at the opening, by
 * stat alone: closing any other descriptor of them would drop SQLite's locks in this process. While they are open no
 * inode is given twice, so the same number is the same file.
 * Failure: a place that cannot be looked at throws; that is no answer, and nothing may be promised on it.
 * Limits: what is written into the database's file by others than SQLite changes no inode, and is not seen as a loss.
 */
import { type BigIntStats, lstatSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** A change of a directory that is this old is older than the clock's grain, on whatever file system. */
const SETTLED_NS = 3_000_000_000n;
const NS_PER_MS = 1_000_000n;

const SUFFIXES = ['', '-wal', '-shm'] as const;

/** The files of one open store. */
export class StoreFiles {
  readonly #path: string;
  readonly #directory: string;
  readonly #now: () => number;
  readonly #files: readonly (BigIntStats | undefined)[];
  /** The directory as it was when all files were seen in their places. */
  #settled: BigIntStats | undefined;
  /** When the database's file was written last, and how far SQLite had copied its log into it then. */
  #writtenAt: bigint | undefined;
  #progress = '';
  #isTouched = false;

  /** Remembers the files as they are; the store must be open. */
  constructor(path: string, now: () => number = Date.now) {
    this.#path = path;
    this.#now = now;
    this.#directory = dirname(path);
    this.#files = SUFFIXES.map((suffix) => look(path + suffix));
    this.#writtenAt = this.#files[0]?.mtimeNs;
  }

  /** Says what has become of a file; nothing while all are in their places. */
  loss(): string | undefined {
    const at = BigInt(this.#now()) * NS_PER_MS;
    const directory = look(this.#directory);
    for (const [index, suffix] of SUFFIXES.entries()) {
      const [before, now] = [this.#files[index], look(this.#path + suffix)];
      if (isSame(before, now)) continue;
      const what = now === undefined ? 'is not there any more' : 'is another file now';
      return `${this.#path}${suffix} ${what}: what mailgwd has open is not what the next start opens`;
    }
    const isSettled = directory !== undefined && at - directory.ctimeNs > SETTLED_NS;
    this.#settled = isSettled && !isLink(this.#path) ? directory : undefined;
    return undefined;
  }

  /**
   * Says the same at a third of the price, for every commit. Whoever removes, renames or replaces a file changes its
   * directory, and nobody can set back the time of that. A file behind a link is looked at itself.
   */
  lossSinceLastLook(): string | undefined {
    const settled = this.#settled;
    if (settled === undefined) return this.loss();
    const now = look(this.#directory);
    return isSame(settled, now) && settled.ctimeNs === now?.ctimeNs ? undefined : this.loss();
  }

  /**
   * Notes whether somebody else wrote to the database's file: it changes only when SQLite copies its log into it, and
   * `progress` tells how far that has come.
   */
  note(progress: string): void {
    const writtenAt = look(this.#path)?.mtimeNs;
    if (writtenAt !== this.#writtenAt && progress === this.#progress) this.#isTouched = true;
    this.#writtenAt = writtenAt;
    this.#progress = progress;
  }

  /**
   * Tells whether the database's file itself is in its place, and was written by SQLite alone as far as anybody
   * noted.
   */
  isDatabaseIntact(): boolean {
    return !this.#isTouched && isSame(this.#files[0], look(this.#path));
  }
}

function look(file: string): BigIntStats | undefined {
  try {
    return statSync(file, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined; // its directory is gone
    throw error;
  }
}

/** Tells whether a link stands there; its target may change and the directory not. */
const isLink = (file: string): boolean =>
  lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() !== false;

function isSame(a: BigIntStats | undefined, b: BigIntStats | undefined): boolean {
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
}
