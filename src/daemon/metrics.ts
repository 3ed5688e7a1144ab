/**
 * Metrics and health as a site configures them: what the daemon counts, made into pages that it serves.
 *
 * Contract: nothing is loaded, opened or counted anew unless `metrics.listen` is set. A scrape reads numbers, asks the
 * store's writer for a sign of life, and lets a thread of its own count the queue.
 */
import { stat, statfs } from 'node:fs/promises';
import type { Server } from 'node:http';
import { dirname } from 'node:path';
import { createStatusServer } from '../api/status.ts';
import type { Config } from '../config/config.ts';
import type { Rates } from '../gate/rates.ts';
import type { Log, LogEvent } from '../observe/log.ts';
import type { LogOutput } from '../observe/log-output.ts';
import type {
  CommitMeasures,
  Counting,
  DeliveryMeasures,
  LoopWatch,
  NoticeCounts,
} from '../observe/metrics.ts';
import type { Seen } from '../observe/metrics-table.ts';
import { type CountsReader, createCountsReader } from '../store/sqlite/counts.ts';
import type { Store } from '../store/store.ts';
import { errorText } from '../system/error-text.ts';
import { ListenError, listenOnFile } from '../system/unix-socket.ts';
import { version } from '../system/version.ts';

/** What the daemon knows of itself. */
export interface MetricsSources {
  readonly store: Pick<Store, 'ping'>;
  readonly verdicts: Counting;
  readonly delivery: DeliveryMeasures;
  readonly commits: CommitMeasures;
  readonly events: Readonly<Record<LogEvent, number>>;
  readonly notices: NoticeCounts;
  readonly loop: LoopWatch;
  /** The rates as they are now: a reload may begin to limit them. */
  readonly rates: () => Rates | undefined;
  /** Connections open now. */
  readonly connections: () => Seen['connections'];
  /** Whether the daemon takes no more mail. */
  readonly isStopping: () => boolean;
  /** Whether mail is put off for want of space. */
  readonly isSpaceLow: () => boolean;
  /** Why all mail is put off, if it is. */
  readonly trouble: () => string | undefined;
  /** Whether the pepper is the one of the store, as last heard. */
  readonly isPepperKnown: () => boolean;
  readonly output: Pick<LogOutput, 'lostLines'>;
}

/** The listener of metrics and health. */
export interface MetricsListener {
  /** Stops it at once: nobody waits for its answers. */
  close(): Promise<void>;
}

/** How long the store's writer may take for a sign of life. */
const SIGN_OF_LIFE_MS = 5000;

/** Serves metrics and health; undefined where the site wants none. Throws a {@link ListenError}. */
export async function openMetrics(
  config: Config,
  log: Log,
  sources: MetricsSources,
): Promise<MetricsListener | undefined> {
  if (config.metrics.listen === undefined) return undefined;
  const { createMetricsPage } = await import('../observe/metrics-page.ts');
  const page = createMetricsPage();
  const counts = createCountsReader(config.store.path);
  const release = version();
  const unready = (): Promise<string | undefined> => whyUnready(sources);
  const server = createStatusServer({
    unready,
    metrics: async () => {
      const seen = await look(config, sources, release, counts);
      return { contentType: page.contentType, text: await page.render(seen) };
    },
  });
  await listen(server, config, log);
  return {
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await counts.close();
    },
  };
}

async function listen(server: Server, { metrics }: Config, log: Log): Promise<void> {
  const { listen: endpoint, mode, group } = metrics;
  if (endpoint === undefined) return;
  if ('path' in endpoint) {
    await listenOnFile(server, { path: endpoint.path, mode, group, section: 'metrics' });
  } else {
    const { host, port } = endpoint;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => {
        reject(new ListenError(`${host}:${port}: cannot listen: ${error.message}`));
      });
      server.listen({ host, port }, resolve);
    });
  }
  const where = 'path' in endpoint ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
  log('listening', { service: 'metrics', socket: where });
}

/** Why no mail can be taken now, if it cannot. */
async function whyUnready(sources: MetricsSources): Promise<string | undefined> {
  const { store, isStopping, isSpaceLow, trouble } = sources;
  if (isStopping()) return 'stopping';
  const reason = trouble();
  if (reason !== undefined) return reason;
  if (isSpaceLow()) return 'less space is free for the store than store.low_water';
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<string>((resolve) => {
    timer = setTimeout(() => {
      resolve(`the store has not answered for ${SIGN_OF_LIFE_MS} ms`);
    }, SIGN_OF_LIFE_MS);
    timer.unref();
  });
  try {
    return await Promise.race([store.ping({ mustWrite: true }).then(() => undefined), silence]);
  } catch (error) {
    return `the store fails: ${errorText(error)}`;
  } finally {
    clearTimeout(timer);
  }
}

async function look(
  { store: { path } }: Config,
  sources: MetricsSources,
  release: string,
  counts: CountsReader,
): Promise<Seen> {
  const orNone = <T>(found: Promise<T>): Promise<T | undefined> => found.catch(() => undefined);
  const [reason, queue, database, log, space] = await Promise.all([
    whyUnready(sources),
    orNone(counts.read()),
    orNone(stat(path)),
    orNone(stat(`${path}-wal`)),
    orNone(statfs(dirname(path))),
  ]);
  const { user, system } = process.cpuUsage();
  return {
    version: release,
    isUp: reason === undefined,
    isPepperKnown: sources.isPepperKnown(),
    now: Date.now(),
    queue,
    verdicts: sources.verdicts.verdicts(),
    spam: sources.verdicts.spam,
    delivery: sources.delivery,
    commits: sources.commits,
    events: sources.events,
    notices: sources.notices,
    loop: sources.loop.delay(),
    connections: sources.connections(),
    rateBuckets: sources.rates()?.buckets ?? 0,
    lostLines: sources.output.lostLines,
    files: {
      databaseBytes: database?.size,
      logBytes: log?.size,
      freeBytes: space && space.bavail * space.bsize,
    },
    process: {
      cpuSeconds: (user + system) / 1e6,
      residentBytes: process.memoryUsage.rss(),
      startedAtSeconds: performance.timeOrigin / 1000,
    },
  };
}
