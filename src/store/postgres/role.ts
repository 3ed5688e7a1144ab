/**
 * The SQL by which an administrator makes room for mailgw in a server: its role, its database and its rights.
 *
 * Contract: for psql, as a superuser; it can be run again. There are two ways. The daemon's role owns the database, and
 * the daemon makes the schema and brings it up to date; or ("least") another role owns all, the SQL holds the schema as
 * well, and the daemon's may read and change the rows of our tables and call our functions, and nothing else.
 * Limits: there is no password in it, since it would stand in logs and histories.
 */
import { MIGRATIONS, type Migration } from './migrations.ts';
import { MIGRATION_LOCK } from './schema.ts';

/** The names and the way. */
export interface RoleOptions {
  readonly role: string;
  readonly database: string;
  /** The role has the least rights; the schema is brought up to date from this version. */
  readonly least: { readonly from: number } | undefined;
}

/** Gives the name of the role that owns the schema where the daemon's has the least rights. */
export const ownerOf = (role: string): string => `${role}_owner`;

/** The version of the schema that is made. */
export const SCHEMA = MIGRATIONS.length;

/** Gives the SQL. */
export function roleSql({ role, database, least }: RoleOptions): string {
  const names = { role: name(role), owner: name(ownerOf(role)), database: name(database) };
  const parts =
    least === undefined
      ? [HEAD, roles(role), owned(names, role, database)]
      : [HEAD, roles(role), granted(names, role, database), schemaSql(names, least.from)];
  return parts.join('\n');
}

/** The names as SQL has them. */
interface Names {
  readonly role: string;
  readonly owner: string;
  readonly database: string;
}

const name = (text: string): string => `"${text.replaceAll('"', '""')}"`;
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const HEAD = `-- For psql as a superuser, once: mailgw-ctl db sql … | sudo -u postgres psql
\\set ON_ERROR_STOP on
`;

/** Makes something unless it is there: psql carries out what the query gives. */
const unless = (there: string, make: string): string =>
  `SELECT ${literal(make)} WHERE NOT EXISTS (${there}) \\gexec\n`;

const roleUnless = (role: string, rights: string): string =>
  unless(`SELECT FROM pg_roles WHERE rolname = ${literal(role)}`, `CREATE ROLE ${name(role)} ${rights}`);

function roles(role: string): string {
  return `-- The role of the daemon. It has no password: over the Unix socket "peer" in pg_hba.conf lets in the user of the same
-- name. From another host set one, and write it into the file of store.password_file as well:
--   \\password ${role}
${roleUnless(role, 'LOGIN')}`;
}

/** All connections of the role speak as mailgw expects, whatever postgresql.conf says; its short statements are not compiled. */
const settings = ({ role, database }: Names): string =>
  `ALTER ROLE ${role} IN DATABASE ${database} SET default_transaction_isolation = 'read committed';
ALTER ROLE ${role} IN DATABASE ${database} SET jit = off;\n`;

/** A comment for who wants to see more than one's own. */
const statistics = ({
  role,
}: Names): string => `-- So that "mailgw-ctl doctor" and the metrics see standbys, and transactions of others that hold up the clean-up:
--   GRANT pg_read_all_stats TO ${role};
`;

function databaseUnless(database: string, owner: string): string {
  // With the rules of C no update of the operating system changes the order of texts.
  const make = `CREATE DATABASE ${name(database)} OWNER ${name(owner)} ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0`;
  return unless(`SELECT FROM pg_database WHERE datname = ${literal(database)}`, make);
}

function owned(names: Names, role: string, database: string): string {
  return `-- The database is its own: the daemon makes the schema in it, and brings it up to date.
${databaseUnless(database, role)}REVOKE ALL ON DATABASE ${names.database} FROM PUBLIC;
${settings(names)}${statistics(names)}
\\connect ${names.database}
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO ${names.role};
`;
}

function granted(names: Names, role: string, database: string): string {
  return `-- The role that owns the schema; nobody logs in as it.
${roleUnless(ownerOf(role), 'NOLOGIN')}
${databaseUnless(database, ownerOf(role))}REVOKE ALL ON DATABASE ${names.database} FROM PUBLIC;
GRANT CONNECT ON DATABASE ${names.database} TO ${names.role};
${settings(names)}${statistics(names)}
\\connect ${names.database}
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO ${names.owner};
GRANT USAGE ON SCHEMA public TO ${names.role};
`;
}

/** The schema from a version on, and the rights in it. */
function schemaSql(names: Names, from: number): string {
  return `BEGIN;
SET LOCAL ROLE ${names.owner};
SELECT pg_advisory_xact_lock(${MIGRATION_LOCK}) \\g /dev/null
${requireVersion(from)}
${MIGRATIONS.slice(from)
  .map(({ sql }, at) => `-- Schema ${from + at + 1}.\n${sql}`)
  .join('\n')}
${versionSql()}
${grants(names)}
COMMIT;
`;
}

/** Fails unless the schema is of the version that was named. */
function requireVersion(from: number): string {
  return `DO $version$
DECLARE
  found integer := 0;
BEGIN
  IF to_regclass('mailgw_schema') IS NOT NULL THEN
    SELECT version INTO found FROM mailgw_schema;
  END IF;
  IF found <> ${from} THEN
    RAISE EXCEPTION 'the schema is of version %, and this is for version ${from}: run "mailgw-ctl db sql --least --from %"', found, found;
  END IF;
END $version$;
`;
}

function versionSql(): string {
  const { compatibleFrom } = MIGRATIONS.at(-1) ?? { compatibleFrom: 0 };
  return `CREATE TABLE IF NOT EXISTS mailgw_schema (version integer NOT NULL, compatible_from integer NOT NULL);
DELETE FROM mailgw_schema;
INSERT INTO mailgw_schema (version, compatible_from) VALUES (${SCHEMA}, ${compatibleFrom});
`;
}

/** Grants what the daemon does, and nothing else; it reads the version of the schema and cannot change it. */
function grants({ role }: Names): string {
  const functions = functionsOf(MIGRATIONS).join(', ');
  return `GRANT SELECT ON mailgw_schema TO ${role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ${tablesOf(MIGRATIONS).join(', ')} TO ${role};
GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA public TO ${role};
REVOKE EXECUTE ON FUNCTION ${functions} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ${functions} TO ${role};
`;
}

/** Gives the tables that some steps make, in order. */
export function tablesOf(migrations: readonly Migration[] = MIGRATIONS): string[] {
  return namesIn(migrations, /^CREATE TABLE (\w+)/gm, /^DROP TABLE (\w+)/gm);
}

/** Gives the functions that some steps make, in order; no two have one name. */
export function functionsOf(migrations: readonly Migration[] = MIGRATIONS): string[] {
  return namesIn(migrations, /^CREATE (?:OR REPLACE )?FUNCTION (\w+)/gm, /^DROP FUNCTION (\w+)/gm);
}

function namesIn(migrations: readonly Migration[], made: RegExp, dropped: RegExp): string[] {
  const found = new Set<string>();
  for (const { sql } of migrations) {
    for (const [, each = ''] of sql.matchAll(dropped)) found.delete(each);
    for (const [, each = ''] of sql.matchAll(made)) found.add(each);
  }
  return [...found];
}
