// The roles of a store in PostgreSQL: what `mailgw-ctl db sql` prints makes them, and they can do what mailgw does and no more.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { MIGRATIONS } from '../../src/store/postgres/migrations.ts';
import { functionsOf, roleSql, SCHEMA, tablesOf } from '../../src/store/postgres/role.ts';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import { StoreError } from '../../src/store/store-error.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { makeRole as make, openAs as open, psql } from '../support/postgres-role.ts';
import { suiteScratch } from '../support/scratch.ts';

describe('the SQL of a role that owns its database', { skip: postgresUnavailable() }, () => {
  const scratch = suiteScratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(scratch);
  });

  after(() => scratch.close());

  it('makes both, and can be run again', async () => {
    await make(server, {});
    await make(server, {});
    const roles =
      "SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = 'mailgw'";
    assert.equal(await server.sql(roles), 't|f|f|f');
  });

  it('has the daemon make the schema in it', async () => {
    const store = await open(server);
    await store.ping({ mustWrite: true });
    await store.close();
    assert.equal(await server.sql('SELECT version FROM mailgw_schema', 'mailgw'), String(SCHEMA));
    const owner = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'";
    assert.equal(await server.sql(owner, 'mailgw'), 'mailgw');
  });

  it('lets nobody else in', async () => {
    await server.sql('CREATE ROLE neighbour LOGIN');
    const { code, stderr } = await psql(server, 'SELECT 1', 'neighbour', 'mailgw');
    assert.match(stderr, /permission denied for database "mailgw"/);
    assert.notEqual(code, 0);
  });

  it('takes names as they are', async () => {
    const names = { role: `Post"amt'`, database: `mail gw's "2"` };
    await make(server, names);
    const store = await open(server, encodeURIComponent(names.database), names.role);
    await store.close();
    const others = { role: `O'Br"ien`, database: `least's "2"`, least: { from: 0 } };
    await make(server, others);
    await (await open(server, encodeURIComponent(others.database), others.role)).close();
  });

  it('sets the level that transactions expect, whatever the server has', async () => {
    await server.sql("ALTER DATABASE mailgw SET default_transaction_isolation = 'serializable'");
    const { stdout } = await psql(server, 'SHOW transaction_isolation', 'mailgw', 'mailgw');
    assert.match(stdout, /read committed/);
  });
});

describe('the SQL of a role with the least rights', { skip: postgresUnavailable() }, () => {
  const scratch = suiteScratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(scratch);
    await make(server, { least: { from: 0 } });
  });

  after(() => scratch.close());

  it('has the schema in it, which the daemon takes as it is', async () => {
    const store = await open(server);
    await store.ping({ mustWrite: true });
    await store.close();
    const owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'";
    assert.equal(await server.sql(owners, 'mailgw'), 'mailgw_owner');
    assert.equal(await server.sql("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'mailgw_owner'"), 'f');
  });

  it('is for the version of the schema that it names', async () => {
    const again = (from: number) =>
      psql(server, roleSql({ role: 'mailgw', database: 'mailgw', least: { from } }));
    const first = await again(0);
    assert.match(first.stderr, new RegExp(`the schema is of version ${SCHEMA}.*--least --from ${SCHEMA}"`));
    assert.notEqual(first.code, 0);
    const present = await again(SCHEMA);
    assert.equal(present.code, 0, present.stderr);
  });

  it('is asked for by a daemon that needs a later schema', async () => {
    const later = { sql: 'CREATE TABLE later (number bigint)', compatibleFrom: 1 };
    const url = server.url('mailgw', 'socket', 'mailgw');
    const opening = openPostgresStore({ url, mode: 'daemon', migrations: [...MIGRATIONS, later] });
    await assert.rejects(opening, (error) => {
      assert.ok(error instanceof StoreError);
      assert.equal(error.kind, 'refused');
      assert.match(error.message, new RegExp(`has schema ${SCHEMA}, this mailgw needs ${SCHEMA + 1}`));
      assert.match(error.message, new RegExp(`"mailgw-ctl db sql --least --from ${SCHEMA}"`));
      return true;
    });
  });

  it('names all tables and functions that there are', async () => {
    const tables =
      "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    assert.equal(await server.sql(tables, 'mailgw'), ['mailgw_schema', ...tablesOf()].toSorted().join(' '));
    const functions =
      "SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc WHERE pronamespace = 'public'::regnamespace";
    assert.equal(await server.sql(functions, 'mailgw'), functionsOf().toSorted().join(' '));
    const powers = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef";
    assert.equal(await server.sql(powers, 'mailgw'), '0');
  });

  for (const [statement, expected] of [
    ['CREATE TABLE mine (number bigint)', /permission denied for schema public/],
    ['CREATE TEMPORARY TABLE mine (number bigint)', /permission denied to create temporary tables/],
    ['CREATE SCHEMA mine', /permission denied for database/],
    ['CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$', /permission denied for schema/],
    ['DROP TABLE item', /must be owner of table item/],
    ['TRUNCATE item', /permission denied for table item/],
    ['ALTER TABLE item ADD COLUMN mine bigint', /must be owner of table item/],
    ['CREATE INDEX mine ON item (id)', /must be owner of table item/],
    ['UPDATE mailgw_schema SET version = 9', /permission denied for table mailgw_schema/],
    ['SELECT * FROM pg_authid', /permission denied for table pg_authid/],
    ['SET ROLE mailgw_owner', /permission denied to set role/],
    [
      "COPY item TO '/tmp/item'",
      /must be superuser or have privileges of the pg_write_server_files role|permission denied to COPY/,
    ],
    ["SELECT pg_read_file('/etc/passwd')", /permission denied for function pg_read_file/],
    ['CREATE DATABASE mine', /permission denied to create database/],
  ] as const)
    it(`has no right to ${statement}`, async () => {
      const { code, stderr } = await psql(server, statement, 'mailgw', 'mailgw');
      assert.match(stderr, expected);
      assert.notEqual(code, 0);
    });

  it('has no right to call our functions as somebody else', async () => {
    await server.sql('CREATE ROLE other LOGIN; GRANT CONNECT ON DATABASE mailgw TO other');
    const { stderr } = await psql(server, "SELECT mailgw_place('a')", 'other', 'mailgw');
    assert.match(stderr, /permission denied for (schema|function)|function .* does not exist/);
  });
});
