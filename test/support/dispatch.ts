// A dispatcher on a real store with a real parser, whose clock and sink are the test's.
//
// Contract: nothing moves in time but by `advance`; the dispatcher looks for work when it is woken, and within a few
// milliseconds anyway. Everything ends with the test.

import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { Dispatcher } from '../../src/delivery/dispatcher.ts';
import type { DispatcherOptions } from '../../src/delivery/dispatcher-options.ts';
import type { LogEvent, LogFields } from '../../src/observe/log.ts';
import { createParserPool } from '../../src/reply/parser-pool.ts';
import type { Post } from '../../src/reply/post.ts';
import type { Outcome, Sink } from '../../src/sinks/sink.ts';
import type { NewItem } from '../../src/store/item.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { replyMessage } from './message.ts';
import { testScratch } from './scratch.ts';

/** The beginning of every test's time: 2026-11-20T09:15:00Z. */
export const START = Date.UTC(2026, 10, 20, 9, 15, 0);

/** Longer than any attempt of a test takes. */
const SILENCE_MS = 20_000;

/** The schedule of the defaults: 5 s, doubling to an hour, for five days. */
export const RETRY = { firstMs: 5000, longestMs: 3_600_000, maxAgeMs: 5 * 86_400_000 } as const;

/** A dispatcher under test. */
export class Dispatch {
  /** Every event that was logged. */
  readonly events: { readonly event: LogEvent; readonly fields: LogFields }[] = [];
  readonly store: Store;
  readonly dispatcher: Dispatcher;
  #elapsedMs = 0;
  #notice: () => void = () => undefined;

  constructor(store: Store, options: Pick<DispatcherOptions, 'parser' | 'sink'>) {
    this.store = store;
    const inForce: DispatcherOptions = {
      ...options,
      name: 'webhook',
      mask: (text) => text,
      queue: store,
      remembered: store,
      log: (event, fields = {}) => {
        this.events.push({ event, fields });
        this.#notice();
      },
      now: () => this.now,
      monotonic: () => this.#elapsedMs,
      random: () => 1,
      concurrency: 16,
      maxBufferedBytes: 40 * 1024 * 1024,
      attemptTimeoutMs: 30_000,
      retry: RETRY,
      pollMs: 5,
    };
    this.dispatcher = new Dispatcher(() => inForce);
  }

  /** Milliseconds since the epoch. */
  get now(): number {
    return START + this.#elapsedMs;
  }

  /** Lets time pass and the dispatcher look. */
  advance(ms: number): void {
    this.#elapsedMs += ms;
    this.dispatcher.wake();
  }

  /** How often an event was logged. */
  count(event: LogEvent): number {
    return this.events.filter((one) => one.event === event).length;
  }

  /** Waits until something is so, looking whenever an event is logged. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(
            new Error(`nothing happened for ${SILENCE_MS} ms: ${JSON.stringify(this.events.slice(-5))}`),
          );
        }, SILENCE_MS);
        this.#notice = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Lets time pass and waits for the one attempt that begins then. */
  async attemptAfter(ms: number): Promise<LogFields> {
    const before = this.count('attempt');
    this.advance(ms);
    await this.until(() => this.count('attempt') > before);
    return this.events.findLast((one) => one.event === 'attempt')?.fields ?? {};
  }
}

/** Opens a store and a dispatcher on it, not yet started, that ends with the test. */
export async function openDispatch(
  t: TestContext,
  deliver: (post: Post) => Outcome | Promise<Outcome>,
): Promise<Dispatch> {
  const scratch = testScratch(t);
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'daemon' });
  scratch.defer(() => store.close());
  const parser = createParserPool();
  scratch.defer(() => parser.close());
  const sink: Sink = { deliver: (post) => Promise.resolve(deliver(post)), close: () => Promise.resolve() };
  const dispatch = new Dispatch(store, { parser, sink });
  scratch.defer(() => dispatch.dispatcher.stop(5000));
  return dispatch;
}

/** An item as the gate makes it. */
export function newItem(id: string, thread: string, receivedAt = START, user = 'alice'): NewItem {
  return {
    id,
    user,
    thread,
    repliedToAt: receivedAt - 60_000,
    fingerprint: randomBytes(16).toString('latin1'),
    messageId: `${id}@client.example.com`,
    reversePath: 'alice@example.com',
    receivedAt,
    hold: undefined,
    authentication: { policy: 'off', result: 'none' },
    spam: undefined,
  };
}

/** Queues an item with a small message of its own. */
export async function enqueue(
  store: Store,
  id: string,
  thread: string,
  receivedAt = START,
  user = 'alice',
): Promise<void> {
  const raw = Buffer.from(
    replyMessage({ to: 'reply@reply.example.org', messageId: `${id}@client.example.com` }),
  );
  const { kind } = await store.accept([newItem(id, thread, receivedAt, user)], raw);
  if (kind !== 'committed') throw new Error(`${id} was not queued: ${kind}`);
}
