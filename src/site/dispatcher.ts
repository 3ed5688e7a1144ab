/** The dispatcher as a site configures it. */
import { Dispatcher, type DispatcherOptions } from '../delivery/dispatcher.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import type { ReplyParser } from '../reply/post.ts';
import { createReadBounce } from '../sinks/bounce-event.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Store } from '../store/store.ts';
import { openDraftNotice, tokenMask } from './notices.ts';
import type { Part, Site } from './site.ts';

/** The longest time in which work made by other processes goes unnoticed. */
const POLL_MS = 1000;

/** The ground of the dispatcher. */
export interface DispatcherGround {
  readonly store: Store;
  readonly log: Log;
  readonly meter: Meter;
  /** Gives the sink in force. */
  readonly sink: () => Sink;
  /** Gives the parser in force. */
  readonly parser: () => ReplyParser;
}

/** Creates the dispatcher of a daemon. */
export function createDispatcher(site: Site, ground: DispatcherGround): Dispatcher {
  return new Dispatcher(site.part(dispatching(ground)));
}

/** Makes the dispatcher's options a part. */
function dispatching({ store, log, meter, sink, parser }: DispatcherGround): Part<DispatcherOptions> {
  return {
    reads: 'everything', // as the sink
    open: ({ settings: { config } }) => {
      const { delivery } = config;
      const mask = tokenMask(config);
      return {
        queue: store,
        remembered: store,
        log,
        meter,
        now: Date.now,
        monotonic: () => performance.now(),
        random: Math.random,
        pollMs: POLL_MS,
        parser: parser(),
        sink: sink(),
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
    },
  };
}
