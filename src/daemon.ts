/**
 * mailgwd: the composition root. Config → store → sink → dispatcher → listener, and the same way back.
 *
 * Contract: readiness is announced only when the store is open and the socket serves; SIGTERM and SIGINT stop in
 * order: no new transaction, transactions under way answered, attempts under way settled, store closed.
 * Failure: a start that fails says why in one line per problem and ends with a sysexits(3) code; a store that
 * breaks while serving ends the daemon, because nothing may be promised any more.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:net';
import { dirname } from 'node:path';
import { type Config, dedupeWindowMs, loadConfig, readSecretFile } from './config.ts';
import { daemonHelp, parseDaemonOptions } from './daemon-options.ts';
import { createReadBounce } from './delivery/bounce-event.ts';
import { Dispatcher } from './delivery/dispatcher.ts';
import type { NoticeTexts } from './delivery/notice-texts.ts';
import type { Sink } from './delivery/sink.ts';
import { EXIT, STORE_EXIT } from './exit-status.ts';
import { gateRules } from './gate-rules.ts';
import { LmtpServer } from './intake/lmtp.ts';
import { PolicyServer } from './intake/policy.ts';
import { openRates, type Rates } from './intake/rates.ts';
import { createGate, type Gate } from './intake/receive.ts';
import { GuessesByClient, SlowDown } from './intake/slow-down.ts';
import {
  inheritedSocket,
  ListenError,
  listenOnDescriptor,
  listenOnFile,
  type SocketName,
} from './intake/unix-socket.ts';
import { type Log, openLog } from './log.ts';
import { formatItemId, ITEM_ID_RANDOM_BYTES } from './mail/item-id.ts';
import {
  type CountVerdict,
  commitMeasures,
  countingLog,
  createDeliveryMeasures,
  type DeliveryMeasures,
  startCounting,
  watchEventLoop,
} from './metrics.ts';
import { type MetricsListener, openMetrics } from './open-metrics.ts';
import {
  openDraftNotice,
  openExpiryNotices,
  openNotifier,
  readNoticeTexts,
  tokenMask,
} from './open-notices.ts';
import { openParser } from './open-parser.ts';
import { type DiskSpace, openDiskSpace } from './queue/disk-space.ts';
import type { Store } from './queue/queue.ts';
import { startRetention } from './queue/retention.ts';
import { openSqliteStore, StoreError } from './queue/sqlite.ts';
import type { ParserPool } from './reply/parser-pool.ts';
import { version } from './version.ts';

/** The longest time in which work made by other processes goes unnoticed. */
const POLL_MS = 1000;

/** A start that failed: one line per problem. */
class StartError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, problems: readonly string[]) {
    super(problems.join('\n'));
    this.exitCode = exitCode;
  }
}

function readCommandLine(): string {
  try {
    const { config, shows } = parseDaemonOptions();
    if (shows !== undefined) {
      process.stdout.write(shows === 'help' ? daemonHelp() : `${version()}\n`);
      process.exit(0);
    }
    return config;
  } catch (error) {
    throw new StartError(EXIT.usage, [`${describe(error)}; usage: mailgwd [--config FILE]`]);
  }
}

function readConfiguration(path: string): { config: Config; pepper: Buffer; texts: NoticeTexts } {
  const loaded = loadConfig(path);
  if (!loaded.ok) throw new StartError(EXIT.configuration, loaded.problems);
  const pepper = readSecretFile('reply.pepper_file', loaded.config.reply.pepperFile, 32);
  if (!pepper.ok)
    throw new StartError(EXIT.configuration, [`${pepper.problem}; "mailgw-ctl init" makes one`]);
  const texts = readNoticeTexts(loaded.config);
  if (!texts.ok) throw new StartError(EXIT.configuration, texts.problems);
  return { config: loaded.config, pepper: pepper.bytes, texts: texts.texts };
}

/** Loads the sink's modules while the store opens in its own thread. */
async function openSink(config: Config): Promise<Sink> {
  const { loadSink } = await import('./delivery/load-sink.ts');
  const loaded = await loadSink(config.sink, { now: Date.now, readSecretFile });
  if (!loaded.ok) throw new StartError(EXIT.configuration, loaded.problems);
  return loaded.sink;
}

