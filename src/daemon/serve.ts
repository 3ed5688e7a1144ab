/**
 * The composition root: store → sink → dispatcher → listeners, and the same way back.
 *
 * Contract: readiness is announced only when the store is open and the socket serves; SIGTERM and SIGINT stop in
 * order: no new transaction, transactions under way answered, attempts under way settled, store closed. SIGHUP, and
 * mailgw-ctl through the socket beside the store, bring a new configuration; attempts under way end on the old sink.
 * Failure: a start that fails says why in one line per problem and ends with a sysexits(3) code; a store that
 * breaks while serving ends the daemon, because nothing may be promised any more.
 */
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { createAdminServer } from '../api/admin.ts';
import { type Config, dedupeWindowMs } from '../config/config.ts';
import type { Dispatcher } from '../delivery/dispatcher.ts';
import { createGate, type Gate } from '../gate/gate.ts';
import { openRates, type Rates } from '../gate/rates.ts';
import { formatItemId, ITEM_ID_RANDOM_BYTES } from '../mail/item-id.ts';
import type { CommitMeasures } from '../observe/commit-measures.ts';
import { discardsIn, yesterday } from '../observe/discards.ts';
import { type Log, openLog } from '../observe/log.ts';
import { type LogOutput, openLogOutput } from '../observe/log-output.ts';
import { watchEventLoop } from '../observe/loop-watch.ts';
import { Meter } from '../observe/meter.ts';
import { startCounting } from '../observe/verdict-counts.ts';
import type { ParserPool } from '../reply/parser-pool.ts';
import type { Sink } from '../sinks/sink.ts';
import { createDispatcher, dispatching } from '../site/dispatcher.ts';
import { type Doubts, doubtsOf } from '../site/doubts.ts';
import { gateRules } from '../site/gate-rules.ts';
import { notifying, openAuthorNotices, openNotifier } from '../site/notices.ts';
import { isSameParser, openParser } from '../site/parser.ts';
import { type NamedPepper, PepperWatch } from '../site/pepper.ts';
import { openSink, type Settings } from '../site/settings.ts';
import type { StoreWatch } from '../site/store-watch.ts';
import { type RetentionPeriods, startRetention } from '../store/retention.ts';
import { type DiskSpace, openDiskSpace } from '../store/sqlite/disk-space.ts';
import type { Store } from '../store/store.ts';
import { EXIT } from '../system/exit-status.ts';
import { openSupervision } from '../system/supervision.ts';
import { ListenError } from '../system/unix-socket.ts';
import { version } from '../system/version.ts';
import { createListeners, listen, listenForAdmin, standingFor } from './listeners.ts';
import { type MetricsListener, openMetrics } from './metrics.ts';
import { createReload } from './reload.ts';
import { StartError } from './start-error.ts';
import { type StatusFacts, statusLine } from './status-line.ts';

/** How long the end waits for a slow reader of the log. */
const LAST_LINES_MS = 1000;

async function openFirstSink(config: Config, log: Log): Promise<Sink> {
  const loaded = await openSink(config, (reason) => {
    log('sink_fault', { reason });
  });
  if (!loaded.ok) throw new StartError(EXIT.configuration, loaded.problems);
  return loaded.sink;
}

async function watchSpace({ store }: Config, log: Log): Promise<DiskSpace> {
  return openDiskSpace({
    directory: dirname(store.path),
    lowWaterBytes: store.lowWaterBytes,
    onChange: (isLow, freeBytes, lowWaterBytes) => {
      log(isLow ? 'space_low' : 'space_back', { free_bytes: freeBytes, low_water_bytes: lowWaterBytes });
    },
  });
}

function openGate(
  { config, pepper }: Settings,
  store: Store,
  rates: Rates | undefined,
  space: DiskSpace,
  dispatcher: Dispatcher,
  { loss, doubt }: Doubts,
  log: Log,
  output: LogOutput,
): Gate {
  const random = createRandomSource();
  return createGate({
    ...gateRules(config, pepper, log),
    directory: store,
    doubt,
    storeLoss: loss,
    queue: {
      accept: (items, raw) => {
        space.take(raw.byteLength);
        const accepting = dispatcher.accept(items, raw);
        rates?.saveUrgent(); // in the same tick, and so in the same transaction
        return accepting;
      },
    },
    rates: rates?.isOff === true ? undefined : rates,
    authorNotices: openAuthorNotices(config, store),
    isSpaceLow: space.isLow,
    isLogStalled: () => output.isStalled,
    now: Date.now,
    newId: () => formatItemId(Date.now(), random(ITEM_ID_RANDOM_BYTES)),
  });
}

