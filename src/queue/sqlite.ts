/**
 * The store in SQLite: the face of all ports on the main thread.
 *
 * Contract: every write goes to the writer's thread, which batches them; reads use a connection of their own here.
 * One daemon per store: a lock that dies with its process refuses a second one. Tools open the same store beside
 * a running daemon.
 * Failure: a request that the store cannot carry out rejects; when the writer itself dies all do, and `onBroken`
 * is told once. A full disk is a value, because it has a reply of its own.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type {
  AcceptResult,
  AgeCount,
  Backlog,
  BounceCounts,
  BucketChange,
  Directory,
  ImmediateLease,
  ItemFilter,
  ItemView,
  LeasedItem,
  LeasedNotice,
  NewItem,
  NewNotice,
  NoticeSettlement,
  NoticeView,
  OperatorAction,
  OperatorResult,
  Pruned,
  PruneRequest,
  QueueCounts,
  Settle,
  SinkStatus,
  Store,
  User,
  VerdictCount,
} from './queue.ts';
import { type Database, lockStore, openConnection } from './schema.ts';
import type { Answer, Operations, Request, WriterData, WriterHello } from './sqlite-writer.ts';
import { checkPlace, isFull, StoreError } from './store-error.ts';
import { prepareViews, type Views } from './views.ts';

export { StoreError } from './store-error.ts';

/** How long a read may wait for a lock: it blocks the event loop. */
const READ_BUSY_TIMEOUT_MS = 50;

/** A write that failed; `code` is SQLite's result code. */
class WriteError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'WriteError';
    this.code = code;
  }
}

/** How to open a store; a tool takes no lock and leaves leases alone. */
export interface StoreOptions {
  readonly path: string;
  readonly mode: 'daemon' | 'tool';
  /** Whether posted items keep their content until they are pruned; by default it goes at once. */
  readonly keepContent?: boolean | undefined;
  /** Memory of metrics.ts in which the writer measures its commits. */
  readonly measures?: SharedArrayBuffer | undefined;
  /** Told once when the writer's thread died: nothing can be stored any more. */
  readonly onBroken?: ((error: Error) => void) | undefined;
}

/** Opens the store at `path`, making or migrating it as needed; rejects with {@link StoreError}. */
export async function openSqliteStore(options: StoreOptions): Promise<Store> {
  makeDirectory(options.path);
  checkPlace(options.path);
  const lock = options.mode === 'daemon' ? lockStore(options.path) : undefined;
  try {
    const writer = await WriterThread.start(options);
    try {
      const reader = openConnection(options.path, { readonly: true, busyTimeoutMs: READ_BUSY_TIMEOUT_MS });
      return new SqliteStore(writer, reader, lock);
    } catch (error) {
      await writer.close();
      throw error;
    }
  } catch (error) {
    lock?.close();
    throw error;
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  } catch (error) {
    throw new StoreError(
      'no-directory',
      `${dirname(path)} cannot be made: ${error instanceof Error ? error.message : String(error)}; make it, owned by the user of mailgwd`,
    );
  }
}

type Settler = { resolve: (value: unknown) => void; reject: (error: Error) => void };

/** The writer's thread as seen from here: requests of one tick travel together. */
class WriterThread {
  readonly #worker: Worker;
  readonly #onBroken: (error: Error) => void;
  readonly #pending = new Map<number, Settler>();
  #outbox: Request[] = [];
  #transfers: ArrayBuffer[] = [];
  #sequence = 0;
  #broken: Error | undefined;
  #closing = false;

  private constructor(worker: Worker, onBroken: (error: Error) => void) {
    this.#worker = worker;
    this.#onBroken = onBroken;
    worker.on('message', (answers: readonly Answer[]) => {
      this.#settle(answers);
    });
    worker.on('error', (error) => {
      this.#break(error);
    });
    worker.on('exit', (code) => {
      this.#break(new Error(`the store's writer thread ended with code ${code}`));
    });
  }

