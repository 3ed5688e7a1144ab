/**
 * The writer's thread as the main thread sees it: questions and answers.
 *
 * Contract: requests of one tick travel together, answers come as the writer's batches end. A tool's writer is asked in the
 * same way and works on the thread that asks: a thread of its own takes longer to start than most commands take.
 * Failure: a request that fails rejects alone; when the thread dies all do, and whoever started it is told once.
 */
import { MessageChannel, Worker } from 'node:worker_threads';
import type { AcceptResult, ImmediateLease } from '../acceptance.ts';
import type { NewItem } from '../item.ts';
import { leasedOf } from '../new-leases.ts';
import type { Receipt } from '../receipts.ts';
import { StoreError } from '../store-error.ts';
import { isFull } from './explain.ts';
import type { Operations } from './operations.ts';
import type { Answer, Request, WriterData, WriterNews } from './writer.ts';
import type { WriterHello } from './writer-port.ts';

/** A write that failed; `code` is SQLite's result code. */
export class WriteError extends Error {
  /** SQLite's result code. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'WriteError';
    this.code = code;
  }
}

/** Whom the thread's news are for. */
export interface WriterListeners {
  /** Hears of its death. */
  readonly onBroken: (error: Error) => void;
  /** Hears that the store's files are lost, and then what became of what was in them. */
  readonly onNews: (news: WriterNews) => void;
}

/** Messages from this size on are handed to the writer's thread, smaller ones copied: see docs/decisions.md. */
const TRANSFER_FROM_BYTES = 32 * 1024;

/** The listening to a thread and to a port of this one alike; a port says nothing but messages, and that it closed. */
interface Listening {
  (
    event: 'message',
    listener: ((message: readonly Answer[] | WriterNews) => void) | ((hello: WriterHello) => void),
  ): unknown;
  (event: 'error', listener: (error: Error) => void): unknown;
  (event: 'exit' | 'close', listener: (code: number) => void): unknown;
}

/** The end of a line to a writer. */
interface WriterEnd {
  readonly on: Listening;
  readonly once: Listening;
  readonly off: Listening;
  postMessage(message: unknown, transfers?: readonly ArrayBuffer[]): void;
}

type Settler = { resolve: (value: unknown) => void; reject: (error: Error) => void };

/** The writer's thread as seen from here: requests of one tick travel together. */
export class WriterThread {
  /** The names of what the thread carries out. */
  readonly operations: readonly (keyof Operations)[];
  readonly #worker: WriterEnd;
  readonly #listeners: WriterListeners;
  readonly #pending = new Map<number, Settler>();
  #outbox: Request[] = [];
  #transfers: ArrayBuffer[] = [];
  #sequence = 0;
  #broken: Error | undefined;
  #closing = false;

  private constructor(
    worker: WriterEnd,
    operations: readonly (keyof Operations)[],
    listeners: WriterListeners,
  ) {
    this.operations = operations;
    this.#worker = worker;
    this.#listeners = listeners;
    worker.on('message', (message: readonly Answer[] | WriterNews) => {
      if ('news' in message) listeners.onNews(message);
      else this.#settle(message);
    });
    worker.on('error', (error) => {
      this.#break(error);
    });
    worker.on('exit', (code) => {
      this.#break(new Error(`the store's writer thread ended with code ${code}`));
    });
  }

  /** Starts the thread; rejects with {@link StoreError} when it cannot open the store. */
  static start(data: WriterData, listeners: WriterListeners): Promise<WriterThread> {
    const worker = new Worker(new URL('./writer-worker.js', import.meta.url), { workerData: data });
    return WriterThread.#greeted(worker, data, listeners);
  }

  /** Starts a writer on this thread, which stands still while it writes; rejects like {@link WriterThread.start}. */
  static async startHere(data: WriterData, listeners: WriterListeners): Promise<WriterThread> {
    const { serve } = await import('./writer-port.ts');
    const { port1, port2 } = new MessageChannel();
    const greeted = WriterThread.#greeted(port1, data, listeners);
    serve(port2, data);
    return await greeted;
  }

  static #greeted(worker: WriterEnd, data: WriterData, listeners: WriterListeners): Promise<WriterThread> {
    return new Promise((resolve, reject) => {
      const ended = (): void => {
        reject(new StoreError('unusable', `${data.path}: the store's writer thread ended at its start`));
      };
      worker.once('error', reject);
      worker.once('exit', ended);
      worker.once('message', (hello: WriterHello) => {
        worker.off('error', reject);
        worker.off('exit', ended);
        if (hello.ready) resolve(new WriterThread(worker, hello.operations, listeners));
        else reject(new StoreError(hello.kind, hello.message));
      });
    });
  }

  /** Asks for one operation; rejects with {@link WriteError} when it fails. */
  call<K extends keyof Operations>(
    name: K,
    args: Parameters<Operations[K]>,
    bytes?: number,
  ): Promise<ReturnType<Operations[K]>> {
    return this.ask(name, args, bytes) as Promise<ReturnType<Operations[K]>>;
  }

  /** Commits new items. A full disk is a value. */
  async accept(
    items: readonly NewItem[],
    raw: Uint8Array,
    lease: ImmediateLease | undefined,
    receipt: Receipt | undefined,
  ): Promise<AcceptResult> {
    const bytes = raw.byteLength; // 0 once the writer has the buffer
    const isOwn = raw.byteOffset === 0 && raw.byteLength * 2 >= raw.buffer.byteLength;
    if (isOwn && raw.byteLength >= TRANSFER_FROM_BYTES && raw.buffer instanceof ArrayBuffer)
      this.#transfer(raw.buffer);
    try {
      const given = receipt === undefined ? [items, raw, lease] : [items, raw, lease, receipt];
      const accepted = await this.call('accept', given as Parameters<Operations['accept']>, bytes);
      if (typeof accepted === 'string') return { kind: accepted };
      const { acceptances, leased } = accepted;
      return { kind: 'committed', acceptances, leased: leasedOf(items, leased, bytes) };
    } catch (error) {
      if (error instanceof WriteError && isFull(error.code))
        return { kind: 'storage-full', detail: error.message };
      throw error;
    }
  }

  /** Asks for an operation whose types its caller knows. */
  ask(name: keyof Operations, args: readonly unknown[], bytes = 0): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined || this.#closing) {
        reject(this.#broken ?? new Error('the store is closed'));
        return;
      }
      const sequence = ++this.#sequence;
      this.#pending.set(sequence, { resolve, reject });
      if (this.#outbox.length === 0) {
        setImmediate(() => {
          this.#flush();
        });
      }
      this.#outbox.push({ sequence, name, args, bytes });
    });
  }

  /** Hands a buffer over to the writer with the requests of this tick instead of copying it. */
  #transfer(buffer: ArrayBuffer): void {
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
    if (!this.#closing) this.#listeners.onBroken(error);
  }

  /** Ends the thread after what was asked before. */
  async close(): Promise<void> {
    if (this.#closing || this.#broken !== undefined) return;
    this.#closing = true;
    const ended = new Promise((resolve) => {
      this.#worker.once('exit', resolve);
      this.#worker.once('close', resolve);
    });
    this.#flush();
    this.#worker.postMessage('close');
    await ended;
  }
}
