/** Mailboxes in SQLite: how far each was read, and what of it is not settled. */
import {
  INSTALLATION_FLAG,
  type Mailboxes,
  type MailboxState,
  type MailboxView,
  type OpenMessage,
  type PutOff,
} from '../mailboxes.ts';
import type { AtOnce } from './at-once.ts';
import { prepareClose, prepareRaise } from './receipts.ts';
import type { Database } from './schema.ts';

type Writes =
  | 'beginMailbox'
  | 'endWalk'
  | 'putOffMessage'
  | 'closeMessages'
  | 'retryMessages'
  | 'claimMailbox'
  | 'releaseMailbox'
  | 'installation';

type Values = (string | number | null)[];

/** Prepares the writes on a writing connection. */
export function prepareMailboxes(database: Database): AtOnce<Mailboxes, Writes> {
  const begin = database.prepare<Values>(
    `INSERT INTO mailbox (source, account, uid_validity, high_water, walking, touched_at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (source) DO UPDATE SET account = excluded.account, uid_validity = excluded.uid_validity,
       high_water = excluded.high_water, walking = excluded.walking, touched_at = excluded.touched_at`,
  );
  const forget = database.prepare<[string]>('DELETE FROM mailbox_message WHERE source = ?');
  const endWalk = database.prepare<Values>(
    'UPDATE mailbox SET walking = 0, high_water = ?, touched_at = ? WHERE source = ?',
  );
  const retry = database.prepare<Values>(
    `UPDATE mailbox_message SET state = 'waiting', due_at = ?, attempts = 0 WHERE source = ? AND state = 'failed'`,
  );
  const close = prepareClose(database);
  return {
    beginMailbox: ({ source, account, uidValidity, highWater, isWalking }, at) => {
      forget.run(source);
      begin.run(source, account, uidValidity, highWater, Number(isWalking), at);
    },
    endWalk: (source, highWater, at) => {
      endWalk.run(highWater, at, source);
    },
    putOffMessage: preparePutOff(database),
    closeMessages: (places) => {
      for (const { source, uidValidity, uid } of places) close(source, uidValidity, uid);
    },
    retryMessages: (source, now) => retry.run(now, source).changes,
    ...prepareOwnership(database),
    installation: prepareInstallation(database),
  };
}

function prepareInstallation(database: Database): (number: number) => number {
  const insert = database.prepare<[string, number]>(
    'INSERT INTO flag (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING',
  );
  const read = database.prepare<[string], number>('SELECT value FROM flag WHERE name = ?').pluck();
  return (number) => {
    insert.run(INSTALLATION_FLAG, number);
    return read.get(INSTALLATION_FLAG) ?? number;
  };
}

function preparePutOff(database: Database): (message: PutOff) => void {
  const raise = prepareRaise(database);
  const note = database.prepare<Values>(
    `INSERT INTO mailbox_message (source, uid_validity, uid, state, attempts, reason, due_at, since_at)
     VALUES (?, ?, ?, ?, 1, ?, ?, ?)
     ON CONFLICT (source, uid_validity, uid) DO UPDATE SET state = excluded.state,
       attempts = attempts + 1, reason = excluded.reason, due_at = excluded.due_at`,
  );
  return ({ source, uidValidity, uid, state, reason, dueAt, highWater, at }) => {
    raise(source, uidValidity, highWater, at);
    note.run(source, uidValidity, uid, state, reason, dueAt ?? null, at);
  };
}

function prepareOwnership(database: Database): AtOnce<Mailboxes, 'claimMailbox' | 'releaseMailbox'> {
  const claim = database.prepare<Values>(
    `INSERT INTO mailbox_owner (source, owner, owned_until) VALUES (?, ?, ?)
     ON CONFLICT (source) DO UPDATE SET owner = excluded.owner, owned_until = excluded.owned_until
       WHERE owner = excluded.owner OR owned_until < ?`,
  );
  const owner = database
    .prepare<[string], string>('SELECT owner FROM mailbox_owner WHERE source = ?')
    .pluck();
  const release = database.prepare<Values>('DELETE FROM mailbox_owner WHERE source = ? AND owner = ?');
  return {
    claimMailbox: ({ source, owner: wanted, now, leaseMs }) => {
      claim.run(source, wanted, now + leaseMs, now);
      return owner.get(source) ?? wanted;
    },
    releaseMailbox: (source, owned) => {
      release.run(source, owned);
    },
  };
}

/** A mailbox as its row has it. */
interface StateRow extends Omit<MailboxState, 'isWalking'> {
  readonly walking: number;
}

/** Whose it is, and when it was last written of. */
interface OwnedRow {
  readonly touchedAt: number;
  readonly owner: string | null;
  readonly ownedUntil: number | null;
}

const STATE = `source, account, uid_validity AS uidValidity, high_water AS highWater, walking`;

/** Prepares the reads on a reading connection. */
export function prepareMailboxViews(
  database: Database,
): AtOnce<Mailboxes, 'mailbox' | 'openMessages' | 'listMailboxes'> {
  const state = database.prepare<[string], StateRow>(`SELECT ${STATE} FROM mailbox WHERE source = ?`);
  const open = database.prepare<[string], Omit<OpenMessage, 'dueAt'> & { dueAt: number | null }>(
    `SELECT source, uid_validity AS uidValidity, uid, state, attempts, reason, due_at AS dueAt, since_at AS sinceAt
     FROM mailbox_message WHERE source = ? ORDER BY uid`,
  );
  const all = database.prepare<[], StateRow & OwnedRow>(
    `SELECT ${STATE}, touched_at AS touchedAt, owner, owned_until AS ownedUntil
     FROM mailbox LEFT JOIN mailbox_owner USING (source) ORDER BY source`,
  );
  return {
    mailbox: (source) => {
      const row = state.get(source);
      return row === undefined ? undefined : stateOf(row);
    },
    openMessages: (source) =>
      open.all(source).map((row): OpenMessage => ({ ...row, dueAt: row.dueAt ?? undefined })),
    listMailboxes: () =>
      all.all().map((row): MailboxView => {
        const messages = open.all(row.source);
        const count = (of: OpenMessage['state']): number =>
          messages.filter(({ state }) => state === of).length;
        return {
          ...stateOf(row),
          touchedAt: row.touchedAt,
          waiting: count('waiting'),
          failed: count('failed'),
          courtesies: count('courtesy'),
          owner: row.owner ?? undefined,
          ownedUntil: row.ownedUntil ?? undefined,
        };
      }),
  };
}

const stateOf = ({ source, account, uidValidity, highWater, walking }: StateRow): MailboxState => ({
  source,
  account,
  uidValidity,
  highWater,
  isWalking: walking === 1,
});
