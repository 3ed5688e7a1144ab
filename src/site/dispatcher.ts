/**
 * The dispatcher as a site configures it.
 *
 * Contract: what a reload may change is one value, handed in at the start and with each change alike.
 */
import type { Config } from '../config/config.ts';
import { Dispatcher, type DispatcherChange } from '../delivery/dispatcher.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import type { ParserPool } from '../reply/parser-pool.ts';
import { createReadBounce } from '../sinks/bounce-event.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Store } from '../store/store.ts';
import { openDraftNotice, tokenMask } from './notices.ts';

/** The longest time in which work made by other processes goes unnoticed. */
const POLL_MS = 1000;

/** The part of the dispatcher's options that follows the configuration. */
export function dispatching(config: Config, store: Store, sink: Sink, parser: ParserPool): DispatcherChange {
  const { delivery } = config;
  const mask = tokenMask(config);
  return {
    parser,
    sink,
    draftNotice: openDraftNotice(config, store),
    mask,
    readBounce: createReadBounce(store, mask),
    concurrency: delivery.concurrency,
    maxBufferedBytes: delivery.maxBufferedBytes,
    attemptTimeoutMs: delivery.attemptTimeoutMs,
    retry: {
      firstMs: delivery.retryFirstMs,
      longestMs: delivery.retryLongestMs,
      maxAgeMs: delivery.maxAgeMs,
    },
  };
}

/** Creates the dispatcher of a daemon. */
export function createDispatcher(store: Store, log: Log, meter: Meter, change: DispatcherChange): Dispatcher {
  return new Dispatcher({
    queue: store,
    log,
    meter,
    now: Date.now,
    monotonic: () => performance.now(),
    random: Math.random,
    pollMs: POLL_MS,
    ...change,
  });
}
