/**
 * How well the PostgreSQL of a store is, as its own views say.
 *
 * Contract: reads alone, on the connection of slow reads; nothing here waits for a lock. A role that has not
 * `pg_read_all_stats` sees no more of the sessions of other roles than that they are there.
 */
import type {
  Connections,
  DatabaseHealth,
  Durability,
  HealthPort,
  HotTable,
  OpenTransaction,
  RoleStanding,
  Standby,
} from '../health.ts';
import { DATABASE_NOW } from './clock.ts';
import type { Statements } from './database.ts';
import type { Ground } from './ground.ts';
import { functionsOf, tablesOf } from './role.ts';
import { HOT } from './tables.ts';

/** Builds the port. */
export function healthPort({ database: { slowly, pool } }: Ground): HealthPort {
  return {
    pool,
    health: async (): Promise<DatabaseHealth> => {
      const clockAheadMs = await readClock(slowly);
      const [server, connections, durability, standbys, tables, longest, role] = await Promise.all([
        readServer(slowly),
        readConnections(slowly),
        readDurability(slowly),
        readStandbys(slowly),
        readTables(slowly),
        readLongest(slowly),
        readRole(slowly),
      ]);
      return { ...server, clockAheadMs, connections, durability, standbys, tables, longest, role };
    },
  };
}

async function only<Row>(statements: Statements, sql: string): Promise<Row> {
  const row = await statements.first<Row>(sql);
  if (row === undefined) throw new Error('the database has given no row');
  return row;
}

/** Measures by a statement of its own: others would have it wait. */
async function readClock(statements: Statements): Promise<number> {
  await statements.run('SELECT 1'); // the connection is made
  const before = Date.now();
  const { at } = await only<{ at: number }>(statements, `SELECT ${DATABASE_NOW} AS at`);
  return Math.round((before + Date.now()) / 2 - at);
}

type ServerFacts = Pick<
  DatabaseHealth,
  'version' | 'versionNumber' | 'isStandby' | 'encryption' | 'isRemote' | 'oldestNumberAge'
>;

const readServer = async (statements: Statements): Promise<ServerFacts> => {
  const { encryption, ...facts } = await only<
    Omit<ServerFacts, 'encryption'> & { encryption: string | null }
  >(
    statements,
    `SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::integer AS "versionNumber",
       pg_is_in_recovery() AS "isStandby",
       (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl) AS encryption,
       coalesce(NOT inet_client_addr() <<= '127.0.0.0/8' AND inet_client_addr() <> '::1' AND inet_client_addr() <> inet_server_addr(), false) AS "isRemote",
       (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()) AS "oldestNumberAge"`,
  );
  return { ...facts, encryption: encryption ?? undefined };
};

/** Sessions of clients: those of the server's own have no user or no database. */
const CLIENTS = 'pg_stat_activity WHERE usesysid IS NOT NULL AND datid IS NOT NULL';

async function readConnections(statements: Statements): Promise<Connections> {
  const row = await only<Record<'active' | 'idle' | 'in_transaction' | 'unknown' | 'used' | 'most', number>>(
    statements,
    `WITH client AS (SELECT * FROM ${CLIENTS}), counted AS (
       SELECT count(*) AS used, current_setting('max_connections')::integer
         - CASE WHEN (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN 0
             ELSE current_setting('superuser_reserved_connections')::integer
               + coalesce(current_setting('reserved_connections', true)::integer, 0) END AS most FROM client
       UNION ALL SELECT (SELECT count(*) FROM client WHERE usename = current_user), rolconnlimit
         FROM pg_roles WHERE rolname = current_user AND rolconnlimit >= 0
       UNION ALL SELECT (SELECT count(*) FROM client WHERE client.datname = current_database()), datconnlimit
         FROM pg_database WHERE datname = current_database() AND datconnlimit >= 0),
     nearest AS (SELECT * FROM counted ORDER BY most - used LIMIT 1)
     SELECT count(*) FILTER (WHERE state = 'active') AS active, count(*) FILTER (WHERE state = 'idle') AS idle,
       count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS in_transaction,
       count(*) FILTER (WHERE state IS NULL OR state NOT IN ('active', 'idle') AND state NOT LIKE 'idle in transaction%') AS unknown,
       (SELECT used FROM nearest) AS used, (SELECT most FROM nearest)::bigint AS most
     FROM client`,
  );
  const { used, most, ...byState } = row;
  return { byState, used, most };
}

