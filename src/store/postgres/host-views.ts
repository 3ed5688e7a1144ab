/** Hosts in PostgreSQL: listHosts, forgetHost. */
import type { Hosts, HostView } from '../hosts.ts';
import { DATABASE_NOW } from './clock.ts';
import { giveBack } from './giving-back.ts';
import type { Ground } from './ground.ts';
import type { HostTimes } from './hosts.ts';

/** The time over which items are counted, by default. */
const LATELY_MS = 3_600_000;

// What was taken lately is found by the fingerprints, which have an index on their time.
const LIST = `
WITH at AS (SELECT ${DATABASE_NOW} AS now),
leased AS (SELECT lease_owner AS name, count(*) AS items FROM item WHERE state = 'leased' GROUP BY 1),
taken AS (SELECT taken_by AS name, count(*) AS items FROM dedupe JOIN item ON item.id = dedupe.item_id
  WHERE dedupe.received_at >= $2 GROUP BY 1),
posted AS (SELECT settled_by AS name, count(*) AS items FROM item
  WHERE state = 'posted' AND settled_at >= $2 GROUP BY 1)
SELECT host.name, version, schema_version AS "schemaVersion", started_at AS "startedAt", seen_at AS "seenAt",
  clock_ms AS "clockMs",
  CASE WHEN stopped THEN 'stopped' WHEN seen_at <= at.now - $1 THEN 'dead' ELSE 'live' END AS state,
  coalesce(leased.items, 0) AS leased, coalesce(taken.items, 0) AS taken,
  coalesce(posted.items, 0) AS posted
FROM at CROSS JOIN host LEFT JOIN leased ON leased.name = host.name LEFT JOIN taken ON taken.name = host.name
  LEFT JOIN posted ON posted.name = host.name
ORDER BY host.name`;

/** Gives the port. */
export function hostPort(
  { database, clock }: Ground,
  { deadMs }: HostTimes,
): Omit<Hosts, 'isPresent' | 'holds'> {
  return {
    listHosts: async (since = Date.now() - LATELY_MS) => {
      const rows = await database.slowly.rows<HostView>(LIST, [deadMs, since]);
      return rows.map((row) => ({ ...row, seenAt: clock.toHost(row.seenAt) }));
    },
    forgetHost: (name) =>
      database.transact({ lock: 'shared', isDurable: true }, async (statements) => {
        const row = await statements.first<{ seenAt: number; isLive: boolean }>(
          `SELECT seen_at AS "seenAt", NOT (stopped OR seen_at <= ${DATABASE_NOW} - $2) AS "isLive"
           FROM host WHERE name = $1 FOR UPDATE`,
          [name, deadMs],
        );
        if (row === undefined) return { kind: 'unknown' };
        if (row.isLive) return { kind: 'live', seenAt: clock.toHost(row.seenAt) };
        const givenBack = await giveBack(statements, { clock }, [name]);
        await Promise.all([
          statements.run('DELETE FROM mailbox_owner WHERE owner = $1', [name]),
          statements.run('DELETE FROM host WHERE name = $1', [name]),
        ]);
        return { kind: 'forgotten', givenBack };
      }),
  };
}
