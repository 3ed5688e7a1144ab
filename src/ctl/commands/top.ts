/**
 * `mailgw-ctl top`: the queue live in the terminal: rates, states, the sink, the threads that wait longest.
 *
 * Contract: what it shows is the store's, and where `metrics.listen` is set and answers, the daemon's own figures too
 * (times of the sink and of commits). On a terminal it draws anew at every interval until q or Ctrl-C, never more than
 * fits, and leaves the screen as it was; otherwise, with --once or --json, it prints one picture and ends.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { badInput } from '../../actions/fault.ts';
import { parseDuration } from '../../config/kinds.ts';
import type { Config } from '../../site/config.ts';
import { ITEM_STATES } from '../../store/item.ts';
import type { Store } from '../../store/store.ts';
import { isoTime } from '../../system/iso-time.ts';
import { cells, printable, truncate } from '../../system/printable.ts';
import type { CommandSpec } from '../command.ts';
import { type DaemonFigures, readDaemonFigures } from '../daemon-figures.ts';
import { hostFigures } from '../host-rows.ts';
import { withStore } from '../session.ts';
import { onlySink, sinkRows } from '../sink-rows.ts';
import { mailboxFigures } from '../source-rows.ts';
import { type Output, printObject, printRows, printText } from '../terminal/print.ts';

const DEFAULT_INTERVAL = '2s';
const LEAST_INTERVAL_MS = 200;

/** The time that rates are taken over. */
const RATE_MS = 60_000;

/** Threads that are shown. */
const THREADS = 10;

const GAP = '  ';

const ALTERNATE_SCREEN = '\u001b[?1049h\u001b[?25l';
const FORMER_SCREEN = '\u001b[?25h\u001b[?1049l';
const FROM_THE_TOP = '\u001b[H\u001b[2J';

/** `top`. */
export const topCommand: CommandSpec = {
  words: 'top',
  summary: 'watch rates, the queue, the sink and the slowest threads; q ends it',
  options: [
    { flags: '--once', doc: 'print one picture and end, as without a terminal' },
    { flags: '--interval <time>', doc: `time between two pictures (default: ${DEFAULT_INTERVAL})` },
  ],
  examples: ['top', 'top --interval 5s', 'top --once --json'],
  run: (input, context) => {
    const { output } = context;
    const text = input.text('interval') ?? DEFAULT_INTERVAL;
    const intervalMs = parseDuration(text) ?? 0;
    if (intervalMs < LEAST_INTERVAL_MS)
      throw badInput(
        `--interval "${text}": is not a duration of at least ${LEAST_INTERVAL_MS}ms such as "2s"`,
      );
    return withStore(context, async ({ store, config }) => {
      const isLive = output.terminal && process.stdin.isTTY && !output.json && !input.flag('once');
      if (isLive) await watch(output, intervalMs, () => take(store, config));
      else print(output, await take(store, config));
    });
  },
};

type Picture = Awaited<ReturnType<typeof take>>;

/** Takes everything that one picture shows. */
async function take(store: Store, config: Config) {
  const now = Date.now();
  const [counts, flow, threads, daemon, sources, hosts] = await Promise.all([
    store.counts(),
    store.flow(now - RATE_MS),
    store.waitingThreads(THREADS),
    readDaemonFigures(config.metrics.listen),
    mailboxFigures(config, store),
    hostFigures(store, now - RATE_MS),
  ]);
  const { byState, oldestReceivedAt, paused } = counts;
  const sinks = sinkRows(config, counts);
  const age = (at: number | undefined): number | null =>
    at === undefined ? null : Math.max(0, Math.round((now - at) / 1000));
  return {
    time: isoTime(now),
    items: byState,
    oldest_age_seconds: age(oldestReceivedAt),
    paused,
    ...(sinks === undefined ? onlySink(counts) : { sinks }),
    ...(sources !== undefined && { sources }),
    ...(hosts !== undefined && { hosts }),
    last_minute: flow,
    daemon,
    threads: threads.map((thread) => ({
      thread: thread.thread,
      items: thread.items,
      age_seconds: age(thread.oldestReceivedAt),
      attempts: thread.attempts,
      last_diagnostic: thread.lastDiagnostic ?? null,
    })),
  };
}

/** Draws a picture after the other until somebody has seen enough; a window of another size gets one at once. */
async function watch(output: Output, intervalMs: number, next: () => Promise<Picture>): Promise<void> {
  const end = new AbortController();
  let wake = new AbortController();
  const stop = (): void => {
    end.abort();
    wake.abort();
  };
  const redraw = (): void => {
    wake.abort();
  };
  const onKey = (key: Buffer): void => {
    // Several may come at once; in raw mode Ctrl-C and Ctrl-D are keys as well.
    if (/[qQ\u0003\u0004]/u.test(key.toString('latin1'))) stop();
  };
  const { stdin, stdout } = process;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop);
  stdin.setRawMode(true);
  stdin.on('data', onKey);
  stdout.on('resize', redraw);
  output.write(ALTERNATE_SCREEN);
  try {
    while (!end.signal.aborted) {
      wake = new AbortController();
      const picture = await next();
      output.write(FROM_THE_TOP + screenOf(output, picture, intervalMs));
      // What came meanwhile has aborted it already.
      await sleep(intervalMs, undefined, { signal: wake.signal }).catch(() => undefined);
    }
  } finally {
    output.write(FORMER_SCREEN);
    stdin.off('data', onKey);
    stdin.setRawMode(false);
    stdin.pause();
    stdout.off('resize', redraw);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, stop);
  }
}

