/**
 * The closed set of metrics: each one's name, type and labels, and one sentence.
 *
 * Contract: docs/metrics.md is made from this table, and so is the page that Prometheus reads; a metric that is not
 * here does not compile where it is counted (meter.ts). Labels take values of closed sets only: never an address, a
 * token, a user or a thread. Where the values are listed here, a counter has all its samples from zero on: an increase
 * from nothing to one is none to Prometheus.
 */
import { NOTICE_KINDS } from '../mail/notice.ts';
import { COMMIT_MESSAGES, COMMIT_SECONDS } from './commit-measures.ts';
import { LOG_EVENTS } from './log.ts';

/** The types of metric that there are. */
export type MetricType = 'counter' | 'gauge' | 'histogram';

/** The labels of a metric, each with its values; none are listed where their set is closed elsewhere. */
export type LabelValues = Readonly<Record<string, readonly string[]>>;

/** A metric without its name. */
export interface Metric<T extends MetricType = MetricType, V extends LabelValues = LabelValues> {
  readonly type: T;
  /** One sentence without its full stop. */
  readonly help: string;
  readonly labels: readonly string[];
  readonly values: V;
  /** The upper bounds of a histogram's buckets. */
  readonly bounds: readonly number[];
}

function counter<const V extends LabelValues>(help: string, values: V): Metric<'counter', V> {
  return { type: 'counter', help, labels: Object.keys(values), values, bounds: [] };
}

function gauge<const V extends LabelValues>(help: string, values: V): Metric<'gauge', V> {
  return { type: 'gauge', help, labels: Object.keys(values), values, bounds: [] };
}

function histogram<const V extends LabelValues>(
  help: string,
  values: V,
  bounds: readonly number[],
): Metric<'histogram', V> {
  return { type: 'histogram', help, labels: Object.keys(values), values, bounds };
}

const NONE = {};

/** Values of a set that is closed elsewhere. */
const ANY: readonly string[] = [];

/** The reasons that are about the token of an address, good syntax and our domain given. */
export const TOKEN_REASONS = [
  'malformed-token',
  'unknown-user',
  'unknown-thread',
  'forged',
  'disabled-user',
  'expired',
] as const;

/** How a provider's call ends. */
export const CALL_OUTCOMES = [
  'taken',
  'no-mail',
  'forged',
  'untimely',
  'malformed',
  'unusable',
  'later',
  'busy',
  'failed',
  'too-large',
  'slow',
  'broken-off',
  'not-post',
  'no-place',
] as const;

/** The classes of what a sink answers; `none` when no HTTP status came. */
export const STATUS_CLASSES = ['2xx', '3xx', '4xx', '5xx', 'none'] as const;

/** What is known of a sink. */
export const SINK_STATES = ['up', 'paused', 'down', 'broken'] as const;

const SINK_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const PARSE_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2];

