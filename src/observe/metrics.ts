/**
 * What the daemon measures of itself, in plain numbers: the verdicts that it gave, attempts, times, log events, and how
 * long its main loop was blocked.
 *
 * Contract: counting costs no I/O, no promise and no memory per message; whoever wants to know reads the numbers
 * (metrics-table.ts). Verdicts are handed on to the store every ten seconds, and at the end: the same numbers, less what was
 * handed on before. Once a minute the longest block since the last look is compared with the bound of
 * docs/how-it-works.md, Limits, and logged when it is above; the measuring itself costs a timer every 10 ms in native code.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { NOTICE_KINDS } from '../mail/notice.ts';
import type { VerdictCount } from './figures.ts';
import { LOG_EVENTS, type Log, type LogEvent } from './log.ts';

/** What a spam filter said of a message: a verdict, or none. */
type SpamWord = 'yes' | 'no' | 'unchecked';

/** What more is counted of a verdict: what the spam filter said where one was asked, and what a discard is due to. */
export interface VerdictNote {
  readonly spam?: SpamWord | undefined;
  readonly cause?: string | undefined;
}

/** Counts one verdict on one recipient. */
export type CountVerdict = (verdict: string, reason: string, note?: VerdictNote) => void;

/** A count since the start, and how much of it was handed on. */
interface Tally {
  readonly verdict: string;
  readonly reason: string;
  readonly cause: string | undefined;
  count: number;
  handedOn: number;
  lastAt: number;
}

const HAND_ON_MS = 10_000;

/** Counting under way. */
export interface Counting {
  readonly count: CountVerdict;
  /** What was counted since the start. */
  readonly verdicts: () => readonly VerdictCount[];
  /** What the spam filter said since the start, by recipient. */
  readonly spam: Readonly<Record<SpamWord, number>>;
  /** Hands on what is left. */
  stop(): Promise<void>;
}

/** Counts verdicts and hands them on; what could not be taken is handed on the next time. */
export function startCounting(
  take: (counts: readonly VerdictCount[]) => Promise<void>,
  now: () => number,
): Counting {
  const tallies = new Map<string, Tally>();
  const spamCounts: Record<SpamWord, number> = { yes: 0, no: 0, unchecked: 0 };
  const handOn = async (): Promise<void> => {
    const taken: [Tally, VerdictCount][] = [];
    for (const tally of tallies.values()) {
      const { count, handedOn, ...rest } = tally;
      if (count > handedOn) taken.push([tally, { ...rest, count: count - handedOn }]);
      tally.handedOn = count;
    }
    if (taken.length === 0) return;
    try {
      await take(taken.map(([, count]) => count));
    } catch {
      // The store says elsewhere what ails it.
      for (const [tally, { count }] of taken) tally.handedOn -= count;
    }
  };
  const timer = setInterval(() => void handOn(), HAND_ON_MS);
  timer.unref();
  return {
    count: (verdict, reason, { spam, cause } = {}) => {
      const key = `${verdict} ${reason} ${cause ?? ''}`;
      let tally = tallies.get(key);
      if (tally === undefined) {
        tally = { verdict, reason, cause, count: 0, handedOn: 0, lastAt: 0 };
        tallies.set(key, tally);
      }
      tally.count++;
      tally.lastAt = now();
      if (spam !== undefined) spamCounts[spam]++;
    },
    verdicts: () => [...tallies.values()],
    spam: spamCounts,
    stop: async () => {
      clearInterval(timer);
      await handOn();
    },
  };
}

/** How values are distributed: how many are at most each bound, how many are above all of them, and their sum. */
export class Distribution {
  /** Ascending. */
  readonly bounds: readonly number[];
  /** The sum, then one count for each bound, then the count of what is above. */
  readonly #numbers: Float64Array;

  /** Counts from what `numbers` holds; it has room for the sum and the counts. */
  constructor(bounds: readonly number[], numbers: Float64Array = new Float64Array(bounds.length + 2)) {
    this.bounds = bounds;
    this.#numbers = numbers;
  }

  /** Counts a value. */
  observe(value: number): void {
    let index = 0;
    while (index < this.bounds.length && value > (this.bounds[index] ?? 0)) index++;
    this.#add(index + 1, 1);
    this.#add(0, value);
  }

  /** The sum of all values. */
  get sum(): number {
    return this.#numbers[0] ?? 0;
  }

  /** The count of values up to each bound and above all, each without those before it. */
  get counts(): readonly number[] {
    return [...this.#numbers.subarray(1)];
  }

  #add(index: number, value: number): void {
    this.#numbers[index] = (this.#numbers[index] ?? 0) + value;
  }
}

const SINK_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const PARSE_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2];
const COMMIT_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const BATCH_MESSAGES = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** What a sink answered, by the class of its status; `none` when no HTTP status came. */
export const STATUS_CLASSES = ['2xx', '3xx', '4xx', '5xx', 'none'] as const;

/** The class of an HTTP status. */
export type StatusClass = (typeof STATUS_CLASSES)[number];

