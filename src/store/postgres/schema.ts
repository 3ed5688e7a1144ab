/**
 * The schema of a store in PostgreSQL: made and brought up to date by whoever comes first.
 *
 * Contract: one at a time, by a lock that lives as long as the transaction. A daemon that knows less than the schema works
 * on as long as the schema says that it may; a step after which some daemon at work could not is not taken.
 * Failure: {@link StoreError}: a schema that is too new, one that this role may not change, and one whose daemons know too little.
 */
import { StoreError } from '../store-error.ts';
import type { Statements } from './database.ts';
import { codeOf } from './explain.ts';
import { liveHosts } from './live-hosts.ts';
import { MIGRATIONS, type Migration } from './migrations.ts';
import { inTransaction, type LineOptions, withLine } from './single-line.ts';

/** The key of the migrations' lock: "mailgw m". */
export const MIGRATION_LOCK = '7881696737188323437';

/** The state of a schema; both 0 where there is none. */
export interface SchemaVersion {
  readonly version: number;
  readonly compatibleFrom: number;
}

/** Reads the state of the schema. */
export async function readVersion(statements: Statements): Promise<SchemaVersion> {
  const table = await statements.first<{ name: string | null }>(
    "SELECT to_regclass('mailgw_schema')::text AS name",
  );
  if (table?.name == null) return { version: 0, compatibleFrom: 0 };
  const row = await statements.first<{ version: number; compatible_from: number }>(
    'SELECT version, compatible_from FROM mailgw_schema',
  );
  return { version: row?.version ?? 0, compatibleFrom: row?.compatible_from ?? 0 };
}

/** The place of a schema, and the way to it. */
export interface SchemaOptions extends LineOptions {
  readonly place: string;
  readonly migrations?: readonly Migration[] | undefined;
}

/** Makes the schema, or brings it up to date: on a connection of its own, since it may take long. */
export async function ensureSchema(statements: Statements, options: SchemaOptions): Promise<void> {
  const { place, migrations = MIGRATIONS } = options;
  const found = await readVersion(statements);
  requireKnown(found, migrations.length, place);
  if (found.version >= migrations.length) return;
  try {
    await withLine(options, (line) =>
      inTransaction(line, 'READ COMMITTED', (own) => migrate(own, migrations, place)),
    );
  } catch (error) {
    if (codeOf(error) !== '42501') throw error;
    throw new StoreError(
      'refused',
      `${place}: ${found.version === 0 ? 'has no schema yet' : `has schema ${found.version}`}, this mailgw needs ${migrations.length}, and its role may not make it; have an administrator run what "mailgw-ctl db sql --least${found.version === 0 ? '' : ` --from ${found.version}`}" prints`,
    );
  }
}

/** Throws unless a daemon that knows the schema of version `known` may work with the one that is there. */
export async function requireCompatible(statements: Statements, known: number, place: string): Promise<void> {
  requireKnown(await readVersion(statements), known, place);
}

function requireKnown({ version, compatibleFrom }: SchemaVersion, known: number, place: string): void {
  if (compatibleFrom <= known) return;
  throw new StoreError(
    'newer-schema',
    `${place}: has schema ${version}, which works with mailgw of schema ${compatibleFrom} and later; this one knows ${known}: run the newer mailgw`,
  );
}

async function migrate(
  statements: Statements,
  migrations: readonly Migration[],
  place: string,
): Promise<void> {
  await statements.run(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
  // Another daemon may have done it while this one waited.
  const found = await readVersion(statements);
  requireKnown(found, migrations.length, place);
  if (found.version >= migrations.length) return;
  await statements.run(
    'CREATE TABLE IF NOT EXISTS mailgw_schema (version integer NOT NULL, compatible_from integer NOT NULL)',
  );
  const { compatibleFrom } = migrations.at(-1) ?? found;
  if (found.version > 0 && compatibleFrom > found.compatibleFrom)
    await requireUpgraded(statements, compatibleFrom, place);
  for (const { sql } of migrations.slice(found.version)) await statements.run(sql);
  await statements.run('DELETE FROM mailgw_schema');
  await statements.run('INSERT INTO mailgw_schema (version, compatible_from) VALUES ($1, $2)', [
    migrations.length,
    compatibleFrom,
  ]);
}

/** Throws while a daemon is at work that could not go on after the step; none enters before the end of the transaction. */
async function requireUpgraded(statements: Statements, compatibleFrom: number, place: string): Promise<void> {
  const late = (await liveHosts(statements)).filter(({ schemaVersion }) => schemaVersion < compatibleFrom);
  if (late.length === 0) return;
  const names = late.map(({ name, version }) => `${name} (mailgw ${version})`).join(', ');
  throw new StoreError(
    'locked',
    `${place}: this mailgw changes the schema so that ${late.length === 1 ? `host ${names} cannot` : `hosts ${names} cannot`} go on with it; upgrade ${late.length === 1 ? 'that host' : 'those hosts'} to a version that can, or stop mailgwd there, and start this one again`,
  );
}
