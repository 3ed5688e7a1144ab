/**
 * The writer: batches of requests, each one transaction.
 *
 * Contract: the answers of a batch leave after its commit returned, so an answer to `accept` means on disk (G1). A batch
 * without a promise in it (leases, settlements) is committed without an fsync of its own: losing it in a power cut
 * repeats an attempt, which G4 allows.
 * Failure: when a batch fails, its operations are tried one by one, so that only the culprit's caller is told; a
 * full disk or a failing one is everybody's answer, but leases and settlements get another try without the messages
 * that did not fit. After an I/O error nothing more is promised before the log has been written anew.
 */

import { type CommitMeasures, commitMeasures } from '../../observe/commit-measures.ts';
import { errorText } from '../../system/error-text.ts';
import type { Pruned } from '../retention.ts';
import { codeOf, isFull } from './explain.ts';
import { type Operations, prepareOperations } from './operations.ts';
import { rescue } from './rescue.ts';
import type { Database } from './schema.ts';
import { StoreFiles } from './store-files.ts';
import { WriteAheadLog } from './write-ahead-log.ts';

/** One request: an operation by name with its arguments; `bytes` is its weight in a batch. */
export interface Request {
  readonly sequence: number;
  readonly name: keyof Operations;
  readonly args: readonly unknown[];
  readonly bytes: number;
}

/** One answer; `code` is SQLite's result code of a failure. */
export type Answer =
  | { readonly sequence: number; readonly ok: true; readonly value: unknown }
  | { readonly sequence: number; readonly ok: false; readonly code: string; readonly message: string };

/** The orders with which the writer starts. */
export interface WriterData {
  readonly path: string;
  readonly daemon: boolean;
  readonly keepContent: boolean;
  readonly now: number;
  /** Where to measure commits. */
  readonly measures: SharedArrayBuffer | undefined;
}

/** News of the writer itself: the store's files are not those of its path any more, and what became of the rest. */
export type WriterNews =
  | { readonly news: 'lost'; readonly reason: string }
  | { readonly news: 'rescued'; readonly isSafe: boolean; readonly what: string };

/** Operations that promise nothing: an fsync of their own would buy nothing. */
const LAZY: ReadonlySet<keyof Operations> = new Set<keyof Operations>([
  'lease',
  'settle',
  'reclaim',
  'retime',
  'prune',
  'leaseNotice',
  'settleNotice',
  'leaseNotifications',
  'settleNotification',
  'setSinkStatus',
  'addVerdicts',
  'addPastVerdicts',
  'saveBuckets',
  'passMessage',
  'putOffMessage',
  'closeMessages',
  'claimMailbox',
  'ping',
]);

/** What they answer once the store is lost: nothing is written any more, and nobody is to try again all the time. */
const NOTHING_DONE: Partial<Record<keyof Operations, unknown>> = {
  lease: [],
  leaseNotifications: [],
  reclaim: 0,
  prune: {
    contents: 0,
    rows: 0,
    dedupes: 0,
    users: 0,
    remembered: 0,
    freedBytes: 0,
    isDone: true,
  } satisfies Pruned,
};

const isLazy = (request: Request): boolean => LAZY.has(request.name);

/** Runs batches on a writing connection of its own. */
export class Writer {
  readonly #database: Database;
  readonly #operations: Operations;
  readonly #begin: () => unknown;
  readonly #commit: () => unknown;
  readonly #full: () => void;
  readonly #normal: () => void;
  readonly #log: WriteAheadLog;
  readonly #isDaemon: boolean;
  readonly #measures: CommitMeasures;
  readonly #path: string;
  readonly #files: StoreFiles;
  readonly #tell: (news: WriterNews) => void;
  #durable = true;
  #loss: string | undefined;

  constructor(
    database: Database,
    { path, daemon, keepContent, measures }: WriterData,
    tell: (news: WriterNews) => void,
  ) {
    this.#path = path;
    this.#files = new StoreFiles(path);
    this.#tell = tell;
    this.#measures = commitMeasures(measures);
    this.#database = database;
    this.#isDaemon = daemon;
    this.#log = new WriteAheadLog(database, path);
    this.#operations = prepareOperations(database, { keepContent });
    const begin = database.prepare<[]>('BEGIN IMMEDIATE');
    this.#begin = () => begin.run();
    const commit = database.prepare<[]>('COMMIT');
    this.#commit = () => commit.run();
    this.#full = () => database.pragma('synchronous = FULL');
    this.#normal = () => database.pragma('synchronous = NORMAL');
  }