/** Draws a picture that fits the terminal as it is now, with how to end it on the last line. */
function screenOf(output: Output, picture: Picture, intervalMs: number): string {
  // A terminal that does not know its size says 0.
  const columns = process.stdout.columns || Infinity;
  const rows = process.stdout.rows || Infinity;
  const lines: string[] = [];
  const onScreen = {
    ...output,
    width: columns,
    write: (text: string | Uint8Array) => void lines.push(String(text)),
  };
  print(onScreen, picture);
  const shown = lines.splice(0, Math.max(0, rows - 2));
  lines.length = 0;
  printText(onScreen, truncate(`every ${intervalMs / 1000} s; q ends`, columns), 'grey');
  return [...shown, '\n', ...lines].join('').replace(/\n$/, '');
}

function print(output: Output, picture: Picture): void {
  if (output.json) {
    printObject(output, picture);
    return;
  }
  const { items, last_minute: flow, oldest_age_seconds: oldest } = picture;
  const lines: readonly (readonly [string, ...string[]])[] = [
    ['mailgw', picture.time ?? '', ...(picture.paused ? ['PAUSED'] : [])],
    ['last minute', `received ${flow.received}`, `posted ${flow.posted}`, `failed ${flow.failed}`],
    [
      'queue',
      ...ITEM_STATES.map((state) => `${state} ${items[state]}`),
      `oldest ${oldest === null ? '-' : `${oldest} s`}`,
    ],
    ...sinkLines(picture),
    ...sourceLines(picture),
    ...hostLines(picture),
    ['daemon', ...daemonParts(picture.daemon)],
  ];
  for (const [label, ...parts] of lines) {
    for (const line of wrap(label, parts.map(printable), output.width)) printText(output, line);
  }
  printText(output, '');
  printRows(
    output,
    picture.threads,
    [
      { key: 'thread', shrinks: true },
      { key: 'items' },
      { key: 'age_seconds', title: 'age (s)' },
      { key: 'attempts', title: 'tries' },
      { key: 'last_diagnostic', title: 'diagnostic', shrinks: true },
    ],
    'No thread waits.',
  );
}

/** Writes a line for the sink, or one for each of several. */
function sinkLines(picture: Picture): (readonly [string, ...string[]])[] {
  const inWords = (state: string, since: string | null, diagnostic: string | null): string =>
    diagnostic === null || state === 'up' ? state : `${state} since ${since ?? '?'}: ${diagnostic}`;
  if (!('sinks' in picture))
    return [['sink', inWords(picture.sink, picture.sink_since, picture.sink_diagnostic)]];
  return picture.sinks.map(({ sink, state, since, open, diagnostic }, at) => {
    const said = state === 'missing' ? (diagnostic ?? state) : inWords(state, since, diagnostic);
    return [at === 0 ? 'sinks' : '', sink, `on the way ${open}`, said];
  });
}

/** Writes a line for each mailbox. */
function sourceLines({ sources = [] }: Picture): (readonly [string, ...string[]])[] {
  return sources.map(({ source, waiting, failed, courtesies, last_at: last }, at) => {
    const counts = [`waiting ${waiting}`, `given up ${failed}`, `to be marked ${courtesies}`];
    return [at === 0 ? 'sources' : '', source, ...counts, `last written ${last ?? '-'}`];
  });
}

/** Writes a line for each host, where there are several. */
function hostLines({ hosts = [] }: Picture): (readonly [string, ...string[]])[] {
  return hosts.map(({ host, state, leased, taken, posted }, at) => {
    const counts = [`leased ${leased}`, `taken ${taken}`, `posted ${posted}`];
    return [at === 0 ? 'hosts' : '', host, state, ...counts];
  });
}

const LABEL_CELLS = 'last minute'.length;

/**
 * Sets parts in lines after a label. A part that does not fit begins the next line, and one that fits no line is cut.
 */
function wrap(label: string, parts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line = label.padEnd(LABEL_CELLS);
  for (const part of parts) {
    if (line.trim() !== label && cells(line) + GAP.length + cells(part) > width) {
      lines.push(line);
      line = ' '.repeat(LABEL_CELLS);
    }
    line += GAP + part;
  }
  return [...lines, line].map((each) => truncate(each, width));
}

function daemonParts(daemon: DaemonFigures | null): string[] {
  if (daemon === null) return ['not asked: set metrics.listen to see the times of the sink and of commits'];
  if ('problem' in daemon) return [`does not answer: ${daemon.problem}`];
  const { sink_ms: sinkMs, parse_ms: parseMs, commit_ms: commitMs, loop_delay_ms: loopMs } = daemon;
  const mean = (ms: number | null): string => (ms === null ? '-' : `${ms} ms`);
  return [
    daemon.is_up ? 'up' : 'NOT READY',
    `mean times: sink ${mean(sinkMs)}`,
    `parse ${mean(parseMs)}`,
    `commit ${mean(commitMs)}`,
    `loop late ${mean(loopMs)}`,
  ];
}
