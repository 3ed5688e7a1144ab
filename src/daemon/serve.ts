/**
 * The composition root: store → sinks → dispatchers → sources, and the same way back.
 *
 * Contract: readiness is announced only when the store is open and the sources serve; SIGTERM and SIGINT stop in
 * order: no new transaction, transactions under way answered, attempts under way settled, store closed. SIGHUP, and
 * mailgw-ctl through the socket beside the store, bring a new configuration; attempts under way end on the old sinks.
 * Failure: a start that fails says why in one line per problem and ends with a sysexits(3) code; a store that
 * breaks while serving ends the daemon, because nothing may be promised any more.
 */

import type { Dispatchers } from '../delivery/dispatchers.ts';
import { watchEventLoop } from '../observe/loop-watch.ts';
import type { Config } from '../site/config.ts';
import { createDispatchers } from '../site/dispatchers.ts';
import type { Doubts } from '../site/doubts.ts';
import { createNotifier } from '../site/notices.ts';
import { createSender } from '../site/notifications.ts';
import { parserPart } from '../site/parser.ts';
import { startPruning } from '../site/retention.ts';
import { SOURCES } from '../sources/catalogue.ts';
import type { Intake, Source } from '../sources/source.ts';
import { errorText } from '../system/error-text.ts';
import { EXIT } from '../system/exit-status.ts';
import { openSupervision, type Supervision } from '../system/supervision.ts';
import { ListenError } from '../system/unix-socket.ts';
import type { Beginning } from './beginning.ts';
import { listenForReloads } from './control.ts';
import { type Ground, openGround } from './ground.ts';
import { openDoubts, openIntake } from './intake.ts';
import { openInterface } from './interface.ts';
import { Life } from './life.ts';
import { openMetrics } from './metrics.ts';
import { type Observation, observe } from './observation.ts';
import { openOutbound } from './outbound.ts';
import { createReload } from './reload.ts';
import { StartError } from './start-error.ts';
import { readStatus } from './status-line.ts';

/** How long the end waits for a slow reader of the log. */
const LAST_LINES_MS = 1000;

/** Serves until a signal ends it. */
export async function serve(begun: Beginning): Promise<void> {
  const observation = observe(begun);
  const life = new Life();
  try {
    const ground = await openGround(begun, observation, life);
    const { site, sinks, store, space, log, meter } = ground;
    const doubts = await openDoubts(ground);
    const parser = site.part(parserPart(meter));
    const dispatchers = createDispatchers(site, { store, log, meter, sinks, parser });
    store.onDue(() => {
      dispatchers.wake();
    });
    const notifier = createNotifier(site, store, log, meter);
    const sender = createSender(site, store, log, meter);
    const intake = await openIntake(ground, dispatchers, doubts);
    life.ends(watchEventLoop(log, meter));
    life.ends(startPruning(site, store, space, log));
    await openMetrics(ground, doubts.trouble);
    const sources = new Map<string, Source>();
    const answer = await openInterface(ground, sources, sender, doubts);
    await startWork(ground, intake, doubts, dispatchers, [notifier, sender], sources);
    const isStopping = (): boolean => life.state === 'stopping';
    const adopted = (): Promise<void> => dispatchers.renew();
    const reload = createReload({ site, store, isStopping, adopted, path: begun.path, log });
    life.ends(await listenForReloads(begun.path, site.config.store.path, reload, answer, log));
    const supervision = supervise(ground, doubts);
    endOnSignals(life, observation, supervision);
    life.serves();
    // Said last: whoever reads it may end the daemon.
    log('ready', { pid: process.pid });
    supervision.ready();
    site.warm();
  } catch (error) {
    await life.end().catch(() => undefined); // what came first is told
    throw error instanceof ListenError ? new StartError(EXIT.cannotCreate, [error.message]) : error;
  }
}

/**
 * Starts what takes mail and what posts it. It ends side by side: one time for all, and no attempt begins that the rest
 * of it would be too short for.
 */
async function startWork(
  ground: Ground,
  intake: Intake<Config>,
  doubts: Doubts,
  dispatchers: Dispatchers,
  senders: readonly { start(): void; stop(): Promise<void> }[],
  sources: Map<string, Source>,
): Promise<void> {
  const { life, site } = ground;
  life.ends(() => {
    const withinMs = site.config.delivery.stopTimeoutMs;
    const stopped = [...sources.values()].map((source) => source.stop(withinMs));
    return Promise.all([...stopped, dispatchers.stop(withinMs), ...senders.map((sender) => sender.stop())]);
  });
  const add = (name: string, source: Source | undefined): void => {
    if (source !== undefined) sources.set(name, source);
  };
  for (const [name, { open }] of Object.entries(SOURCES)) add(name, await open(intake));
  add('outbound', await openOutbound(ground, doubts));
  dispatchers.start();
  for (const sender of senders) sender.start();
}

function supervise({ site, store, space }: Ground, { trouble }: Doubts): Supervision {
  return openSupervision({
    environment: process.env,
    pid: process.pid,
    ping: () => store.ping(),
    status: () =>
      readStatus(site.config, store, { trouble: trouble(), isSpaceLow: space.isLow() }).catch(
        (error: unknown) => `all mail is put off (451): the store fails: ${errorText(error)}`,
      ),
  });
}

function endOnSignals(life: Life, { log, output, die }: Observation, supervision: Supervision): void {
  const stop = async (signal: string): Promise<void> => {
    if (life.state === 'stopping') return;
    life.stops();
    log('stopping', { signal });
    supervision.stopping();
    await life.end();
    log('stopped');
    await output.drained(LAST_LINES_MS);
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      stop(signal).catch((error: unknown) => die('fatal', error));
    });
  }
}
