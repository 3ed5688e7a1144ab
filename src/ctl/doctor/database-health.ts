/**
 * What is to be said of a database's health: whether commits last, and what makes it slow or stops it before long.
 *
 * Contract: judges what was read; asks nothing.
 */
import { EXIT } from '../../actions/fault.ts';
import type { DatabaseHealth, HotTable } from '../../store/health.ts';
import { type Finding, fine, note, problem, warning } from './finding.ts';

/** The oldest version whose SQL is used, as a number. */
const OLDEST = 130_000;

/** Clocks that differ by more are set wrong. */
const CLOCK_MS = 1000;

/** A transaction that is open for longer is in the way. */
const OPEN_MS = 60_000;

/** Dead rows of a table below which nobody need look. */
const FEW_DEAD = 10_000;

/** The share of connections in use above which it is tight. */
const TIGHT = 0.8;

/** What a standby may be behind. */
const LAG_BYTES = 256 * 1024 ** 2;

/** The age of transaction numbers at which the server is about to stop; autovacuum acts at 200 million. */
const OLD_NUMBERS = 1_000_000_000;

/** Judges all of it. */
export function judgeDatabase(place: string, health: DatabaseHealth): Finding[] {
  return [
    judgeServer(place, health),
    judgeDurability(health),
    judgeClock(health),
    judgeTransactions(health),
    judgeBloat(health),
    judgeReplication(health),
    judgeConnections(health),
    judgeRole(health),
  ];
}

function judgeServer(place: string, health: DatabaseHealth): Finding {
  const check = 'database.reachable';
  const { version, versionNumber, isStandby, encryption, isRemote } = health;
  const what = `${place}: PostgreSQL ${version} lets this user in`;
  if (isStandby)
    return problem(check, EXIT.unavailable, {
      what: `${what}, and takes no writes: it is a standby`,
      why: 'all mail is answered 451, and nothing is posted',
      fix: 'name all servers in store.url (postgresql://USER@A:5432,B:5432/DATABASE): the one that takes writes is used',
    });
  if (versionNumber < OLDEST)
    return problem(check, EXIT.configuration, {
      what: `${what}; expected 13 or later`,
      why: 'mailgw is tried with no older one, which PostgreSQL does not mend any more',
      fix: 'pg_upgradecluster   # on the host of the database',
    });
  if (isRemote && encryption === undefined)
    return warning(check, {
      what: `${what}, over a way that is not encrypted`,
      why: 'who is on the way reads all mail, and may change it',
      fix: 'take sslmode=disable out of store.url, and set "ssl = on" in postgresql.conf',
    });
  return fine(
    check,
    `${what}, and takes what is written${encryption === undefined ? '' : `; over ${encryption}`}`,
  );
}

function judgeDurability({ durability }: DatabaseHealth): Finding {
  const check = 'database.durable';
  const { fsync, fullPageWrites, synchronousCommit, synchronousStandbys, walLevel } = durability;
  if (!fsync)
    return problem(check, EXIT.configuration, {
      what: 'fsync is off in the server: a commit is not on the disk',
      why: 'after a power failure replies are lost that were answered 250, or the whole database is',
      fix: 'ALTER SYSTEM RESET fsync; SELECT pg_reload_conf();   -- or take it out of postgresql.conf',
    });
  if (!fullPageWrites)
    return warning(check, {
      what: 'full_page_writes is off in the server',
      why: 'a power failure in the middle of a page damages the database, unless the file system writes whole pages (ZFS does)',
      fix: 'ALTER SYSTEM RESET full_page_writes; SELECT pg_reload_conf();',
    });
  const standbys =
    synchronousStandbys === ''
      ? 'no standby'
      : `standbys as well (synchronous_standby_names "${synchronousStandbys}")`;
  const own =
    synchronousCommit === 'off'
      ? '; synchronous_commit is off there, and mailgw sets it for what it promises'
      : '';
  return fine(check, `a commit is on the disk, and waits for ${standbys}; wal_level is ${walLevel}${own}`);
}

function judgeClock({ clockAheadMs }: DatabaseHealth): Finding {
  const check = 'database.clock';
  const off = `${(Math.abs(clockAheadMs) / 1000).toFixed(1)} s ${clockAheadMs < 0 ? 'behind' : 'ahead of'}`;
  if (Math.abs(clockAheadMs) <= CLOCK_MS)
    return fine(check, `the clock of this host is ${off} that of the database`);
  return problem(check, EXIT.unavailable, {
    what: `the clock of this host is ${off} that of the database`,
    why: 'hosts that share a store judge the age of addresses and mail each by its own clock, and disagree',
    fix: 'timedatectl; systemctl restart systemd-timesyncd (or chronyd)   # here, and on the host of the database',
  });
}

