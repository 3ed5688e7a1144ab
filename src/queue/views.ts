/** What the store's reading connection answers: users, threads and buckets for the gate, items for the operator. */
import { type BounceViews, prepareBounceViews } from './bounces.ts';
import { type BucketViews, prepareBucketViews } from './buckets.ts';
import { prepareReadContent } from './content.ts';
import type { User } from './directory-port.ts';
import { type InspectionViews, prepareInspection } from './inspection.ts';
import { type NoticeViews, prepareNoticeViews } from './notices.ts';
import type { Backlog, ItemFilter, ItemState, ItemView, QueueCounts, VerdictCount } from './queue.ts';
import { ITEM_STATES, MOST_COUNTED } from './queue.ts';
import { type Database, OPEN } from './schema.ts';
import { prepareSelectionViews, type SelectionViews, selection } from './selection.ts';
import { prepareSinkView } from './sink-status.ts';
import { prepareVerdictView } from './verdict-counts.ts';

/** The reads of all ports, synchronous on one connection. */
export interface Views extends NoticeViews, BounceViews, BucketViews, SelectionViews {
  /** What tools ask that tell of one mail's way; prepared with the first question, for the daemon asks none. */
  readonly inspection: () => InspectionViews;
  /** The user with this number. */
  userByNumber(number: number): User | undefined;
  /** The user with this name. */
  userByName(name: string): User | undefined;
  /** All users by name. */
  listUsers(): User[];
  /** The locator of a thread number. */
  threadByNumber(number: number): string | undefined;
  /** The raw message of an item. */
  content(id: string): Uint8Array | undefined;
  /** When the next item becomes due. */
  nextDueAt(): number | undefined;
  /** Items matching a filter, oldest first. */
  list(filter: ItemFilter): ItemView[];
  /** One item by its id. */
  get(id: string): ItemView | undefined;
  /** The item that a fingerprint belongs to. */
  duplicateOf(fingerprint: Uint8Array): string | undefined;
  /** How often each verdict was given, in all or since an hour. */
  verdicts(since?: number): VerdictCount[];
  /** Items by state. */
  counts(): QueueCounts;
  /** Items that are not settled, by their own index. */
  backlog(): Backlog;
}

/** Most items that one listing gives when it names no limit. */
const DEFAULT_LIST_LIMIT = 1000;

/** Prepares the statements on a reading connection. */
export function prepareViews(database: Database): Views {
  const items = prepareItemViews(database);
  const notices = prepareNoticeViews(database);
  return {
    ...prepareDirectoryViews(database),
    ...items,
    ...notices,
    inspection: () =>
      prepareInspection(
        database,
        (id) => items.get(id),
        (id) => notices.noticesOf(id),
      ),
    ...prepareBounceViews(database),
    ...prepareSelectionViews(database),
    verdicts: prepareVerdictView(database),
    ...prepareBucketViews(database),
  };
}

interface UserRow {
  number: number;
  name: string;
  enabled: number;
  createdAt: number;
}

interface SaltRow {
  salt: Buffer;
  createdAt: number;
  endsAt: number | null;
}

function prepareDirectoryViews(
  database: Database,
): Pick<Views, 'userByNumber' | 'userByName' | 'listUsers' | 'threadByNumber'> {
  const columns = 'SELECT user_number AS number, name, enabled, created_at AS createdAt FROM user';
  const byNumber = database.prepare<[number], UserRow>(`${columns} WHERE user_number = ?`);
  const anybody = database.prepare<[], UserRow>(`${columns} LIMIT 1`);
  const byName = database.prepare<[string], UserRow>(`${columns} WHERE name = ?`);
  const all = database.prepare<[], UserRow>(`${columns} ORDER BY name`);
  const addresses = database
    .prepare<[number], string>('SELECT address FROM user_address WHERE user_number = ? ORDER BY address')
    .pluck();
  // The current salt first: it is the one that nearly every token was minted under.
  const salts = database.prepare<[number], SaltRow>(
    `SELECT salt, created_at AS createdAt, ends_at AS endsAt FROM salt WHERE user_number = ?
     ORDER BY ends_at IS NOT NULL, ends_at DESC`,
  );
  const locator = database
    .prepare<[number], string>('SELECT locator FROM thread WHERE thread_number = ?')
    .pluck();
  const complete = (row: UserRow): User => ({
    number: row.number,
    name: row.name,
    enabled: row.enabled === 1,
    createdAt: row.createdAt,
    addresses: addresses.all(row.number),
    salts: salts.all(row.number).map((salt) => ({
      salt: salt.salt,
      createdAt: salt.createdAt,
      endsAt: salt.endsAt ?? undefined,
    })),
  });
  const maybe = (row: UserRow | undefined): User | undefined =>
    row === undefined ? undefined : complete(row);
  return {
    userByNumber: (number) => {
      const row = byNumber.get(number);
      // The same work for nobody, so that the time which an address takes does not tell who is a user.
      const user = maybe(row ?? anybody.get());
      return row === undefined ? undefined : user;
    },
    userByName: (name) => maybe(byName.get(name)),
    listUsers: () => all.all().map(complete),
    threadByNumber: (number) => locator.get(number),
  };
}

