// The dispatcher on a real store, with the real parser and webhook, against a platform on the loopback.
//
// Contract: time is the test's: the dispatcher looks when it is woken, and sees `clock.now`. One attempt at a time
// unless the test wants more, so that the platform's answers meet the posts in order.

import type { TestContext } from 'node:test';
import { Dispatcher } from '../../src/delivery/dispatcher.ts';
import type { DispatcherOptions } from '../../src/delivery/dispatcher-options.ts';
import { createTokenMask } from '../../src/mail/token-mask.ts';
import type { LogEvent, LogFields } from '../../src/observe/log.ts';
import { createParserPool } from '../../src/reply/parser-pool.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import type { ItemState, ItemView } from '../../src/store/item.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { accept, NOW, newItem } from '../support/item.ts';
import { openSink } from '../support/loopback.ts';
import { replyMessage } from '../support/message.ts';
import { FORM } from '../support/mint.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { testScratch } from '../support/scratch.ts';

/** One logged event. */
export interface Logged extends LogFields {
  readonly event: LogEvent;
}

/** A dispatcher that runs, and everything around it. */
export interface Dispatching {
  readonly store: Store;
  readonly platform: Platform;
  readonly dispatcher: Dispatcher;
  /** Puts other options in force. */
  renew(change: Partial<DispatcherOptions>): Promise<void>;
  readonly clock: { now: number };
  readonly log: Logged[];
  /** Queues a reply to a thread, alice's unless said otherwise, and wakes the dispatcher; its id. */
  queue(thread: string, body?: string, user?: string): Promise<string>;
  /** The item, as soon as it is in that state. */
  inState(id: string, state: ItemState): Promise<ItemView>;
  /** Lets time pass and wakes the dispatcher. */
  pass(ms: number): void;
}

/** What a test may choose; the sink default is the webhook to the platform. */
export interface DispatchingChoice extends Partial<Omit<DispatcherOptions, 'sink' | 'queue'>> {
  readonly sink?: Sink;
  readonly queue?: (store: Store) => DispatcherOptions['queue'];
}

/** Starts a dispatcher over an empty store. */
export async function startDispatching(t: TestContext, choice: DispatchingChoice = {}): Promise<Dispatching> {
  const scratch = testScratch(t);
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'tool' });
  const platform = await startPlatform(scratch);
  const parser = createParserPool({ size: 1 });
  const clock = { now: NOW };
  const log: Logged[] = [];
  const { sink, queue, ...options } = choice;
  let inForce: DispatcherOptions = {
    queue: queue?.(store) ?? store,
    name: 'webhook',
    remembered: store,
    parser,
    mask: createTokenMask([FORM]),
    sink: sink ?? openSink(t, platform.sink.url, { secrets: [platform.secret], now: Date.now }),
    log: (event, fields) => log.push({ event, ...fields }),
    now: () => clock.now,
    monotonic: () => clock.now - NOW,
    random: () => 1,
    concurrency: 1,
    maxBufferedBytes: 40 * 1024 * 1024,
    attemptTimeoutMs: 10_000,
    retry: { firstMs: 1000, longestMs: 5000, maxAgeMs: 60_000 },
    pollMs: 60_000,
    ...options,
  };
  const dispatcher = new Dispatcher(() => inForce);
  scratch.defer(async () => {
    await dispatcher.stop(0);
    await parser.close();
    await store.close();
  });
  dispatcher.start();
  return {
    store,
    platform,
    dispatcher,
    renew: (change) => {
      inForce = { ...inForce, ...change };
      return dispatcher.renew();
    },
    clock,
    log,
    queue: async (thread, body, user = 'alice') => {
      const item = newItem({ user, thread, receivedAt: clock.now });
      const text = replyMessage({ to: 'someone', ...(body === undefined ? {} : { body }) });
      await accept(store, [item], Buffer.from(text));
      dispatcher.wake();
      return item.id;
    },
    inState: (id, state) =>
      eventually(
        async () => {
          const item = await store.get(id);
          return item?.state === state ? item : undefined;
        },
        () => `${id} in state ${state}`,
      ),
    pass: (ms) => {
      clock.now += ms;
      dispatcher.wake();
    },
  };
}