/** What delivery measures; all times in seconds. */
export interface DeliveryMeasures {
  /** Requests to the sink by what came back. */
  readonly requests: Readonly<Record<StatusClass, Distribution>>;
  /** Attempts by their outcome. */
  readonly attempts: Record<'posted' | 'deferred' | 'failed', number>;
  /** The time in which a worker had a message. */
  readonly parse: Distribution;
}

/** Begins with nothing measured. */
export function createDeliveryMeasures(): DeliveryMeasures {
  const requests = Object.fromEntries(
    STATUS_CLASSES.map((status) => [status, new Distribution(SINK_SECONDS)]),
  ) as DeliveryMeasures['requests'];
  return {
    requests,
    attempts: { posted: 0, deferred: 0, failed: 0 },
    parse: new Distribution(PARSE_SECONDS),
  };
}

/** The class of a status, if there is one. */
export function statusClass(status: number | undefined): StatusClass {
  return STATUS_CLASSES.find((name) => name.startsWith(String(Math.floor((status ?? 0) / 100)))) ?? 'none';
}

/** What the store's writer measures of the commits that promise something, in memory that two threads share. */
export interface CommitMeasures {
  readonly memory: SharedArrayBuffer;
  /** Seconds of a COMMIT, its fsync included. */
  readonly seconds: Distribution;
  /** Messages of a commit. */
  readonly messages: Distribution;
}

/** The measures in this memory; without any they begin with nothing. */
export function commitMeasures(memory?: SharedArrayBuffer): CommitMeasures {
  const lengths = [COMMIT_SECONDS.length + 2, BATCH_MESSAGES.length + 2] as const;
  const shared = memory ?? new SharedArrayBuffer(8 * (lengths[0] + lengths[1]));
  return {
    memory: shared,
    seconds: new Distribution(COMMIT_SECONDS, new Float64Array(shared, 0, lengths[0])),
    messages: new Distribution(BATCH_MESSAGES, new Float64Array(shared, 8 * lengths[0], lengths[1])),
  };
}

type NoticeOutcome = 'sent' | 'deferred' | 'failed';

const NOTICE_EVENTS: Partial<Record<LogEvent, NoticeOutcome>> = {
  notice_sent: 'sent',
  notice_deferred: 'deferred',
  notice_failed: 'failed',
};

/** Attempts to send a notice, by its kind and by outcome. */
export type NoticeCounts = Readonly<Record<string, Readonly<Record<NoticeOutcome, number>>>>;

/** A log that counts its events, whether their level is shown or not. */
export interface CountingLog {
  readonly log: Log;
  readonly events: Readonly<Record<LogEvent, number>>;
  readonly notices: NoticeCounts;
}

/** Makes a log count, from zero on: an increase from nothing to one is none to Prometheus. */
export function countingLog(log: Log): CountingLog {
  const events = Object.fromEntries(Object.keys(LOG_EVENTS).map((event) => [event, 0])) as Record<
    LogEvent,
    number
  >;
  const notices: Record<string, Record<NoticeOutcome, number>> = Object.fromEntries(
    NOTICE_KINDS.map((kind) => [kind, { sent: 0, deferred: 0, failed: 0 }]),
  );
  return {
    log: (event, fields, level) => {
      events[event]++;
      const outcome = NOTICE_EVENTS[event];
      const ofKind = outcome && notices[String(fields?.kind)];
      if (ofKind) ofKind[outcome]++;
      log(event, fields, level);
    },
    events,
    notices,
  };
}

/** The longest that the main loop may be blocked. */
export const MAX_LOOP_DELAY_MS = 100;

const RESOLUTION_MS = 10;
const LOOK_MS = 60_000;

/** How late the main loop was, in milliseconds. */
export interface LoopDelay {
  readonly longestMs: number;
  readonly p99Ms: number;
}

/** A watch over the main loop. */
export interface LoopWatch {
  /** The worse of the last look and of what was seen since: of one to two minutes. */
  readonly delay: () => LoopDelay;
  /** Ends it. */
  readonly stop: () => void;
}

/** Begins to measure. */
export function watchEventLoop(log: Log, lookMs = LOOK_MS): LoopWatch {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  // The histogram holds the time between two ticks, which is the resolution when nothing blocks.
  const beyond = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  const seen = (): LoopDelay => ({
    longestMs: beyond(delay.max),
    p99Ms: delay.count === 0 ? 0 : beyond(delay.percentile(99)),
  });
  let last: LoopDelay = { longestMs: 0, p99Ms: 0 };
  const timer = setInterval(() => {
    last = seen();
    delay.reset();
    const { longestMs, p99Ms } = last;
    if (longestMs > MAX_LOOP_DELAY_MS) {
      log('loop_blocked', { longest_ms: Math.round(longestMs), p99_ms: Math.round(p99Ms) });
    }
  }, lookMs);
  timer.unref();
  return {
    delay: () => {
      const since = seen();
      return {
        longestMs: Math.max(last.longestMs, since.longestMs),
        p99Ms: Math.max(last.p99Ms, since.p99Ms),
      };
    },
    stop: () => {
      clearInterval(timer);
      delay.disable();
    },
  };
}