function namedPepper({ pepper, config }: Settings): NamedPepper {
  return { pepper, file: config.reply.pepperFile };
}

function retentionPeriods(config: Config): RetentionPeriods {
  const { keepContentMs, keepRowsMs } = config.store;
  return { contentMs: keepContentMs, rowsMs: keepRowsMs, dedupeMs: dedupeWindowMs(config) };
}

/** What the status line tells now. */
async function statusFacts(
  { reply }: Config,
  store: Store,
  known: Pick<StatusFacts, 'trouble' | 'isSpaceLow'>,
): Promise<StatusFacts> {
  const { open, paused, sink } = await store.backlog();
  const discards = discardsIn(await store.verdicts(yesterday(Date.now())));
  return { ...known, domain: reply.domain, open, isPaused: paused, sink: sink?.state, discards };
}

/** Random bytes cut from a larger draw: one call of the generator costs as much as a whole HMAC. */
function createRandomSource(): (bytes: number) => Buffer {
  let pool = Buffer.alloc(0);
  return (bytes) => {
    if (pool.length < bytes) pool = randomBytes(4096);
    const taken = pool.subarray(0, bytes);
    pool = pool.subarray(bytes);
    return taken;
  };
}

/** What main.ts has begun. */
export interface Beginning {
  /** The configuration's file. */
  readonly path: string;
  readonly settings: Settings;
  /** The store, on its way. */
  readonly opening: Promise<Store>;
  readonly commits: CommitMeasures;
  /** Resolves when the store breaks while it is open. */
  readonly broken: Promise<Error>;
  /** What is heard of the store's files. */
  readonly news: StoreWatch;
}