function judgeTransactions({ longest, role }: DatabaseHealth): Finding {
  const check = 'database.transactions';
  const hidden =
    role.hidden === 0
      ? ''
      : `; of ${role.hidden} sessions of other roles it is not seen (GRANT pg_read_all_stats TO "${role.name}" shows them)`;
  if (longest === undefined || longest.ageMs <= OPEN_MS)
    return fine(check, `none is open for more than ${OPEN_MS / 1000} s${hidden}`);
  const { pid, ageMs, program, user, state } = longest;
  const whose = pid === undefined ? `"${program}", which was prepared,` : `of "${program}" (process ${pid})`;
  return warning(check, {
    what: `a transaction ${whose} by ${user} is open for ${Math.floor(ageMs / 1000)} s, ${state}${hidden}`,
    why: 'what is removed or changed in the meantime keeps its room, and the queue becomes slower and slower',
    fix: pid === undefined ? `ROLLBACK PREPARED '${program}';` : `SELECT pg_terminate_backend(${pid});`,
  });
}

function judgeBloat({ tables, oldestNumberAge }: DatabaseHealth): Finding {
  const check = 'database.bloat';
  if (oldestNumberAge > OLD_NUMBERS)
    return problem(check, EXIT.unavailable, {
      what: `the oldest transaction number is ${Math.floor(oldestNumberAge / 1e6)} million old`,
      why: 'at 2,000 million the server takes no writes any more: something keeps autovacuum from its work',
      fix: 'end old transactions (database.transactions) and unused replication slots; then vacuumdb --freeze DATABASE',
    });
  const [worst] = tables.filter(isBloated).toSorted((a, b) => b.deadRows - a.deadRows);
  if (worst === undefined) {
    const bytes = tables.reduce((sum, table) => sum + table.bytes, 0);
    return fine(check, `the tables of the queue have ${Math.ceil(bytes / 1024 ** 2)} MiB, and few dead rows`);
  }
  return warning(check, {
    what: `table ${worst.name} has ${worst.deadRows} dead rows beside ${worst.liveRows}, and ${Math.ceil(worst.bytes / 1024 ** 2)} MiB`,
    why: 'each look at the queue passes the dead rows; autovacuum does not get on with them',
    fix: `VACUUM (VERBOSE) ${worst.name};   -- says what keeps them; see database.transactions, and that autovacuum is on`,
  });
}

const isBloated = ({ deadRows, liveRows }: HotTable): boolean => deadRows > FEW_DEAD && deadRows > liveRows;

function judgeReplication({ standbys, durability, role }: DatabaseHealth): Finding {
  const check = 'database.replication';
  const isSeen = standbys.every(({ syncState }) => syncState !== undefined);
  if (!isSeen)
    return note(
      check,
      `${standbys.length} standbys follow; GRANT pg_read_all_stats TO "${role.name}" shows how far they are`,
    );
  const isSync = standbys.some(({ syncState }) => syncState === 'sync' || syncState === 'quorum');
  if (durability.synchronousStandbys !== '' && !isSync)
    return problem(check, EXIT.unavailable, {
      what: `a commit waits for one of the standbys "${durability.synchronousStandbys}", and none of them follows`,
      why: 'no commit ends: all mail is answered 451, and nothing is posted',
      fix: "start the standby; or ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf();",
    });
  const late = standbys.find(({ lagBytes = 0 }) => lagBytes > LAG_BYTES);
  if (late !== undefined)
    return warning(check, {
      what: `the standby ${late.name} has still ${Math.ceil((late.lagBytes ?? 0) / 1024 ** 2)} MiB to apply`,
      why: 'where it takes over, what it lacks is lost; until then it may be long before it takes writes',
      fix: 'SELECT * FROM pg_stat_replication;   -- and look at the disk, and the queries, of the standby',
    });
  const named = standbys.map(
    ({ name, syncState = '', lagBytes = 0 }) => `${name} (${syncState}, ${lagBytes} bytes behind)`,
  );
  return fine(check, named.length === 0 ? 'no standby follows' : named.join(', '));
}

function judgeConnections({ connections: { used, most } }: DatabaseHealth): Finding {
  const check = 'database.connections';
  const what = `${used} of ${most} connections are in use`;
  if (used <= most * TIGHT) return fine(check, what);
  return warning(check, {
    what,
    why: 'when there are none left, mail is answered 451: each mailgwd wants those of store.connections and three more',
    fix: 'raise max_connections in postgresql.conf, or the limit of the role or the database; or put PgBouncer between (pooler=transaction in store.url)',
  });
}

function judgeRole({ role: { name, isSuperuser, missing } }: DatabaseHealth): Finding {
  const check = 'database.role';
  const [first] = missing;
  if (first !== undefined)
    return problem(check, EXIT.configuration, {
      what: `the role ${name} has no ${missing.slice(0, 5).join(', no ')}${missing.length > 5 ? ` and ${missing.length - 5} more` : ''}`,
      why: 'what needs it fails: mail is answered 451, or replies are not posted',
      fix: 'mailgw-ctl db sql   # the SQL that grants it: with --least --from VERSION where another role owns the schema',
    });
  if (isSuperuser)
    return warning(check, {
      what: `the role ${name} is a superuser`,
      why: 'who breaks into mailgw has all databases of the server, and its files',
      fix: 'mailgw-ctl db sql   # the SQL that makes a role for mailgw alone; then name it in store.url',
    });
  return fine(check, `the role ${name} has the rights that it needs, and is no superuser`);
}
