/**
 * The closed set of metrics: each one's name, type, labels, one sentence, and where its samples come from.
 *
 * Contract: docs/metrics.md is made from this table, and the page that Prometheus reads too, so a metric that is not
 * here does not exist. Labels take values of closed sets only: never an address, a token, a user or a thread.
 */
import { SPOOF_CAUSES } from './discards.ts';
import type { QueueFigures } from './figures.ts';
import type { LogEvent } from './log.ts';
import type {
  CommitMeasures,
  Counting,
  DeliveryMeasures,
  Distribution,
  LoopDelay,
  NoticeCounts,
} from './metrics.ts';

/** What the daemon knows of itself at the moment of a scrape. */
export interface Seen {
  readonly version: string;
  /** Whether mail is taken: the store's writer answers and has space, and the daemon is not stopping. */
  readonly isUp: boolean;
  /** Whether the pepper is the one of the store. */
  readonly isPepperKnown: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Undefined when the store could not be counted. */
  readonly queue: QueueFigures | undefined;
  readonly verdicts: ReturnType<Counting['verdicts']>;
  readonly spam: Counting['spam'];
  readonly delivery: DeliveryMeasures;
  readonly commits: CommitMeasures;
  readonly events: Readonly<Record<LogEvent, number>>;
  readonly notices: NoticeCounts;
  readonly loop: LoopDelay;
  readonly connections: Readonly<Record<'lmtp' | 'policy', number>>;
  readonly rateBuckets: number;
  readonly lostLines: number;
  /** Undefined what the file system does not tell. */
  readonly files: {
    readonly databaseBytes: number | undefined;
    readonly logBytes: number | undefined;
    readonly freeBytes: number | undefined;
  };
  readonly process: {
    readonly cpuSeconds: number;
    readonly residentBytes: number;
    readonly startedAtSeconds: number;
  };
}

/** One value with its labels. */
export interface Sample<L extends string = string> {
  readonly labels: Readonly<Record<L, string>>;
  readonly value: number;
}

/** A distribution with its labels. */
export interface Measured {
  readonly labels: Readonly<Record<string, string>>;
  readonly distribution: Distribution;
}

/** What every metric has. */
interface Described {
  /** One sentence without its full stop. */
  readonly help: string;
  readonly labels: readonly string[];
}

/** A metric of plain values. */
interface ValueMetric extends Described {
  readonly type: 'counter' | 'gauge';
  /** Its values now. */
  readonly read: (seen: Seen) => readonly Sample[];
}

/** A metric of distributions. */
interface HistogramMetric extends Described {
  readonly type: 'histogram';
  /** Its distributions now. */
  readonly read: (seen: Seen) => readonly Measured[];
}

/** A metric without its name. */
export type Metric = ValueMetric | HistogramMetric;

/** One sample for each entry. */
function by<L extends string>(label: L, values: Readonly<Record<string, number>>): readonly Sample<L>[] {
  return Object.entries(values).map(([name, value]) => ({
    labels: { [label]: name } as Record<L, string>,
    value,
  }));
}

/** The one sample of a metric without labels; none when the value is not known. */
function one(value: number | undefined): readonly Sample[] {
  return value === undefined ? [] : [{ labels: {}, value }];
}

function gauge(help: string, read: (seen: Seen) => number | undefined): Metric {
  return { type: 'gauge', help, labels: [], read: (seen) => one(read(seen)) };
}

function histogram(help: string, read: (seen: Seen) => Distribution): Metric {
  return { type: 'histogram', help, labels: [], read: (seen) => [{ labels: {}, distribution: read(seen) }] };
}

/** The reasons that are about the token of an address, good syntax and our domain given. */
const TOKEN_REASONS: ReadonlySet<string> = new Set([
  'malformed-token',
  'unknown-user',
  'unknown-thread',
  'forged',
  'disabled-user',
  'expired',
]);

const SINK_STATES = ['up', 'paused', 'down', 'broken'];