async function openStore(
  config: Config,
  measures: SharedArrayBuffer,
  onBroken: (error: Error) => void,
): Promise<Store> {
  try {
    const { path, keepContentMs } = config.store;
    const keepContent = keepContentMs > 0;
    return await openSqliteStore({ path, mode: 'daemon', keepContent, measures, onBroken });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new StartError(STORE_EXIT[error.kind], [`store.path: ${error.message}`]);
  }
}

async function watchSpace(config: Config, log: Log): Promise<DiskSpace> {
  const { path, lowWaterBytes } = config.store;
  return openDiskSpace({
    directory: dirname(path),
    lowWaterBytes,
    onChange: (isLow, freeBytes) => {
      log(isLow ? 'space_low' : 'space_back', { free_bytes: freeBytes, low_water_bytes: lowWaterBytes });
    },
  });
}

function createDispatcher(
  config: Config,
  store: Store,
  sink: Sink,
  parser: ParserPool,
  measures: DeliveryMeasures,
  log: Log,
): Dispatcher {
  const { delivery } = config;
  return new Dispatcher({
    queue: store,
    parser,
    sink,
    draftNotice: openDraftNotice(config, store),
    readBounce: createReadBounce(store, tokenMask(config)),
    log,
    measures,
    now: Date.now,
    monotonic: () => performance.now(),
    random: Math.random,
    concurrency: delivery.concurrency,
    attemptTimeoutMs: delivery.attemptTimeoutMs,
    retry: {
      firstMs: delivery.retryFirstMs,
      longestMs: delivery.retryLongestMs,
      maxAgeMs: delivery.maxAgeMs,
    },
    pollMs: POLL_MS,
  });
}

function openGate(
  config: Config,
  pepper: Buffer,
  store: Store,
  rates: Rates | undefined,
  space: DiskSpace,
  dispatcher: Dispatcher,
  log: Log,
): Gate {
  const random = createRandomSource();
  return createGate({
    ...gateRules(config, pepper, log),
    directory: store,
    queue: {
      accept: (items, raw) => {
        space.take(raw.byteLength);
        const accepting = dispatcher.accept(items, raw);
        rates?.saveUrgent(); // in the same tick, and so in the same transaction
        return accepting;
      },
    },
    rates,
    expiryNotices: openExpiryNotices(config, store),
    isSpaceLow: space.isLow,
    now: Date.now,
    newId: () => formatItemId(Date.now(), random(ITEM_ID_RANDOM_BYTES)),
  });
}

/** Answers that wait at a time: of Postfix's 20 deliveries at once the others stay free for good addresses. */
const MAX_WAITING_DELIVERIES = 4;

function createSlowDown({ rate }: Config, maxWaiting: number): SlowDown {
  return new SlowDown({
    firstMs: rate.badAddressDelayMs,
    longestMs: rate.badAddressDelayLongestMs,
    maxWaiting,
  });
}

function createPolicyServer(config: Config, gate: Gate, log: Log, count: CountVerdict): PolicyServer {
  const { maxConnections } = config.policy;
  return new PolicyServer({
    ...config.policy,
    gate,
    log,
    count,
    guesses: new GuessesByClient(config.rate.badAddressForgetMs, () => performance.now()),
    slowDown: createSlowDown(config, Math.ceil(maxConnections / 4)),
  });
}

