/** The dispatchers as a site configures them. */
import type { DispatcherOptions } from '../delivery/dispatcher-options.ts';
import { Dispatchers, type Dispatching } from '../delivery/dispatchers.ts';
import { createLaneOf, NO_LANE } from '../mail/lane.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import { STATUS_CLASSES } from '../observe/metrics-table.ts';
import type { ReplyParser } from '../reply/post.ts';
import { createReadBounce } from '../sinks/bounce-event.ts';
import type { Sink } from '../sinks/sink.ts';
import { createStray } from '../sinks/stray.ts';
import type { Store } from '../store/store.ts';
import type { Config } from './config.ts';
import { openDraftNotice } from './notices.ts';
import { knownThreads, lanesOf, type SiteSink } from './sinks.ts';
import type { Part, Site } from './site.ts';
import { tokenMask } from './token-mask.ts';

/** The longest time in which work made by other processes goes unnoticed. */
const POLL_MS = 1000;

/** The ground of the dispatchers. */
export interface DispatcherGround {
  readonly store: Store;
  readonly log: Log;
  readonly meter: Meter;
  /** Gives the sinks in force. */
  readonly sinks: () => readonly SiteSink[];
  /** Gives the parser in force. */
  readonly parser: () => ReplyParser;
}

/** Creates the dispatchers of a daemon. */
export function createDispatchers(site: Site, ground: DispatcherGround): Dispatchers {
  return new Dispatchers(site.part(dispatching(ground)), ground.store);
}

/** A sink to dispatch to, and its lane where there are some. */
interface Target {
  readonly name: string;
  readonly sink: Sink;
  readonly lane?: string;
}

/** Makes the dispatching a part. */
function dispatching(ground: DispatcherGround): Part<Dispatching> {
  return {
    reads: 'everything', // as the sinks
    open: ({ settings: { config } }) => {
      const sinks = ground.sinks();
      const lanes = lanesOf(config);
      const laneOf = createLaneOf(lanes);
      const targets: Target[] = sinks.map(({ name, sink }) =>
        lanes.length === 0 ? { name, sink } : { name, sink, lane: name },
      );
      if (lanes.length > 0) targets.push({ name: NO_LANE, lane: NO_LANE, sink: openStray(config, ground) });
      beginMeasures(ground.meter, sinks);
      const options = targets.map((target) => {
        const { lane } = target;
        const owns = lane === undefined ? undefined : (thread: string) => laneOf(thread) === lane;
        return [target.name, { ...optionsOf(config, ground, target, sinks.length), owns }] as const;
      });
      return { options: new Map(options), lanes, laneOf };
    },
  };
}

function beginMeasures(meter: Meter, sinks: readonly SiteSink[]): void {
  for (const { name } of sinks) {
    for (const status of STATUS_CLASSES) meter.begin('mailgw_sink_request_seconds', { sink: name, status });
  }
}

function openStray(config: Config, { sinks, log }: DispatcherGround): Sink {
  const onStray = (id: string, thread: string): void => {
    log('sink_missing', { id, thread });
  };
  return createStray(sinks(), { known: knownThreads(config), onStray });
}

/** Gives the options of one dispatcher: as many slots as any, and its part of the memory. */
function optionsOf(
  config: Config,
  { store, log, meter, parser }: DispatcherGround,
  target: Target,
  sinks: number,
): DispatcherOptions {
  const { delivery } = config;
  const mask = tokenMask(config);
  return {
    ...target,
    queue: store,
    isPresent: () => store.isPresent(),
    holds: (askedAt, forMs) => store.holds(askedAt, forMs),
    remembered: store,
    log,
    meter,
    now: Date.now,
    monotonic: () => performance.now(),
    random: Math.random,
    pollMs: POLL_MS,
    parser: parser(),
    draftNotice: openDraftNotice(config, store),
    mask,
    readBounce: createReadBounce(store, mask),
    concurrency: delivery.concurrency,
    maxBufferedBytes: Math.floor(delivery.maxBufferedBytes / sinks),
    attemptTimeoutMs: delivery.attemptTimeoutMs,
    retry: {
      firstMs: delivery.retryFirstMs,
      longestMs: delivery.retryLongestMs,
      maxAgeMs: delivery.maxAgeMs,
    },
  };
}