/** Every metric by its name. */
export const METRICS: Readonly<Record<string, Metric>> = {
  mailgw_build_info: {
    type: 'gauge',
    help: 'Always 1; the versions are in the labels',
    labels: ['version', 'node'],
    read: ({ version }) => [{ labels: { version, node: process.versions.node }, value: 1 }],
  },
  mailgw_up: gauge(
    'Whether mail is taken: 1 when the writer of the store answers, there is space, the pepper is the one of the store, and the daemon is not stopping',
    ({ isUp }) => Number(isUp),
  ),
  mailgw_pepper_known: gauge(
    'Whether the pepper is the one that the addresses of the store were minted under; with another one all mail is put off',
    ({ isPepperKnown }) => Number(isPepperKnown),
  ),
  mailgw_queue_items: {
    type: 'gauge',
    help: 'Items in the store by state',
    labels: ['state'],
    read: ({ queue }) => (queue === undefined ? [] : by('state', queue.byState)),
  },
  mailgw_queue_oldest_seconds: gauge(
    'Age of the oldest reply that still waits for its post, 0 when none does',
    ({ queue, now }) =>
      queue && Math.max(0, queue.oldestReceivedAt === undefined ? 0 : now - queue.oldestReceivedAt) / 1000,
  ),
  mailgw_queue_paused: gauge(
    'Whether the operator has paused the queue',
    ({ queue }) => queue && Number(queue.paused),
  ),
  mailgw_sink_state: {
    type: 'gauge',
    help: 'What is known of the sink: 1 for its state, 0 for the others; all 0 before its first answer',
    labels: ['state'],
    read: ({ queue }) => {
      if (queue === undefined) return [];
      const state = queue.sink?.state;
      return SINK_STATES.map((name) => ({ labels: { state: name }, value: Number(name === state) }));
    },
  },
  mailgw_recipients_total: {
    type: 'counter',
    help: 'Verdicts on recipients, of the LMTP listener and of the policy service, by reason',
    labels: ['verdict', 'reason'],
    read: ({ verdicts }) => {
      const sums = new Map<string, Sample>();
      for (const { verdict, reason, count } of verdicts) {
        const key = `${verdict} ${reason}`;
        sums.set(key, { labels: { verdict, reason }, value: count + (sums.get(key)?.value ?? 0) });
      }
      return [...sums.values()];
    },
  },
  mailgw_discards_total: {
    type: 'counter',
    help: 'Mail that was taken and dropped, by recipient, by reason; of "spoofed" with its cause: most are the sender, and no-results, other-authserv-id, below-received, no-received and not-addressed the site\'s own set-up',
    labels: ['reason', 'cause'],
    read: ({ verdicts }) => {
      // From zero on: an increase from nothing to one is none to Prometheus.
      const sums = new Map<string, Sample>();
      const add = (reason: string, cause: string, count: number): void => {
        const key = `${reason} ${cause}`;
        sums.set(key, { labels: { reason, cause }, value: count + (sums.get(key)?.value ?? 0) });
      };
      for (const cause of SPOOF_CAUSES) add('spoofed', cause, 0);
      for (const { verdict, reason, cause = '', count } of verdicts)
        if (verdict === 'discarded') add(reason, cause, count);
      return [...sums.values()];
    },
  },
  mailgw_token_refusals_total: {
    type: 'counter',
    help: 'Those of the verdicts that are about the token of a reply address: forged, expired, revoked',
    labels: ['reason'],
    read: ({ verdicts }) => {
      const refused: Record<string, number> = Object.fromEntries([...TOKEN_REASONS].map((name) => [name, 0]));
      for (const { reason, count } of verdicts)
        if (TOKEN_REASONS.has(reason)) refused[reason] = (refused[reason] ?? 0) + count;
      return by('reason', refused);
    },
  },
  mailgw_spam_verdicts_total: {
    type: 'counter',
    help: 'What the spam filter said, by recipient; "unchecked" when it said nothing',
    labels: ['spam'],
    read: ({ spam }) => by('spam', spam),
  },
  mailgw_attempts_total: {
    type: 'counter',
    help: 'Delivery attempts by outcome',
    labels: ['outcome'],
    read: ({ delivery }) => by('outcome', delivery.attempts),
  },
  mailgw_sink_request_seconds: {
    type: 'histogram',
    help: 'Time of a request to the sink by the class of its HTTP status; "none" when there was no answer',
    labels: ['status'],
    read: ({ delivery }) =>
      Object.entries(delivery.requests).map(([status, distribution]) => ({
        labels: { status },
        distribution,
      })),
  },
  mailgw_parse_seconds: histogram(
    'Time in which a parser had a message, those that it died of included',
    ({ delivery }) => delivery.parse,
  ),
  mailgw_commit_seconds: histogram(
    'Time of a COMMIT that accepted messages, its fsync included',
    ({ commits }) => commits.seconds,
  ),
  mailgw_commit_messages: histogram(
    'Messages that one such COMMIT accepted together',
    ({ commits }) => commits.messages,
  ),
  mailgw_notices_total: {
    type: 'counter',
    help: 'Attempts to send a notice to a user by its kind and by outcome',
    labels: ['kind', 'outcome'],
    read: ({ notices }) =>
      Object.entries(notices).flatMap(([kind, outcomes]) =>
        by('outcome', outcomes).map(({ labels, value }) => ({ labels: { kind, ...labels }, value })),
      ),
  },
  mailgw_events_total: {
    type: 'counter',
    help: 'Lines of the log by event, those below log.level included',
    labels: ['event'],
    read: ({ events }) => by('event', events),
  },
  mailgw_log_lost_lines_total: {
    type: 'counter',
    help: 'Lines of the log that were lost because nobody read the ones before them',
    labels: [],
    read: ({ lostLines }) => one(lostLines),
  },
  mailgw_connections: {
    type: 'gauge',
    help: 'Connections open by listener',
    labels: ['service'],
    read: ({ connections }) => by('service', connections),
  },
  mailgw_rate_buckets: gauge(
    'Users and addresses that have used some of their rate',
    ({ rateBuckets }) => rateBuckets,
  ),
  mailgw_store_bytes: {
    type: 'gauge',
    help: 'Size of the files of the store',
    labels: ['file'],
    read: ({ files }) => [
      ...one(files.databaseBytes).map(({ value }) => ({ labels: { file: 'database' }, value })),
      ...one(files.logBytes).map(({ value }) => ({ labels: { file: 'log' }, value })),
    ],
  },
  mailgw_store_free_bytes: gauge(
    'Free space of the file system of the store',
    ({ files }) => files.freeBytes,
  ),
  mailgw_event_loop_delay_p99_seconds: gauge(
    'How late the main loop was in the last minute or two, 99th percentile',
    ({ loop }) => loop.p99Ms / 1000,
  ),
  mailgw_event_loop_delay_max_seconds: gauge(
    'How late the main loop was in the last minute or two, at worst',
    ({ loop }) => loop.longestMs / 1000,
  ),
  process_cpu_seconds_total: {
    type: 'counter',
    help: 'CPU time of all threads',
    labels: [],
    read: (seen) => one(seen.process.cpuSeconds),
  },
  process_resident_memory_bytes: gauge('Resident memory', (seen) => seen.process.residentBytes),
  process_start_time_seconds: gauge(
    'When the daemon started, in seconds since the epoch',
    (seen) => seen.process.startedAtSeconds,
  ),
};
