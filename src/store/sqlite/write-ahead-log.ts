/**
 * The write-ahead log beside the database, where the writer has to look after it itself.
 *
 * Contract: the daemon's log always has {@link LOG_BYTES} of disk to itself. They are written over again and again,
 * so leases and settlements find room when others have taken the last byte, and delivery then makes room. After an
 * I/O error nothing may be promised until the log has begun anew.
 * Failure: `renewIfDoubtful` throws for as long as it cannot; everything else is tried again with the next call.
 */
import { statSync } from 'node:fs';
import { codeOf, isFull } from './explain.ts';
import { type Database, LOG_BYTES } from './schema.ts';

/** The size from which the log is cut back: it had what the reserve takes on top of a log that is in use. */
const MOST_BYTES = 3 * LOG_BYTES;

/** What the cache holds back of a reserve, amply. */
const UNWRITTEN_BYTES = 1024 * 1024;

/** The log of one writing connection. */
export class WriteAheadLog {
  readonly #database: Database;
  readonly #path: string;
  #isDoubtful = false;

  constructor(database: Database, path: string) {
    this.#database = database;
    this.#path = path;
  }

  /** Says that writing or syncing failed. */
  doubt(): void {
    this.#isDoubtful = true;
  }

  /**
   * Copies the log into the database and begins it anew after a failed fsync. The kernel then counts pages as written
   * that are not on disk, and the next fsync succeeds: a commit behind such a gap in the log would be lost with it.
   */
  renewIfDoubtful(): void {
    if (!this.#isDoubtful) return;
    const [result] = this.#database.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
    if (result?.busy !== 0) throw new Error('the log cannot be renewed after an I/O error: it is in use');
    this.#isDoubtful = false;
  }

  /** Makes the database's file as short as it has become; an idle store would not come to it by itself. */
  shortenDatabase(): void {
    this.#checkpoint('PASSIVE');
  }

  /** Brings the log to its size: shorter when a long reader had let it grow, longer so that its space is taken. */
  keepSize(): void {
    const bytes = this.#size();
    if (bytes > MOST_BYTES) this.#checkpoint('TRUNCATE');
    if (bytes < LOG_BYTES || bytes > MOST_BYTES) this.#reserve();
  }

  #size(): number {
    return statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }

  /**
   * Takes the space with a transaction that is as large as the log may become, and is rolled back: SQLite writes
   * what its cache cannot hold to the log and its index. Never by opening the files here, because closing any
   * descriptor of them would drop SQLite's locks in this process (POSIX advisory locks).
   */
  #reserve(): void {
    const cacheSize = Number(this.#database.pragma('cache_size', { simple: true }));
    this.#database.pragma('cache_size = 100');
    try {
      this.#database.exec(
        `BEGIN IMMEDIATE; CREATE TABLE reserve (bytes); INSERT INTO reserve VALUES (zeroblob(${LOG_BYTES + UNWRITTEN_BYTES}))`,
      );
    } catch {
      // The disk is full already, or the store is locked: the log has what it got.
    } finally {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
      this.#database.pragma(`cache_size = ${cacheSize}`);
    }
  }

  #checkpoint(mode: 'PASSIVE' | 'TRUNCATE'): void {
    const timeout = Number(this.#database.pragma('busy_timeout', { simple: true }));
    this.#database.pragma('busy_timeout = 0'); // a reader is not waited for
    try {
      this.#database.pragma(`wal_checkpoint(${mode})`);
    } catch (error) {
      // What was committed stands. A database that finds no room to grow has its log as before.
      if (!isFull(codeOf(error))) this.#isDoubtful = true;
    } finally {
      this.#database.pragma(`busy_timeout = ${timeout}`);
    }
  }
}
