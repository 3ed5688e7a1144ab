/**
 * The schema of a store in PostgreSQL: made and brought up to date by whoever comes first.
 *
 * Contract: one at a time, by a lock that lives as long as the transaction. A daemon that knows less than the schema works
 * on as long as the schema says that it may.
 * Failure: {@link StoreError}: a schema that is too new, and one that this role may not change.
 */
import { StoreError } from '../store-error.ts';
import type { Database, Statements } from './database.ts';
import { codeOf } from './explain.ts';
import { MIGRATIONS, type Migration } from './migrations.ts';

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

/** Makes the schema, or brings it up to date. */
export async function ensureSchema(
  database: Database,
  place: string,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  const found = await readVersion(database.reads);
  requireKnown(found, migrations.length, place);
  if (found.version >= migrations.length) return;
  try {
    await database.transact({ lock: 'none', isDurable: true }, (statements) =>
      migrate(statements, migrations, place),
    );
  } catch (error) {
    if (codeOf(error) !== '42501') throw error;
    throw new StoreError(
      'refused',
      `${place}: ${found.version === 0 ? 'has no schema yet' : `has schema ${found.version}`}, this mailgw needs ${migrations.length}, and its role may not make it; have an administrator run what "mailgw-ctl db sql --least${found.version === 0 ? '' : ` --from ${found.version}`}" prints`,
    );
  }
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
  let compatibleFrom = found.compatibleFrom;
  for (const migration of migrations.slice(found.version)) {
    await statements.run(migration.sql);
    ({ compatibleFrom } = migration);
  }
  await statements.run('DELETE FROM mailgw_schema');
  await statements.run('INSERT INTO mailgw_schema (version, compatible_from) VALUES ($1, $2)', [
    migrations.length,
    compatibleFrom,
  ]);
}