/** Makes a server listen on the socket that systemd passed, or on its own; false when it has neither. */
async function listen(server: Server, section: SocketName, config: Config, log: Log): Promise<boolean> {
  const { socket: path, mode, group } = config[section];
  const descriptor = inheritedSocket(section, process.env, process.pid);
  try {
    if (descriptor !== undefined) await listenOnDescriptor(server, descriptor);
    else if (path !== undefined) await listenOnFile(server, { path, mode, group, section });
    else return false;
  } catch (error) {
    if (error instanceof ListenError)
      throw new StartError(EXIT.cannotCreate, [`${section}.socket: ${error.message}`]);
    throw error;
  }
  log('listening', {
    service: section,
    socket: descriptor === undefined ? path : `descriptor ${descriptor}`,
  });
  return true;
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

/** Tells systemd, if it asked (sd_notify(3)); Node has no Unix datagram sockets of its own. */
function notifySystemd(...assignments: string[]): void {
  if (process.env.NOTIFY_SOCKET === undefined) return;
  execFile('systemd-notify', [`--pid=${process.pid}`, ...assignments], () => undefined);
}

async function serve(): Promise<void> {
  const { config, pepper, texts } = readConfiguration(readCommandLine());
  const { log, events } = countingLog(openLog(config.log));
  const commits = commitMeasures();
  const delivery = createDeliveryMeasures();
  log('starting', { version: process.env.npm_package_version, store: config.store.path });
  const fail = (event: 'store_failed' | 'fatal', error: Error): never => {
    log(event, { reason: error.message });
    process.exit(EXIT.internal);
  };
  const opening = openStore(config, commits.memory, (error) => fail('store_failed', error));
  const [store, sink, space] = await Promise.all([opening, openSink(config), watchSpace(config, log)]);
  const parser = openParser(config, config.delivery.parserWorkers, (ms) => {
    delivery.parse.observe(ms / 1000);
  });
  const dispatcher = createDispatcher(config, store, sink, parser, delivery, log);
  const verdicts = startCounting((counts) => store.addVerdicts(counts), Date.now);
  const rates = await openRates({
    settings: config.rate,
    buckets: store,
    log,
    now: Date.now,
    monotonic: () => performance.now(),
  });
  const gate = openGate(config, pepper, store, rates, space, dispatcher, log);
  const slowDown = createSlowDown(config, MAX_WAITING_DELIVERIES);
  const server = new LmtpServer(config.lmtp, { gate, slowDown, log, count: verdicts.count });
  const policy = createPolicyServer(config, gate, log, verdicts.count);
  const loop = watchEventLoop(log);
  let isStopping = false;
  let metrics: MetricsListener | undefined;
  try {
    await listen(policy.server, 'policy', config, log);
    await listen(server.server, 'lmtp', config, log);
    metrics = await openMetrics(config, log, {
      ...{ store, verdicts, delivery, commits, events, loop, rates },
      connections: () => ({ lmtp: server.connections.size, policy: policy.connections }),
      isStopping: () => isStopping,
    });
  } catch (error) {
    await store.close();
    if (!(error instanceof ListenError)) throw error;
    throw new StartError(EXIT.cannotCreate, [`metrics.listen: ${error.message}`]);
  }
  const notifier = openNotifier(config, texts, store, log);
  dispatcher.start();
  notifier.start();
  const stopRetention = startRetention({
    queue: store,
    periods: {
      contentMs: config.store.keepContentMs,
      rowsMs: config.store.keepRowsMs,
      dedupeMs: dedupeWindowMs(config),
    },
    isSpaceLow: space.isLow,
    log,
    now: Date.now,
  });
  log('ready', { pid: process.pid });
  notifySystemd('--ready', `--status=serving ${config.reply.domain}`);
  parser.warm();
  sink.warm?.();

  const stop = async (signal: string): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    log('stopping', { signal });
    notifySystemd('STOPPING=1');
    // Side by side: one time for both, and no attempt begins that the rest of it would be too short for.
    const withinMs = config.delivery.stopTimeoutMs;
    const listeners = [server.stop(withinMs), policy.stop(withinMs)];
    await Promise.all([...listeners, dispatcher.stop(withinMs), notifier.stop()]);
    await stopRetention();
    await rates?.stop();
    await verdicts.stop();
    space.close();
    loop.stop();
    await metrics?.close();
    await parser.close();
    await store.close();
    await sink.close();
    log('stopped');
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      stop(signal).catch((error: unknown) =>
        fail('fatal', error instanceof Error ? error : new Error(String(error))),
      );
    });
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

serve().catch((error: unknown) => {
  for (const line of describe(error).split('\n')) process.stderr.write(`mailgwd: ${line}\n`);
  process.exit(error instanceof StartError ? error.exitCode : EXIT.internal);
});
