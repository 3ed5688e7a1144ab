/**
 * The tables that a store takes along when it moves, and the values of their rows as both adapters have them.
 *
 * Contract: everything that is promised or remembered is here, in an order in which no row comes before one that it refers
 * to. Left behind is what the next daemon finds out by itself: hosts, their leases and mailboxes, the state of the sinks;
 * and the number by which a store is known. Rows are read in the order of their keys, which is the same in both: texts and
 * bytes go by their bytes.
 * Limits: which host took an item, and which posted it, is known to PostgreSQL alone, and is not taken along.
 */
import { MOVED_FLAG } from '../moved.ts';
import { PAST_VERDICT_COLUMNS } from '../past-verdicts.ts';
import { OPEN } from '../postgres/tables.ts';
import type { CopiedTable, Reading } from './table.ts';

const ADDRESS = {
  columns: { user_number: 'integer', address: 'text', position: 'integer' },
  key: ['user_number', 'address'],
} as const;

const SALT = {
  columns: { user_number: 'integer', created_at: 'integer', salt: 'bytes', ends_at: 'integer' },
  key: ['user_number', 'salt'],
} as const;

const BOUNCES = {
  columns: { user_number: 'integer', hard: 'integer', soft: 'integer', last_at: 'integer' },
  key: ['user_number'],
} as const;

/** Of an item that is leased the lease ends, as at the start of a daemon; and its thread has its head anew. */
const SETTLED_ITEM: Readonly<Record<string, Reading>> = {
  state: () => "CASE WHEN state = 'leased' THEN 'ready' ELSE state END",
  head: () =>
    `(state IN ${OPEN} AND NOT EXISTS (SELECT 1 FROM item AS older
      WHERE older.thread = item.thread AND older.state IN ${OPEN} AND older.item_number < item.item_number))`,
  due_at: (now) => `CASE WHEN state = 'leased' THEN ${now} ELSE due_at END`,
};

/** A mail that a daemon was about to send is due; SQLite does not know which, and makes all due. */
const SETTLED_MAIL: Readonly<Record<string, Reading>> = {
  due_at: (now, adapter) =>
    `CASE WHEN ${adapter === 'sqlite' ? "state = 'waiting'" : 'lease_owner IS NOT NULL'} THEN ${now} ELSE due_at END`,
};

const MAIL = {
  created_at: 'integer',
  due_at: 'clock',
  settled_at: 'integer',
  attempts: 'integer',
  last_diagnostic: 'text',
} as const;

const texts = (names: readonly string[]): Readonly<Record<string, 'text'>> =>
  Object.fromEntries(names.filter((name) => name !== 'at').map((name) => [name, 'text']));