const TABLE = {
  mailgw_build_info: gauge('Always 1; the versions are in the labels', { version: ANY, node: ANY }),
  mailgw_up: gauge(
    'Whether mail is taken: 1 when the writer of the store answers, there is space, the pepper is the one of the store, and the daemon is not stopping',
    NONE,
  ),
  mailgw_pepper_known: gauge(
    'Whether the pepper is the one that the addresses of the store were minted under; with another one all mail is put off',
    NONE,
  ),
  mailgw_queue_items: gauge('Items in the store by state', { state: ANY }),
  mailgw_queue_oldest_seconds: gauge(
    'Age of the oldest reply that still waits for its post, 0 when none does',
    NONE,
  ),
  mailgw_queue_paused: gauge('Whether the operator has paused the queue', NONE),
  mailgw_sink_state: gauge(
    'What is known of a sink: 1 for its state, 0 for the others; all 0 before its first answer',
    { sink: ANY, state: SINK_STATES },
  ),
  mailgw_sink_open_items: gauge(
    'Items of a sink that are on their way: waiting, or with an attempt under way; "none" are for no sink',
    { sink: ANY },
  ),
  mailgw_recipients_total: counter(
    'Verdicts on recipients, of the LMTP listener and of the policy service, by reason',
    { verdict: ANY, reason: ANY },
  ),
  mailgw_webhook_calls_total: counter('Calls of mail providers by source and by how they ended', {
    source: ANY,
    outcome: CALL_OUTCOMES,
  }),
  mailgw_webhook_up: gauge(
    'Whether the calls of a webhook are taken: the files of its table can be read, and a listener waits for them',
    { source: ANY },
  ),
  mailgw_discards_total: counter(
    'Mail that was taken and dropped, by recipient, by reason; of "spoofed" with its cause: most are the sender, and no-results, other-authserv-id, below-received, no-received and not-addressed the site\'s own set-up',
    { reason: ANY, cause: ANY },
  ),
  mailgw_token_refusals_total: counter(
    'Those of the verdicts that are about the token of a reply address: forged, expired, revoked',
    { reason: TOKEN_REASONS },
  ),
  mailgw_spam_verdicts_total: counter(
    'What the spam filter said, by recipient; "unchecked" when it said nothing',
    { spam: ['yes', 'no', 'unchecked'] },
  ),
  mailgw_attempts_total: counter('Delivery attempts by outcome', {
    outcome: ['posted', 'deferred', 'failed'],
  }),
  mailgw_sink_request_seconds: histogram(
    'Time of a request to a sink by the class of its HTTP status; "none" when there was no answer',
    { sink: ANY, status: STATUS_CLASSES },
    SINK_SECONDS,
  ),
  mailgw_parse_seconds: histogram(
    'Time in which a parser had a message, those that it died of included',
    NONE,
    PARSE_SECONDS,
  ),
  mailgw_commit_seconds: histogram(
    'Time of a COMMIT that accepted messages, its fsync included; in PostgreSQL of the whole call, with the way there and back',
    NONE,
    COMMIT_SECONDS,
  ),
  mailgw_commit_messages: histogram('Messages that one such COMMIT accepted together', NONE, COMMIT_MESSAGES),
  mailgw_source_up: gauge('Whether a mailbox is read', { source: ANY }),
  mailgw_mailbox_messages_total: counter(
    'Messages of a mailbox by what came of them: taken or refused with a verdict, for none of our addresses, put off, given up (a verdict too, "unreadable"), not there any more',
    { source: ANY, outcome: ['settled', 'passed', 'deferred', 'failed', 'gone'] },
  ),
  mailgw_mailbox_open_messages: gauge(
    'Messages of a mailbox that are put off, given up, or still to be marked in their folder',
    { source: ANY, state: ['waiting', 'failed', 'courtesy'] },
  ),
  mailgw_mailbox_search_age_seconds: gauge('Time since a mailbox was last searched for mail', {
    source: ANY,
  }),
  mailgw_mailbox_walks_total: counter('Walks through a folder whose UIDs had become others', {
    source: ANY,
  }),
  mailgw_notices_total: counter('Attempts to send a notice to a user by its kind and by outcome', {
    kind: NOTICE_KINDS,
    outcome: ['sent', 'deferred', 'failed'],
  }),
  mailgw_asked_users_total: counter(
    'Questions to the platform who has an address, by what came of them: a user, nobody, somebody who cannot be taken in, no answer in time, an error',
    { answer: ['named', 'unknown', 'refused', 'late', 'failed'] },
  ),
  mailgw_outbound_messages_total: counter(
    'Mail on its way out by recipient, by outcome: taken by the relay with a reply address or as it came, refused by it, or put off for want of its answer',
    { outcome: ['stamped', 'relayed', 'refused', 'failed'] },
  ),
  mailgw_notifications_total: counter('Attempts to send a notification by outcome', {
    outcome: ['sent', 'deferred', 'failed'],
  }),
  mailgw_events_total: counter('Lines of the log by event, those below log.level included', {
    event: Object.keys(LOG_EVENTS),
  }),
  mailgw_log_lost_lines_total: counter(
    'Lines of the log that were lost because nobody read the ones before them',
    NONE,
  ),
  mailgw_connections: gauge('Connections open by listener', { service: ['lmtp', 'policy', 'outbound'] }),
  mailgw_rate_buckets: gauge('Users and addresses that have used some of their rate', NONE),
  mailgw_store_bytes: gauge('Size of the files of a store in SQLite', { file: ['database', 'log'] }),
  mailgw_store_free_bytes: gauge('Free space of the file system of a store in SQLite', NONE),
  mailgw_database_connections: gauge(
    'Connections to the PostgreSQL of the store by state, of all programs; "free" are those that may still be made. This and the next ones only with store.url',
    { state: ['active', 'idle', 'in_transaction', 'unknown', 'free'] },
  ),
  mailgw_database_pool: gauge(
    'Connections of this daemon that transactions have ("lent", store.connections at most), and transactions that wait for one',
    { state: ['lent', 'waiting'] },
  ),
  mailgw_database_replication_lag_bytes: gauge(
    'What a standby of the database has still to apply; seen with pg_read_all_stats',
    { standby: ANY },
  ),
  mailgw_database_dead_rows: gauge(
    'Rows of a table that were removed or changed, and whose room is not free yet',
    {
      table: ANY,
    },
  ),
  mailgw_database_longest_transaction_seconds: gauge(
    'Age of the transaction that has been open for longest in the database, 0 when none is; that of another role is seen with pg_read_all_stats',
    NONE,
  ),
  mailgw_database_clock_difference_seconds: gauge('Clock of this host less that of the database', NONE),
  mailgw_event_loop_delay_p99_seconds: gauge(
    'How late the main loop was in the last minute or two, 99th percentile',
    NONE,
  ),
  mailgw_event_loop_delay_max_seconds: gauge(
    'How late the main loop was in the last minute or two, at worst',
    NONE,
  ),
  process_cpu_seconds_total: counter('CPU time of all threads', NONE),
  process_resident_memory_bytes: gauge('Resident memory', NONE),
  process_start_time_seconds: gauge('When the daemon started, in seconds since the epoch', NONE),
};

type Table = typeof TABLE;

/** The names of all metrics of some types. */
export type MetricName<T extends MetricType = MetricType> = {
  [N in keyof Table]: Table[N]['type'] extends T ? N : never;
}[keyof Table];

/** One of each label's values. */
type OneOf<V> = { readonly [L in keyof V]: V[L] extends readonly (infer W extends string)[] ? W : never };

/** The labels of a metric with one value each. */
export type LabelsOf<N extends MetricName> = keyof Table[N]['values'] extends never
  ? Readonly<Record<string, never>>
  : OneOf<Table[N]['values']>;

/** Every metric by its name. */
export const METRICS: Readonly<Record<string, Metric>> = TABLE;