const readDurability = (statements: Statements): Promise<Durability> =>
  only(
    statements,
    `SELECT current_setting('fsync')::boolean AS fsync, current_setting('full_page_writes')::boolean AS "fullPageWrites",
       current_setting('synchronous_commit') AS "synchronousCommit",
       current_setting('synchronous_standby_names') AS "synchronousStandbys", current_setting('wal_level') AS "walLevel"`,
  );

async function readStandbys(statements: Statements): Promise<Standby[]> {
  const rows = await statements.rows<{
    name: string;
    syncState: string | null;
    lagBytes: number | null;
    lagMs: number | null;
  }>(
    `SELECT coalesce(nullif(application_name, ''), 'walreceiver') AS name, sync_state AS "syncState",
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, replay_lsn)::bigint AS "lagBytes",
       (extract(epoch FROM replay_lag) * 1000)::bigint AS "lagMs"
     FROM pg_stat_replication ORDER BY 1`,
  );
  return rows.map(({ name, syncState, lagBytes, lagMs }) => ({
    name,
    syncState: syncState ?? undefined,
    lagBytes: lagBytes === null ? undefined : Math.max(0, lagBytes),
    lagMs: lagMs ?? undefined,
  }));
}

const readTables = (statements: Statements): Promise<HotTable[]> =>
  statements.rows<HotTable>(
    `SELECT relname AS name, n_live_tup AS "liveRows", n_dead_tup AS "deadRows", pg_total_relation_size(relid) AS bytes
     FROM pg_stat_user_tables WHERE relid = ANY (SELECT to_regclass(name) FROM unnest($1::text[]) AS name) ORDER BY relname`,
    [HOT],
  );

/** Reads the transaction that holds up the clean-up of dead rows; a prepared one holds it up without a session. */
async function readLongest(statements: Statements): Promise<OpenTransaction | undefined> {
  const row = await statements.first<Omit<OpenTransaction, 'pid'> & { readonly pid: number | null }>(
    `WITH open AS (
       SELECT pid, xact_start AS began, application_name AS program, usename AS "user", state FROM ${CLIENTS}
         AND datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
         AND backend_type = 'client backend'
       UNION ALL SELECT NULL, prepared, gid, owner, 'prepared' FROM pg_prepared_xacts WHERE database = current_database())
     SELECT pid, greatest(0, (extract(epoch FROM clock_timestamp() - began) * 1000)::bigint) AS "ageMs", program, "user", state
     FROM open ORDER BY began LIMIT 1`,
  );
  return row && { ...row, pid: row.pid ?? undefined };
}

async function readRole(statements: Statements): Promise<RoleStanding> {
  const missing = await statements.rows<{ right: string }>(
    `SELECT word || ' on ' || name AS right FROM unnest($1::text[]) AS name,
       unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS word
     WHERE to_regclass(name) IS NOT NULL AND NOT has_table_privilege(to_regclass(name), word)
     UNION ALL SELECT 'EXECUTE on ' || proname FROM pg_proc
     WHERE proname = ANY ($2::text[]) AND pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('item'))
       AND NOT has_function_privilege(oid, 'EXECUTE')`,
    [tablesOf(), functionsOf()],
  );
  const role = await only<Omit<RoleStanding, 'missing'>>(
    statements,
    `SELECT rolname AS name, rolsuper AS "isSuperuser",
       (SELECT count(*) FROM ${CLIENTS} AND datname = current_database() AND backend_type IS NULL) AS hidden
     FROM pg_roles WHERE rolname = current_user`,
  );
  return { ...role, missing: missing.map(({ right }) => right) };
}
