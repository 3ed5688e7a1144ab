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
import type { Server } from 'node:net';
import { dirname } from 'node:path';
import type { VerdictCount } from '../../observe/figures.ts';
import { errorText } from '../../system/error-text.ts';
import type { BucketChange } from '../buckets.ts';
import type { Directory, Restoration, User } from '../directory.ts';
import type { LeasedNotice, NewNotice, NoticeSettlement, NoticeView } from '../notices.ts';
import type {
  AcceptResult,
  AgeCount,
  Backlog,
  BounceCounts,
  ImmediateLease,
  ItemFilter,
  ItemView,
  LeasedItem,
  NewItem,
  OperatorAction,
  OperatorResult,
  Pruned,
  PruneRequest,
  QueueCounts,
  Settle,
  SinkStatus,
} from '../queue.ts';
import type { Store } from '../store.ts';
import { StoreError } from '../store-error.ts';
import { checkPlace, isFull } from './explain.ts';
import { claimStore } from './one-daemon.ts';
import { adoptable, adoptRescued } from './rescue.ts';
import { type Database, lockStore, openConnection } from './schema.ts';
import { prepareViews, type Views } from './views.ts';
import type { WriterNews } from './writer.ts';
import { WriteError, WriterThread } from './writer-thread.ts';

export { StoreError } from '../store-error.ts';

/** How long a read may wait for a lock: it blocks the event loop. */
const READ_BUSY_TIMEOUT_MS = 50;

/** How to open a store; a tool takes no lock and leaves leases alone. */
export interface StoreOptions {
  readonly path: string;
  readonly mode: 'daemon' | 'tool';
  /** Whether posted items keep their content until they are pruned; by default it goes at once. */
  readonly keepContent?: boolean | undefined;
  /** Memory of commit-measures.ts in which the writer measures its commits. */
  readonly measures?: SharedArrayBuffer | undefined;
  /** Told once when the writer's thread died: nothing can be stored any more. */
  readonly onBroken?: ((error: Error) => void) | undefined;
  /** Told when the store's files were moved or removed, and then what became of what was in them. */
  readonly onNews?: ((news: StoreNews) => void) | undefined;
}

/** What happens to a store's files while a daemon has it open, or had. */
export type StoreNews = WriterNews | { readonly news: 'adopted'; readonly from: string };

/** Opens the store at `path`, making or migrating it as needed; rejects with {@link StoreError}. */
export async function openSqliteStore(options: StoreOptions): Promise<Store> {
  makeDirectory(options.path);
  checkPlace(options.path);
  const lock = options.mode === 'daemon' ? lockStore(options.path) : undefined;
  let claim: Server | undefined;
  try {
    const { path, mode, keepContent = false, measures } = options;
    const { onBroken = () => undefined, onNews = () => undefined } = options;
    if (mode === 'tool') leaveToDaemon(path);
    const adopted = mode === 'daemon' ? adoptRescued(path, Date.now()) : undefined;
    if (adopted !== undefined) onNews({ news: 'adopted', from: adopted });
    claim = mode === 'daemon' ? await claimStore(path) : undefined;
    const data = { path, daemon: mode === 'daemon', keepContent, now: Date.now(), measures };
    const writer = await WriterThread.start(data, { onBroken, onNews });
    try {
      const reader = openConnection(options.path, { readonly: true, busyTimeoutMs: READ_BUSY_TIMEOUT_MS });
      claim ??= mode === 'daemon' ? await claimStore(path) : undefined; // a new store has a name only now
      return new SqliteStore(writer, reader, lock, claim);
    } catch (error) {
      await writer.close();
      throw error;
    }
  } catch (error) {
    claim?.close();
    lock?.close();
    throw error;
  }
}

/** Throws where a tool would make a store in the place of one that mailgwd has saved. */
function leaveToDaemon(path: string): void {
  const copy = adoptable(path, Date.now());
  if (copy === undefined) return;
  throw new StoreError(
    'unusable',
    `${path} was removed while mailgwd had it open, and ${copy} has what was in it; restart mailgwd, which takes that, or move it away for a new store`,
  );
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  } catch (error) {
    throw new StoreError(
      'no-directory',
      `${dirname(path)} cannot be made: ${errorText(error)}; make it, owned by the user of mailgwd`,
    );
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
      const { id, user, userNumber, thread, bounce, repliedToAt, messageId, queueId } = item;
      const { reversePath, receivedAt, authentication, spam } = item;
      const origin = { messageId, queueId, reversePath, receivedAt, authentication, spam };
      const owner = { user, userNumber };
      return { id, ...owner, thread, bounce, repliedToAt, ...origin, attempts: 1, workerDeaths: 0, bytes };
    });
}

class SqliteStore implements Store {
  readonly #writer: WriterThread;
  readonly #reader: Database;
  readonly #views: Views;
  readonly #lock: Database | undefined;
  readonly #claim: Server | undefined;

  constructor(writer: WriterThread, reader: Database, lock: Database | undefined, claim: Server | undefined) {
    this.#writer = writer;
    this.#reader = reader;
    this.#views = prepareViews(reader);
    this.#lock = lock;
    this.#claim = claim;
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

  async setSinkStatus(status: SinkStatus | undefined): Promise<void> {
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
  duplicateOf = (item: NewItem): Promise<string | undefined> =>
    this.#read(() => this.#views.duplicateOf(item));
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
  lastVouchedFor = (): ReturnType<Store['lastVouchedFor']> =>
    this.#read(() => this.#views.inspection().lastVouchedFor());
  loadBuckets = (): ReturnType<Store['loadBuckets']> => this.#read(() => this.#views.buckets());
  bucket = (name: string): ReturnType<Store['bucket']> => this.#read(() => this.#views.bucket(name));

  async addUser(user: Parameters<Directory['addUser']>[0]): Promise<User | undefined> {
    const number = await this.#writer.call('addUser', [user]);
    return number === undefined ? undefined : this.#views.userByNumber(number);
  }

  async setUser(...args: Parameters<Directory['setUser']>): Promise<boolean> {
    return this.#writer.call('setUser', args);
  }

  async removeUser(...args: Parameters<Directory['removeUser']>): Promise<boolean> {
    return this.#writer.call('removeUser', args);
  }

  async eraseUser(number: number): Promise<boolean> {
    return this.#writer.call('eraseUser', [number]);
  }

  async restoreUser(number: number, now: number): Promise<Restoration> {
    const done = await this.#writer.call('restoreUser', [number, now]);
    if (done.kind !== 'restored') return done;
    const user = this.#views.userByNumber(number);
    return user === undefined ? { kind: 'unknown' } : { ...done, user };
  }

  removedUsers = (): ReturnType<Store['removedUsers']> => this.#read(() => this.#views.removedUsers());

  async rotateSalt(...args: Parameters<Directory['rotateSalt']>): Promise<boolean> {
    return this.#writer.call('rotateSalt', args);
  }

  async threadNumber(locator: string): Promise<number> {
    return this.#writer.call('threadNumber', [locator]);
  }

  lastRestore = (): ReturnType<Store['lastRestore']> => this.#read(() => this.#views.lastRestore());
  peppers = (): ReturnType<Store['peppers']> => this.#read(() => this.#views.peppers());

  async acceptPepper(...args: Parameters<Store['acceptPepper']>): Promise<void> {
    await this.#writer.call('acceptPepper', args);
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
    this.#claim?.close();
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
