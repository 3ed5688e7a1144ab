/**
 * Metrics and health as a site configures them: the pages that the daemon serves, and how the queue, the store's files
 * and the process are read for them.
 *
 * Contract: nothing is loaded, opened or read unless `metrics.listen` is set. A scrape reads numbers, asks the store's
 * writer for a sign of life, and lets a thread of its own count the queue.
 */
import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createStatusServer } from '../api/status.ts';
import { NO_LANE } from '../mail/lane.ts';
import type { Meter } from '../observe/meter.ts';
import { SINK_STATES } from '../observe/metrics-table.ts';
import type { Doubts } from '../site/doubts.ts';
import { lanesOf } from '../site/sinks.ts';
import { ITEM_STATES } from '../store/item.ts';
import { type CountsReader, createCountsReader } from '../store/sqlite/counts.ts';
import { errorText } from '../system/error-text.ts';
import { version } from '../system/version.ts';
import { watchDatabase } from './database-metrics.ts';
import type { Ground } from './ground.ts';
import { listenOn } from './listening.ts';

/** How long the store's writer may take for a sign of life. */
const SIGN_OF_LIFE_MS = 5000;

/** Serves metrics and health where the site wants them. Rejects with a `ListenError`. */
export async function openMetrics(ground: Ground, trouble: Doubts['trouble']): Promise<void> {
  const { site, log, meter, life, store } = ground;
  const { config } = site;
  if (config.metrics.listen === undefined) return;
  const { createMetricsPage } = await import('../observe/metrics-page.ts');
  const page = createMetricsPage(meter);
  const counts = countsOf(ground);
  const unready = (): Promise<string | undefined> => whyUnready(ground, trouble);
  meter.inquire('mailgw_up', {}, async () => Number((await unready()) === undefined));
  watchQueue(meter, counts);
  watchSinks(ground, counts);
  // What belongs to one kind of store alone.
  if (config.store.url === undefined) watchFiles(meter, config.store.path);
  watchDatabase(meter, store);
  watchProcess(meter);
  const server = createStatusServer({
    unready,
    metrics: async () => ({ contentType: page.contentType, text: await page.render() }),
  });
  await listenOn(server, 'metrics', config, log);
  life.ends(async () => {
    server.closeAllConnections(); // nobody waits for its answers
    await new Promise((resolve) => server.close(resolve));
    await counts.close();
  });
}

/** Gives the reader of counts: SQLite's has a thread for it, a database counts by itself. */
function countsOf({ site, store }: Ground): CountsReader {
  const { path, url } = site.config.store;
  if (url === undefined) return createCountsReader(path);
  return { read: () => store.counts(), close: () => Promise.resolve() };
}

/** Watches the queue: its figures are counted once for a page, because all inquiries begin in one tick. */
function watchQueue(meter: Meter, counts: CountsReader): void {
  for (const state of ITEM_STATES)
    meter.inquire('mailgw_queue_items', { state }, async () => (await counts.read()).byState[state]);
  meter.inquire('mailgw_queue_oldest_seconds', {}, async () => {
    const { oldestReceivedAt } = await counts.read();
    return oldestReceivedAt === undefined ? 0 : Math.max(0, Date.now() - oldestReceivedAt) / 1000;
  });
  meter.inquire('mailgw_queue_paused', {}, async () => Number((await counts.read()).paused));
}

/** Watches the sinks by their names; one that is not configured any more has no samples. */
function watchSinks({ site, meter }: Ground, counts: CountsReader): void {
  const isDivided = (): boolean => lanesOf(site.config).length > 0;
  const namesNow = (): string[] => site.config.sinks.map(({ name }) => name);
  const watch = (name: string): void => {
    for (const state of SINK_STATES) {
      meter.inquire('mailgw_sink_state', { sink: name, state }, async () => {
        const found = (await counts.read()).sinks.find((status) => status.name === name);
        return namesNow().includes(name) ? Number(found?.state === state) : undefined;
      });
    }
    watchItems(name);
  };
  const watchItems = (name: string): void => {
    meter.inquire('mailgw_sink_open_items', { sink: name }, async () => {
      const { lanes, byState } = await counts.read();
      if (!isDivided())
        return namesNow().includes(name) ? byState.ready + byState.waiting + byState.leased : undefined;
      if (name !== NO_LANE && !namesNow().includes(name)) return undefined;
      return lanes.find(({ lane }) => lane === name)?.open ?? 0;
    });
  };
  site.part({
    reads: ['sink'],
    open: ({ settings: { config } }) => {
      for (const { name } of config.sinks) watch(name);
      if (lanesOf(config).length > 0) watchItems(NO_LANE);
    },
  });
}

/** Watches the files of the store, as far as the file system tells. */
function watchFiles(meter: Meter, path: string): void {
  meter.inquire('mailgw_store_bytes', { file: 'database' }, async () => (await stat(path)).size);
  meter.inquire('mailgw_store_bytes', { file: 'log' }, async () => (await stat(`${path}-wal`)).size);
  meter.inquire('mailgw_store_free_bytes', {}, async () => {
    const { bavail, bsize } = await statfs(dirname(path));
    return bavail * bsize;
  });
}

/** Watches the process as Prometheus names it. */
function watchProcess(meter: Meter): void {
  meter.watch('mailgw_build_info', { version: version(), node: process.versions.node }, () => 1);
  meter.watch('process_cpu_seconds_total', {}, () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  meter.watch('process_resident_memory_bytes', {}, () => process.memoryUsage.rss());
  meter.watch('process_start_time_seconds', {}, () => performance.timeOrigin / 1000);
}

/** Says why no mail can be taken now, if it cannot. */
async function whyUnready(
  { life, store, space }: Ground,
  trouble: Doubts['trouble'],
): Promise<string | undefined> {
  if (life.state !== 'serving') return life.state;
  const reason = trouble();
  if (reason !== undefined) return reason;
  if (space.isLow()) return 'less space is free for the store than store.low_water';
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