/** Serves until a signal ends it. */
export async function serve({
  path,
  settings: first,
  opening,
  commits,
  broken,
  news,
}: Beginning): Promise<void> {
  let settings = first;
  const { config } = settings;
  const output = openLogOutput(1, (lines) => {
    log('log_lost', { lines });
  });
  let write = openLog(config.log, output);
  const meter = new Meter();
  const log: Log = (event, fields, level) => {
    meter.add('mailgw_events_total', { event });
    write(event, fields, level);
  };
  meter.watch('mailgw_log_lost_lines_total', {}, () => output.lostLines);
  meter.share('mailgw_commit_seconds', {}, commits.seconds);
  meter.share('mailgw_commit_messages', {}, commits.messages);
  log('starting', { version: version(), store: config.store.path });
  if (process.getuid?.() === 0)
    log('runs_as_root', { reason: "runs as root; the package's service runs as user mailgw" });
  const fail = (event: 'store_failed' | 'fatal', error: Error): never => {
    const at = error.stack?.split('\n').find((line) => line.startsWith('    at '));
    log(event, { reason: error.message, at: at?.trim() });
    process.exit(EXIT.internal);
  };
  // What nobody caught, rejections included: the state it left behind is unknown, what is on disk is not.
  process.on('uncaughtException', (error: unknown) =>
    fail('fatal', error instanceof Error ? error : new Error(String(error))),
  );
  void broken.then((error) => fail('store_failed', error));
  news.tell(log);
  const [store, firstSink, space] = await Promise.all([
    opening,
    openFirstSink(config, log),
    watchSpace(config, log),
  ]);
  let sink = firstSink;
  const parserOf = (of: Config): ParserPool => openParser(of, of.delivery.parserWorkers, meter);
  let parser = parserOf(config);
  const dispatcher = createDispatcher(store, log, meter, dispatching(config, store, sink, parser));
  const verdicts = startCounting(meter, (counts) => store.addVerdicts(counts), Date.now);
  const ratesOf = ({ rate }: Config): Promise<Rates | undefined> =>
    openRates({ settings: rate, buckets: store, log, now: Date.now, monotonic: () => performance.now() });
  let rates = await ratesOf(config);
  meter.watch('mailgw_rate_buckets', {}, () => rates?.buckets ?? 0);
  const pepper = new PepperWatch({ store, log, meter, now: Date.now }, namedPepper(settings));
  await pepper.doubt()?.catch(() => undefined); // a store that fails says so to whoever asks for an address
  const doubts = doubtsOf(news, pepper, output);
  let gate = openGate(settings, store, rates, space, dispatcher, doubts, log, output);
  const listeners = createListeners(
    config,
    standingFor(() => gate),
    log,
    meter,
    verdicts.count,
  );
  const stopLoopWatch = watchEventLoop(log, meter);
  let isStopping = false;
  let metrics: MetricsListener | undefined;
  try {
    const { lmtp, policy } = listeners;
    await listen(policy.server, 'policy', config, log);
    await listen(lmtp.server, 'lmtp', config, log);
    metrics = await openMetrics(config, log, meter, {
      store,
      isStopping: () => isStopping,
      isSpaceLow: space.isLow,
      trouble: doubts.trouble,
    });
  } catch (error) {
    await store.close();
    if (!(error instanceof ListenError)) throw error;
    throw new StartError(EXIT.cannotCreate, [`metrics.listen: ${error.message}`]);
  }
  const notifier = openNotifier(config, settings.texts, store, log, meter);
  dispatcher.start();
  notifier.start();
  const stopRetention = startRetention({
    queue: store,
    periods: () => retentionPeriods(settings.config),
    isSpaceLow: space.isLow,
    log,
    now: Date.now,
  });
  const take = async (next: Settings, nextSink: Sink): Promise<void> => {
    const opened = rates ?? (await ratesOf(next.config));
    if (isStopping) throw new Error('the daemon stops');
    // From here on nothing fails and nothing waits: the configuration is taken whole.
    const [oldSink, oldParser] = [sink, parser];
    const keepsParser = isSameParser(settings.config, next.config);
    if (!keepsParser) parser = parserOf(next.config);
    settings = next;
    sink = nextSink;
    write = openLog(next.config.log, output);
    rates = opened;
    rates?.change(next.config.rate);
    pepper.change(namedPepper(next));
    void pepper.doubt()?.catch(() => undefined);
    gate = openGate(next, store, rates, space, dispatcher, doubts, log, output);
    listeners.change(next.config);
    space.setLowWater(next.config.store.lowWaterBytes);
    notifier.change(notifying(next.config, next.texts));
    sink.warm?.();
    if (!keepsParser) parser.warm();
    void dispatcher.change(dispatching(next.config, store, sink, parser)).then(async () => {
      await oldSink.close();
      if (!keepsParser) await oldParser.close();
    });
  };
  const reload = createReload({ path, settings, take, log });
  const admin = createAdminServer(path, reload);
  await listenForAdmin(admin, config, log);
  process.on('SIGHUP', () => void reload(false));
  const supervision = openSupervision({
    environment: process.env,
    pid: process.pid,
    ping: () => store.ping(),
    status: async () => {
      const known = { trouble: doubts.trouble(), isSpaceLow: space.isLow() };
      return statusLine(await statusFacts(settings.config, store, known));
    },
  });

  const stop = async (signal: string): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    log('stopping', { signal });
    supervision.stopping();
    admin.close();
    // Side by side: one time for both, and no attempt begins that the rest of it would be too short for.
    const withinMs = settings.config.delivery.stopTimeoutMs;
    const stopped = [listeners.lmtp.stop(withinMs), listeners.policy.stop(withinMs)];
    await Promise.all([...stopped, dispatcher.stop(withinMs), notifier.stop()]);
    await stopRetention();
    await rates?.stop();
    await verdicts.stop();
    space.close();
    stopLoopWatch();
    await metrics?.close();
    await parser.close();
    await store.close();
    await sink.close();
    log('stopped');
    await output.drained(LAST_LINES_MS);
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      stop(signal).catch((error: unknown) =>
        fail('fatal', error instanceof Error ? error : new Error(String(error))),
      );
    });
  }
  // Said last: whoever reads it may end the daemon.
  log('ready', { pid: process.pid });
  supervision.ready();
  parser.warm();
  sink.warm?.();
}