type Nullable<T> = { [K in keyof T]: undefined extends T[K] ? Exclude<T[K], undefined> | null : T[K] };

const ITEM_COLUMNS = `SELECT id, state, user, coalesce(bounce_thread, thread) AS thread, bounce, message_id AS messageId, reverse_path AS reversePath,
  replied_to_at AS repliedToAt, received_at AS receivedAt, attempts, due_at AS dueAt, lease_until AS leaseUntil,
  settled_at AS settledAt, hold_reason AS holdReason, spam_score AS spamScore,
  last_diagnostic AS lastDiagnostic, bytes FROM item`;

function toItemView(row: Nullable<ItemView>): ItemView {
  return {
    ...row,
    bounce: row.bounce ?? undefined,
    messageId: row.messageId ?? undefined,
    dueAt: row.dueAt ?? undefined,
    leaseUntil: row.leaseUntil ?? undefined,
    settledAt: row.settledAt ?? undefined,
    holdReason: row.holdReason ?? undefined,
    spamScore: row.spamScore ?? undefined,
    lastDiagnostic: row.lastDiagnostic ?? undefined,
  };
}

function prepareItemViews(
  database: Database,
): Pick<Views, 'content' | 'nextDueAt' | 'list' | 'get' | 'duplicateOf' | 'counts' | 'backlog'> {
  const paused = database.prepare<[], 1>("SELECT 1 FROM flag WHERE name = 'paused' AND value = 1").pluck();
  const due = database
    .prepare<[], number | null>(
      "SELECT min(due_at) FROM item WHERE head = 1 AND state IN ('ready','waiting')",
    )
    .pluck();
  const byId = database.prepare<[string], Nullable<ItemView>>(`${ITEM_COLUMNS} WHERE id = ?`);
  const byFingerprint = database
    .prepare<[Uint8Array], string>('SELECT item_id FROM dedupe WHERE fingerprint = ?')
    .pluck();
  const byState = database.prepare<[], { state: ItemState; count: number }>(
    'SELECT state, count(*) AS count FROM item GROUP BY state',
  );
  const oldest = database
    .prepare<[], number | null>(
      "SELECT min(received_at) FROM item WHERE state IN ('ready','waiting','leased')",
    )
    .pluck();
  const open = database
    .prepare<[], number>(
      `SELECT count(*) FROM (SELECT 1 FROM item WHERE state IN ${OPEN} LIMIT ${MOST_COUNTED})`,
    )
    .pluck();
  const sink = prepareSinkView(database);
  return {
    content: prepareReadContent(database),
    nextDueAt: () => (paused.get() === 1 ? undefined : (due.get() ?? undefined)),
    get: (id) => {
      const row = byId.get(id);
      return row === undefined ? undefined : toItemView(row);
    },
    list: (filter) => list(database, filter),
    duplicateOf: (fingerprint) => byFingerprint.get(fingerprint),
    counts: () => {
      const counted = new Map(byState.all().map((row) => [row.state, row.count]));
      return {
        byState: Object.fromEntries(
          ITEM_STATES.map((state) => [state, counted.get(state) ?? 0]),
        ) as QueueCounts['byState'],
        oldestReceivedAt: oldest.get() ?? undefined,
        paused: paused.get() === 1,
        sink: sink(),
      };
    },
    backlog: () => ({ open: open.get() ?? 0, paused: paused.get() === 1, sink: sink() }),
  };
}

function list(database: Database, filter: ItemFilter): ItemView[] {
  const { where, values } = selection(filter);
  return database
    .prepare<(string | number)[], Nullable<ItemView>>(`${ITEM_COLUMNS} ${where} ORDER BY item_number LIMIT ?`)
    .all(...values, filter.limit ?? DEFAULT_LIST_LIMIT)
    .map(toItemView);
}