  /** Names the operations. */
  get operations(): readonly (keyof Operations)[] {
    return Object.keys(this.#operations) as (keyof Operations)[];
  }

  /** Runs a batch as one transaction, or request by request when that fails. */
  run(batch: readonly Request[]): Answer[] {
    if (this.#loss !== undefined) return batch.map((request) => this.#frozen(request, this.#loss));
    try {
      this.#log.renewIfDoubtful();
    } catch (error) {
      return batch.map((request) => failure(request, error));
    }
    try {
      const answers = this.#transact(batch);
      this.#tidyAfter(batch, answers);
      return answers;
    } catch (error) {
      const code = codeOf(error);
      if (code.startsWith('SQLITE_IOERR') && !isFull(code)) this.#log.doubt();
      if (batch.length > 1 && isFull(code)) return this.#runWithoutPromises(batch, error);
      if (batch.length === 1 || isDiskFailure(code)) return batch.map((request) => failure(request, error));
      return batch.flatMap((request) => this.run([request]));
    }
  }

  /** Runs what needs hardly any space while messages find none: delivery is what frees it. */
  #runWithoutPromises(batch: readonly Request[], error: unknown): Answer[] {
    const lazy = batch.filter(isLazy);
    const refused = batch.filter((request) => !isLazy(request)).map((request) => failure(request, error));
    if (refused.length === 0) return lazy.map((request) => failure(request, error));
    return lazy.length === 0 ? refused : [...refused, ...this.run(lazy)];
  }

  /** Sees to the sizes of the files, outside the transaction: they change only with a checkpoint. */
  #tidyAfter(batch: readonly Request[], answers: readonly Answer[]): void {
    answers.forEach((answer, index) => {
      if (batch[index]?.name !== 'prune' || !answer.ok) return;
      const { freedBytes, isDone } = answer.value as Pruned;
      if (freedBytes > 0) this.#log.shortenDatabase();
      if (isDone) this.keepLogSize();
    });
  }

  /** Gives the daemon's log the disk space that it will need. */
  keepLogSize(): void {
    if (this.#isDaemon) this.#log.keepSize();
  }

  #transact(batch: readonly Request[]): Answer[] {
    this.#setDurable(!batch.every(isLazy));
    this.#begin();
    try {
      const answers = batch.map((request): Answer => {
        const operation = this.#operations[request.name] as (...args: readonly unknown[]) => unknown;
        return { sequence: request.sequence, ok: true, value: operation(...request.args) };
      });
      const begunAt = performance.now();
      this.#commit();
      this.#measure(batch, performance.now() - begunAt);
      if (this.#isDaemon && this.#durable) this.#checkFiles();
      return answers;
    } finally {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
    }
  }

  /** Throws when what was just committed is not in the files that the next start opens. */
  #checkFiles(): void {
    const loss = this.#files.lossSinceLastLook();
    if (loss === undefined) return;
    this.#lose(loss);
    throw new Error(loss);
  }

  /** Looks whether the files are in their places. */
  look(): void {
    if (this.#loss !== undefined) return;
    try {
      this.#files.note(JSON.stringify(this.#database.pragma('wal_checkpoint(NOOP)')));
      const loss = this.#files.loss();
      if (loss !== undefined) this.#lose(loss);
    } catch {
      // A place that cannot be looked at now: commits fail meanwhile, and the next look tells.
    }
  }

  /** Stops writing for good: delivery goes on from what is rescued, and must not run ahead of it. */
  #lose(reason: string): void {
    if (this.#loss !== undefined) return;
    this.#loss = reason;
    this.#tell({ news: 'lost', reason });
    rescue(this.#database, this.#path, this.#files).then(
      (what) => {
        this.#tell({ news: 'rescued', isSafe: true, what });
      },
      (error: unknown) => {
        this.#tell({ news: 'rescued', isSafe: false, what: errorText(error) });
      },
    );
  }

  #frozen(request: Request, loss: string | undefined): Answer {
    const { sequence, name } = request;
    return isLazy(request)
      ? { sequence, ok: true, value: NOTHING_DONE[name] }
      : failure(request, new Error(loss));
  }

  /** Measures a commit that promised messages. */
  #measure(batch: readonly Request[], ms: number): void {
    let messages = 0;
    for (const { name } of batch) if (name === 'accept') messages++;
    if (messages === 0) return;
    this.#measures.messages.observe(messages);
    this.#measures.seconds.observe(ms / 1000);
  }

  #setDurable(durable: boolean): void {
    if (durable === this.#durable) return;
    if (durable) this.#full();
    else this.#normal();
    this.#durable = durable;
  }

  /** Closes the connection. */
  close(): void {
    this.#database.close();
  }
}

function isDiskFailure(code: string): boolean {
  return isFull(code) || code.startsWith('SQLITE_IOERR') || code.startsWith('SQLITE_BUSY');
}

function failure(request: Request, error: unknown): Answer {
  const code = codeOf(error);
  return {
    sequence: request.sequence,
    ok: false,
    code,
    message: `${errorText(error)}${code === '' ? '' : ` (${code})`}`,
  };
}
