/**
 * Whether the files that a daemon has open are those that the next start opens.
 *
 * Contract: devices and inodes of the database, its log and the log's index are compared with those at the opening, by
 * stat alone: closing any other descriptor of them would drop SQLite's locks in this process. While they are open no
 * inode is given twice, so the same number is the same file.
 * Failure: a place that cannot be looked at throws; that is no answer, and nothing may be promised on it.
 * Limits: what is written into the database's file by others than SQLite changes no inode, and is not seen as a loss.
 */
import { type BigIntStats, statSync } from 'node:fs';

const SUFFIXES = ['', '-wal', '-shm'] as const;

/** The files of one open store. */
export class StoreFiles {
  readonly #path: string;
  readonly #files: readonly (BigIntStats | undefined)[];
  /** When the database's file was written last, and how far SQLite had copied its log into it then. */
  #writtenAt: bigint | undefined;
  #progress = '';
  #isTouched = false;

  /** Remembers the files as they are; the store must be open. */
  constructor(path: string) {
    this.#path = path;
    this.#files = SUFFIXES.map((suffix) => look(path + suffix));
    this.#writtenAt = this.#files[0]?.mtimeNs;
  }

  /** What has become of a file, in words; nothing while all are in their places. */
  loss(): string | undefined {
    for (const [index, suffix] of SUFFIXES.entries()) {
      const [before, now] = [this.#files[index], look(this.#path + suffix)];
      if (isSame(before, now)) continue;
      const what = now === undefined ? 'is not there any more' : 'is another file now';
      return `${this.#path}${suffix} ${what}: what mailgwd has open is not what the next start opens`;
    }
    return undefined;
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

  /** Whether the database's file itself is in its place, and was written by SQLite alone as far as anybody noted. */
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

function isSame(a: BigIntStats | undefined, b: BigIntStats | undefined): boolean {
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
}
