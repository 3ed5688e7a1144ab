// Roles of a PostgreSQL, made as an administrator makes them.

import assert from 'node:assert/strict';
import { type RoleOptions, roleSql } from '../../src/store/postgres/role.ts';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import type { Store } from '../../src/store/store.ts';
import type { Postgres } from './postgres.ts';
import { type RunResult, run } from './process.ts';

/** Runs SQL by psql, as an administrator does. */
export async function psql(
  server: Postgres,
  text: string,
  user = 'postgres',
  database = 'postgres',
): Promise<RunResult> {
  const place = ['-h', server.directory, '-p', String(server.port), '-U', user, '-d', database];
  return await run('psql', [...place, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', '-'], text);
}

/** Makes a role by what `mailgw-ctl db sql` prints. */
export async function makeRole(server: Postgres, options: Partial<RoleOptions>): Promise<void> {
  const sql = roleSql({ role: 'mailgw', database: 'mailgw', least: undefined, ...options });
  const { code, stdout, stderr } = await psql(server, sql);
  assert.deepEqual([code, stdout], [0, ''], stderr);
}

/** Opens the store as a daemon with a role. */
export const openAs = (
  server: Postgres,
  database = 'mailgw',
  user = 'mailgw',
  options: { readonly keepContent?: boolean } = {},
): Promise<Store> =>
  openPostgresStore({
    ...options,
    url: server.url(database, 'socket', encodeURIComponent(user)),
    mode: 'daemon',
    host: 'one',
  });