  static start(options: StoreOptions): Promise<WriterThread> {
    const data: WriterData = {
      path: options.path,
      daemon: options.mode === 'daemon',
      keepContent: options.keepContent ?? false,
      now: Date.now(),
      measures: options.measures,
    };
    const worker = new Worker(new URL('./sqlite-writer.js', import.meta.url), {
      workerData: data,
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    return new Promise((resolve, reject) => {
      const ended = (): void => {
        reject(new StoreError('unusable', `${options.path}: the store's writer thread ended at its start`));
      };
      worker.once('error', reject);
      worker.once('exit', ended);
      worker.once('message', (hello: WriterHello) => {
        worker.off('error', reject);
        worker.off('exit', ended);
        if (hello.ready) resolve(new WriterThread(worker, options.onBroken ?? (() => undefined)));
        else reject(new StoreError(hello.kind, hello.message));
      });
    });
  }

  call<K extends keyof Operations>(
    name: K,
    args: Parameters<Operations[K]>,
    bytes = 0,
  ): Promise<ReturnType<Operations[K]>> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined || this.#closing) {
        reject(this.#broken ?? new Error('the store is closed'));
        return;
      }
      const sequence = ++this.#sequence;
      this.#pending.set(sequence, { resolve: resolve as (value: unknown) => void, reject });
      if (this.#outbox.length === 0) {
        setImmediate(() => {
          this.#flush();
        });
      }
      this.#outbox.push({ sequence, name, args, bytes });
    });
  }

  /** Hands a buffer over to the writer with the requests of this tick instead of copying it. */
  transfer(buffer: ArrayBuffer): void {
    if (!this.#transfers.includes(buffer)) this.#transfers.push(buffer);
  }

  #flush(): void {
    if (this.#outbox.length === 0) return;
    this.#worker.postMessage(this.#outbox, this.#transfers);
    this.#outbox = [];
    this.#transfers = [];
  }

  #settle(answers: readonly Answer[]): void {
    for (const answer of answers) {
      const settler = this.#pending.get(answer.sequence);
      this.#pending.delete(answer.sequence);
      if (answer.ok) settler?.resolve(answer.value);
      else settler?.reject(new WriteError(answer.code, answer.message));
    }
  }

  #break(error: Error): void {
    if (this.#broken !== undefined) return;
    this.#broken = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    if (!this.#closing) this.#onBroken(error);
  }

  async close(): Promise<void> {
    if (this.#closing || this.#broken !== undefined) return;
    this.#closing = true;
    const exited = new Promise((resolve) => this.#worker.once('exit', resolve));
    this.#flush();
    this.#worker.postMessage('close');
    await exited;
  }
}

/** Messages from this size on are handed to the writer's thread, smaller ones copied: see docs/decisions.md. */
const TRANSFER_FROM_BYTES = 32 * 1024;

/** The leases of new items, which nobody has tried before. */
function leasedOf(items: readonly NewItem[], ids: readonly string[], bytes: number): LeasedItem[] {
  if (ids.length === 0) return [];
  return items
    .filter(({ id }) => ids.includes(id))
    .map((item) => {
      const { id, user, thread, bounce, repliedToAt, messageId } = item;
      const { reversePath, receivedAt, authentication, spam } = item;
      const origin = { messageId, reversePath, receivedAt, authentication, spam };
      return { id, user, thread, bounce, repliedToAt, ...origin, attempts: 1, workerDeaths: 0, bytes };
    });
}

class SqliteStore implements Store {
  readonly #writer: WriterThread;
  readonly #reader: Database;
  readonly #views: Views;
  readonly #lock: Database | undefined;

  constructor(writer: WriterThread, reader: Database, lock: Database | undefined) {
    this.#writer = writer;
    this.#reader = reader;
    this.#views = prepareViews(reader);
    this.#lock = lock;
  }

  async accept(items: readonly NewItem[], raw: Uint8Array, lease?: ImmediateLease): Promise<AcceptResult> {
    const bytes = raw.byteLength; // 0 once the writer has the buffer
    const isOwn = raw.byteOffset === 0 && raw.byteLength * 2 >= raw.buffer.byteLength;
    if (isOwn && raw.byteLength >= TRANSFER_FROM_BYTES && raw.buffer instanceof ArrayBuffer) {
      this.#writer.transfer(raw.buffer);
    }
    try {
      const { acceptances, leased } = await this.#writer.call('accept', [items, raw, lease], bytes);
      return { kind: 'committed', acceptances, leased: leasedOf(items, leased, bytes) };
    } catch (error) {
      if (error instanceof WriteError && isFull(error.code)) {
        return { kind: 'storage-full', detail: error.message };
      }
      throw error;
    }
  }

  async lease(request: Parameters<Store['lease']>[0]): Promise<readonly LeasedItem[]> {
    return this.#writer.call('lease', [request]);
  }

  async settle(settles: readonly Settle[]): Promise<void> {
    await this.#writer.call('settle', [settles]);
  }

  async reclaim(now: number, inFlight: readonly string[]): Promise<number> {
    return this.#writer.call('reclaim', [now, inFlight]);
  }

  async prune(request: PruneRequest): Promise<Pruned> {
    return this.#writer.call('prune', [request]);
  }

  async retime(change: Parameters<Store['retime']>[0]): Promise<void> {
    await this.#writer.call('retime', [change]);
  }

  async operate(action: OperatorAction, id: string, now: number): Promise<OperatorResult> {
    return this.#writer.call('operate', [action, id, now]);
  }

  async setPaused(paused: boolean): Promise<void> {
    await this.#writer.call('setPaused', [paused]);
  }

  async setSinkStatus(status: SinkStatus): Promise<void> {
    await this.#writer.call('setSinkStatus', [status]);
  }

  async addVerdicts(counts: readonly VerdictCount[]): Promise<void> {
    await this.#writer.call('addVerdicts', [counts]);
  }

  verdicts = (since?: number): Promise<readonly VerdictCount[]> =>
    this.#read(() => this.#views.verdicts(since));
  nextDueAt = (): Promise<number | undefined> => this.#read(() => this.#views.nextDueAt());
  content = (id: string): Promise<Uint8Array | undefined> => this.#read(() => this.#views.content(id));
  ids = (filter: ItemFilter): Promise<readonly string[]> => this.#read(() => this.#views.ids(filter));

  shape = (filter: ItemFilter, bounds: readonly number[]): Promise<readonly AgeCount[]> =>
    this.#read(() => this.#views.shape(filter, bounds));

  list = (filter: ItemFilter): Promise<readonly ItemView[]> => this.#read(() => this.#views.list(filter));
  get = (id: string): Promise<ItemView | undefined> => this.#read(() => this.#views.get(id));
  duplicateOf = (fingerprint: Uint8Array): Promise<string | undefined> =>
    this.#read(() => this.#views.duplicateOf(fingerprint));
  counts = (): Promise<QueueCounts> => this.#read(() => this.#views.counts());
  backlog = (): Promise<Backlog> => this.#read(() => this.#views.backlog());
  bounceCounts = (user?: string): Promise<BounceCounts> => this.#read(() => this.#views.bounceCounts(user));
  userByNumber = (number: number): Promise<User | undefined> =>
    this.#read(() => this.#views.userByNumber(number));
  userByName = (name: string): Promise<User | undefined> => this.#read(() => this.#views.userByName(name));
  listUsers = (): Promise<readonly User[]> => this.#read(() => this.#views.listUsers());
  threadByNumber = (number: number): Promise<string | undefined> =>
    this.#read(() => this.#views.threadByNumber(number));

  async addNotice(notice: NewNotice): Promise<boolean> {
    return this.#writer.call('addNotice', [notice], notice.original?.byteLength);
  }

  async leaseNotice(request: Parameters<Store['leaseNotice']>[0]): Promise<LeasedNotice | undefined> {
    return this.#writer.call('leaseNotice', [request]);
  }

  async settleNotice(id: string, attempts: number, settlement: NoticeSettlement): Promise<void> {
    await this.#writer.call('settleNotice', [id, attempts, settlement]);
  }

  nextNoticeAt = (): Promise<number | undefined> => this.#read(() => this.#views.nextNoticeAt());
  listNotices = (limit: number): Promise<readonly NoticeView[]> =>
    this.#read(() => this.#views.listNotices(limit));
  traces = (name: string): ReturnType<Store['traces']> =>
    this.#read(() => this.#views.inspection().traces(name));
  waitingThreads = (limit: number): ReturnType<Store['waitingThreads']> =>
    this.#read(() => this.#views.inspection().waitingThreads(limit));
  flow = (since: number): ReturnType<Store['flow']> => this.#read(() => this.#views.inspection().flow(since));
  loadBuckets = (): ReturnType<Store['loadBuckets']> => this.#read(() => this.#views.buckets());
  bucket = (name: string): ReturnType<Store['bucket']> => this.#read(() => this.#views.bucket(name));

  async addUser(user: Parameters<Directory['addUser']>[0]): Promise<User | undefined> {
    const number = await this.#writer.call('addUser', [user]);
    return number === undefined ? undefined : this.#views.userByNumber(number);
  }

  async setUser(...args: Parameters<Directory['setUser']>): Promise<boolean> {
    return this.#writer.call('setUser', args);
  }

  async removeUser(name: string): Promise<boolean> {
    return this.#writer.call('removeUser', [name]);
  }

  async rotateSalt(...args: Parameters<Directory['rotateSalt']>): Promise<boolean> {
    return this.#writer.call('rotateSalt', args);
  }

  async threadNumber(locator: string): Promise<number> {
    return this.#writer.call('threadNumber', [locator]);
  }

  async saveBuckets(change: BucketChange): Promise<void> {
    await this.#writer.call('saveBuckets', [change]);
  }

  async ping(): Promise<void> {
    await this.#writer.call('ping', []).catch((error: unknown) => {
      if (!(error instanceof WriteError)) throw error;
    });
  }

  async close(): Promise<void> {
    // The last connection to close moves the WAL into the database, which a reading one cannot.
    this.#reader.close();
    await this.#writer.close();
    this.#lock?.close();
  }

  /** Runs a synchronous read so that its failure is a rejection, as the port promises. */
  #read<T>(read: () => T): Promise<T> {
    try {
      return Promise.resolve(read());
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
