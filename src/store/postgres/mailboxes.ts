/**
 * Mailboxes in PostgreSQL: how far each was read, what of it is not settled, and who reads it.
 *
 * Contract: of all hosts one owns a mailbox, by the database's clock; the insert itself is the test. An ownership is on disk
 * when it is given. The high water never falls but where a mailbox begins anew.
 */
import {
  INSTALLATION_FLAG,
  type Mailboxes,
  type MailboxState,
  type MailboxView,
  type OpenMessage,
} from '../mailboxes.ts';
import type { Ground } from './ground.ts';
import { LAZY, PROMISED, repeatable } from './repeatable.ts';

/** Gives the port. */
export function mailboxPort(ground: Ground): Mailboxes {
  return { ...statePort(ground), ...messagePort(ground), ...ownershipPort(ground), ...viewPort(ground) };
}

function statePort({ database }: Ground): Pick<Mailboxes, 'beginMailbox' | 'endWalk'> {
  return {
    beginMailbox: async ({ source, account, uidValidity, highWater, isWalking }, at) => {
      await repeatable(database, PROMISED, (statements) =>
        Promise.all([
          statements.run('DELETE FROM mailbox_message WHERE source = $1', [source]),
          statements.run(
            `INSERT INTO mailbox (source, account, uid_validity, high_water, walking, touched_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (source) DO UPDATE SET account = excluded.account, uid_validity = excluded.uid_validity,
               high_water = excluded.high_water, walking = excluded.walking, touched_at = excluded.touched_at`,
            [source, account, uidValidity, highWater, isWalking, at],
          ),
        ]),
      );
    },
    endWalk: async (source, highWater, at) => {
      await repeatable(database, PROMISED, (statements) =>
        statements.run(
          'UPDATE mailbox SET walking = false, high_water = $2, touched_at = $3 WHERE source = $1',
          [source, highWater, at],
        ),
      );
    },
  };
}

const RAISE = `UPDATE mailbox SET high_water = greatest(high_water, $3), touched_at = $4
  WHERE source = $1 AND uid_validity = $2`;

const PUT_OFF = `INSERT INTO mailbox_message AS known
    (source, uid_validity, uid, state, attempts, reason, due_at, since_at)
  VALUES ($1, $2, $3, $4, 1, $5, $6, $7)
  ON CONFLICT (source, uid_validity, uid) DO UPDATE SET state = excluded.state, attempts = known.attempts + 1,
    reason = excluded.reason, due_at = excluded.due_at`;

const CLOSE = `DELETE FROM mailbox_message USING unnest($1::text[], $2::bigint[], $3::bigint[])
    AS settled (source, uid_validity, uid)
  WHERE (mailbox_message.source, mailbox_message.uid_validity, mailbox_message.uid)
    = (settled.source, settled.uid_validity, settled.uid)`;

type Messages = Pick<Mailboxes, 'putOffMessage' | 'openMessages' | 'closeMessages' | 'retryMessages'>;

function messagePort({ database }: Ground): Messages {
  return {
    putOffMessage: async ({ source, uidValidity, uid, state, reason, dueAt, highWater, at }) => {
      await database.transact(LAZY, (statements) =>
        Promise.all([
          statements.run(RAISE, [source, uidValidity, highWater ?? 0, at]),
          statements.run(PUT_OFF, [source, uidValidity, uid, state, reason, dueAt ?? null, at]),
        ]),
      );
    },
    openMessages: async (source) => {
      const rows = await database.reads.rows<Omit<OpenMessage, 'dueAt'> & { readonly dueAt: number | null }>(
        `SELECT source, uid_validity AS "uidValidity", uid, state, attempts, reason, due_at AS "dueAt",
           since_at AS "sinceAt" FROM mailbox_message WHERE source = $1 ORDER BY uid`,
        [source],
      );
      return rows.map((row): OpenMessage => ({ ...row, dueAt: row.dueAt ?? undefined }));
    },
    closeMessages: async (places) => {
      if (places.length === 0) return;
      const values = [
        places.map(({ source }) => source),
        places.map(({ uidValidity }) => uidValidity),
        places.map(({ uid }) => uid),
      ];
      await repeatable(database, LAZY, (statements) => statements.run(CLOSE, values));
    },
    retryMessages: (source, now) =>
      database.transact(PROMISED, (statements) =>
        statements.run(
          `UPDATE mailbox_message SET state = 'waiting', due_at = $2, attempts = 0
           WHERE source = $1 AND state = 'failed'`,
          [source, now],
        ),
      ),
  };
}

const CLAIM = `INSERT INTO mailbox_owner AS known (source, owner, owned_until) VALUES ($1, $2, $3)
  ON CONFLICT (source) DO UPDATE SET owner = excluded.owner, owned_until = excluded.owned_until
    WHERE known.owner = excluded.owner OR known.owned_until < $4`;

type Ownership = Pick<Mailboxes, 'claimMailbox' | 'releaseMailbox' | 'installation'>;

function ownershipPort({ database, clock }: Ground): Ownership {
  return {
    installation: async (number) => {
      // Of two hosts that ask at once the second waits for the row of the first, and then sees it.
      const [, row] = await repeatable(database, PROMISED, (statements) =>
        Promise.all([
          statements.run('INSERT INTO flag (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING', [
            INSTALLATION_FLAG,
            number,
          ]),
          statements.first<{ value: number }>('SELECT value FROM flag WHERE name = $1', [INSTALLATION_FLAG]),
        ]),
      );
      return row?.value ?? number;
    },
    claimMailbox: async ({ source, owner: wanted, now, leaseMs }) => {
      const at = clock.toDatabase(now);
      // The row is locked by the insert, whoever owns it: the look after it sees the same.
      const [, row] = await repeatable(database, PROMISED, (statements) =>
        Promise.all([
          statements.run(CLAIM, [source, wanted, at + leaseMs, at]),
          statements.first<{ owner: string }>('SELECT owner FROM mailbox_owner WHERE source = $1', [source]),
        ]),
      );
      return row?.owner ?? wanted;
    },
    releaseMailbox: async (source, owner) => {
      await repeatable(database, PROMISED, (statements) =>
        statements.run('DELETE FROM mailbox_owner WHERE source = $1 AND owner = $2', [source, owner]),
      );
    },
  };
}

const STATE = `source, account, uid_validity AS "uidValidity", high_water AS "highWater", walking AS "isWalking"`;

const ALL = `SELECT ${STATE}, touched_at AS "touchedAt", owner, owned_until AS "ownedUntil", waiting, failed, courtesies
  FROM mailbox LEFT JOIN mailbox_owner USING (source)
  CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'failed') AS failed,
      count(*) FILTER (WHERE state = 'courtesy') AS courtesies
    FROM mailbox_message WHERE mailbox_message.source = mailbox.source
  ) AS counted ORDER BY source`;

type AllRow = Omit<MailboxView, 'owner' | 'ownedUntil'> & {
  readonly owner: string | null;
  readonly ownedUntil: number | null;
};

function viewPort({ database: { reads }, clock }: Ground): Pick<Mailboxes, 'mailbox' | 'listMailboxes'> {
  return {
    mailbox: (source) =>
      reads.first<MailboxState>(`SELECT ${STATE} FROM mailbox WHERE source = $1`, [source]),
    listMailboxes: async () => {
      const rows = await reads.rows<AllRow>(ALL);
      return rows.map(
        (row): MailboxView => ({
          ...row,
          owner: row.owner ?? undefined,
          ownedUntil: row.ownedUntil === null ? undefined : clock.toHost(row.ownedUntil),
        }),
      );
    },
  };
}