/** The tables in order. */
export const COPIED: readonly CopiedTable[] = [
  {
    name: 'flag',
    columns: { name: 'text', value: 'integer' },
    key: ['name'],
    where: `name NOT IN ('store', '${MOVED_FLAG}')`,
  },
  {
    name: 'users',
    columns: { user_number: 'integer', name: 'text', enabled: 'flag', created_at: 'integer' },
    key: ['user_number'],
    isNumbered: true,
  },
  { name: 'user_address', ...ADDRESS },
  { name: 'salt', ...SALT },
  { name: 'bounce_count', ...BOUNCES },
  {
    name: 'sender_pass',
    columns: { user_number: 'integer', address: 'text', passed_at: 'integer' },
    key: ['user_number', 'address'],
  },
  {
    name: 'removed_user',
    columns: {
      user_number: 'integer',
      name: 'text',
      enabled: 'flag',
      created_at: 'integer',
      removed_at: 'integer',
    },
    key: ['user_number'],
  },
  { name: 'removed_address', ...ADDRESS },
  { name: 'removed_salt', ...SALT },
  { name: 'removed_bounce_count', ...BOUNCES },
  {
    name: 'thread',
    columns: { thread_number: 'integer', locator: 'text' },
    key: ['thread_number'],
    isNumbered: true,
  },
  {
    name: 'former_locator',
    columns: { locator: 'text', thread_number: 'integer', renamed_at: 'integer' },
    key: ['locator', 'thread_number'],
  },
  {
    name: 'digest',
    columns: { thread_number: 'integer', user_number: 'integer', posts: 'text', expires_at: 'integer' },
    key: ['thread_number'],
  },
  { name: 'lane', columns: { name: 'text', threads: 'text' }, key: ['name'] },
  {
    name: 'item',
    columns: {
      item_number: 'integer',
      id: 'text',
      state: 'text',
      head: 'flag',
      user_name: 'text',
      user_number: 'integer',
      thread: 'text',
      replied_to_at: 'integer',
      bounce: 'text',
      bounce_thread: 'text',
      message_id: 'text',
      queue_id: 'text',
      reverse_path: 'text',
      received_at: 'integer',
      due_at: 'clock',
      settled_at: 'integer',
      attempts: 'integer',
      worker_deaths: 'integer',
      hold_reason: 'text',
      last_diagnostic: 'text',
      bytes: 'integer',
      content_kept: 'flag',
      sender_policy: 'text',
      sender_result: 'text',
      spam_score: 'real',
      spam_flagged: 'flag',
      fingerprint: 'bytes',
      written: 'bytes',
      digest: 'text',
      digest_post: 'integer',
      lane: 'text',
      matched: 'text',
    },
    key: ['item_number'],
    isNumbered: true,
    settled: SETTLED_ITEM,
  },
  {
    name: 'attempt',
    columns: {
      item_number: 'integer',
      attempt: 'integer',
      at: 'integer',
      outcome: 'text',
      diagnostic: 'text',
    },
    key: ['item_number', 'attempt'],
  },
  {
    name: 'content',
    columns: { item_number: 'integer', part: 'integer', raw: 'bytes' },
    key: ['item_number', 'part'],
    atATime: 64,
    sqliteQuery: `SELECT item_number, 0 AS part, raw FROM content
      UNION ALL SELECT item_number, part, raw FROM content_part ORDER BY item_number, part`,
  },
  {
    name: 'dedupe',
    columns: { fingerprint: 'bytes', item_id: 'text', received_at: 'integer' },
    key: ['fingerprint'],
  },
  {
    name: 'verdict_count',
    columns: {
      verdict: 'text',
      reason: 'text',
      cause: 'text',
      hour: 'integer',
      count: 'integer',
      last_at: 'integer',
    },
    key: ['verdict', 'reason', 'cause', 'hour'],
    hosts: { together: { count: 'sum(count)::bigint', last_at: 'max(last_at)' }, alone: { host: "''" } },
  },
  {
    name: 'past_verdict',
    columns: { number: 'integer', at: 'integer', ...texts(Object.values(PAST_VERDICT_COLUMNS)) },
    key: ['number'],
  },
  {
    name: 'notice',
    columns: {
      notice_number: 'integer',
      id: 'text',
      state: 'text',
      user_name: 'text',
      user_number: 'integer',
      kind: 'text',
      day: 'integer',
      item_id: 'text',
      draft: 'text',
      original: 'bytes',
      ...MAIL,
    },
    key: ['notice_number'],
    isNumbered: true,
    atATime: 20,
    settled: SETTLED_MAIL,
  },
  {
    name: 'notification',
    columns: {
      notification_number: 'integer',
      id: 'text',
      state: 'text',
      user_number: 'integer',
      user_name: 'text',
      thread: 'text',
      replied_to_at: 'integer',
      message_id: 'text',
      idempotency_key: 'text',
      request: 'bytes',
      draft: 'text',
      ...MAIL,
    },
    key: ['notification_number'],
    isNumbered: true,
    atATime: 20,
    settled: SETTLED_MAIL,
  },
  {
    name: 'known_original',
    columns: {
      original_number: 'integer',
      thread: 'text',
      replied_to_at: 'integer',
      digest: 'bytes',
      subject: 'text',
      author_name: 'text',
      author_address: 'text',
      sketch: 'bytes',
      bytes: 'integer',
      expires_at: 'integer',
    },
    key: ['original_number'],
    isNumbered: true,
    atATime: 100,
  },
  {
    name: 'address_context',
    columns: {
      user_number: 'integer',
      thread: 'text',
      replied_to_at: 'integer',
      context: 'text',
      expires_at: 'integer',
    },
    key: ['user_number', 'thread', 'replied_to_at'],
    atATime: 100,
  },
  {
    name: 'bucket',
    columns: { name: 'text', full_at: 'clock', saved_at: 'clock' },
    key: ['name'],
    hosts: {
      together: { full_at: 'max(full_at)', saved_at: 'max(saved_at)' },
      alone: { host: "''", changed_at: '0', life: '0', taken_ms: '0' },
    },
  },
  {
    name: 'pepper',
    columns: { pepper_number: 'integer', fingerprint: 'bytes', accepted_at: 'integer' },
    key: ['pepper_number'],
    isNumbered: true,
  },
  {
    name: 'restore',
    columns: {
      restored_at: 'integer',
      backed_up_at: 'integer',
      user_number: 'integer',
      user_up_to: 'integer',
      thread_number: 'integer',
      thread_up_to: 'integer',
    },
    key: ['restored_at'],
  },
  {
    name: 'api_token',
    columns: { name: 'text', hash: 'bytes', scopes: 'text', created_at: 'integer' },
    key: ['name'],
  },
  {
    name: 'api_answer',
    columns: { key: 'text', request: 'bytes', status: 'integer', body: 'text', answered_at: 'integer' },
    key: ['key'],
    // A claim of a key by a host that has ended is none.
    where: 'status <> 0',
    atATime: 100,
  },
  {
    name: 'mailbox',
    columns: {
      source: 'text',
      account: 'text',
      uid_validity: 'integer',
      high_water: 'integer',
      walking: 'flag',
      touched_at: 'integer',
    },
    key: ['source'],
  },
  {
    name: 'mailbox_message',
    columns: {
      source: 'text',
      uid_validity: 'integer',
      uid: 'integer',
      state: 'text',
      attempts: 'integer',
      reason: 'text',
      due_at: 'integer',
      since_at: 'integer',
    },
    key: ['source', 'uid_validity', 'uid'],
  },
  {
    name: 'source_call',
    columns: { source: 'text', call: 'text', digest: 'bytes', received_at: 'integer' },
    key: ['source', 'call'],
  },
  {
    name: 'notified',
    columns: {
      message_id: 'text',
      user_number: 'integer',
      thread: 'text',
      replied_to_at: 'integer',
      subject_key: 'bytes',
      sent_at: 'integer',
      expires_at: 'integer',
    },
    key: ['message_id', 'user_number'],
  },
];

/** Tables that are not taken along; with the others they are all that there are. */
export const LEFT_BEHIND: readonly string[] = ['sink', 'host', 'mailbox_owner'];
