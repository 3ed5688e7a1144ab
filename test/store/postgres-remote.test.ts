// Who is let in by a PostgreSQL that is somewhere else, and whom mailgw believes to be it: certificates, passwords, peers.

import assert from 'node:assert/strict';
import { chownSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import { StoreError, type StoreErrorKind } from '../../src/store/store-error.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { type Postgres, postgresOwner, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { repositoryRoot, run } from '../support/process.ts';
import { suiteScratch } from '../support/scratch.ts';
import { Authority, type CertificateFiles } from '../support/tls.ts';

/** Who connects to what, and how. */
const HBA = `
local   peers   all                 peer
local   all     all                 trust
hostssl secret  all  127.0.0.1/32   scram-sha-256
hostssl certs   all  127.0.0.1/32   cert
hostssl all     all  127.0.0.1/32   trust
`;

const [USER, HOST] = ['postgres', 'localhost'];

describe('PostgreSQL on another host', { skip: postgresUnavailable() }, () => {
  const scratch = suiteScratch();
  let ours: Authority;
  let theirs: Authority;
  let server: Postgres;
  let plain: Postgres;
  /** The files that the server reads. */
  const served = { certFile: scratch.path('server.pem'), keyFile: scratch.path('server.key') };

  /** Puts a certificate where the server reads it. */
  function serve({ certFile, keyFile }: CertificateFiles): void {
    for (const [from, to] of [
      [certFile, served.certFile],
      [keyFile, served.keyFile],
    ] as const) {
      copyFileSync(from, to);
      const { uid, gid } = postgresOwner()!;
      chownSync(to, uid, gid);
    }
  }

  before(async () => {
    ours = await Authority.open(scratch, 'ours');
    theirs = await Authority.open(scratch, 'theirs');
    serve(await ours.issue('server', ['DNS:localhost']));
    writeFileSync(scratch.path('hba.conf'), HBA);
    server = await startPostgres(scratch, {
      settings: [
        'ssl=on',
        `ssl_cert_file=${served.certFile}`,
        `ssl_key_file=${served.keyFile}`,
        `ssl_ca_file=${ours.certFile}`,
        `hba_file=${scratch.path('hba.conf')}`,
      ],
    });
    plain = await startPostgres(scratch, {}, 'plain');
    for (const name of ['peers', 'secret', 'certs', 'open']) await server.sql(`CREATE DATABASE ${name}`);
    await server.sql("CREATE ROLE locked LOGIN PASSWORD 'opens sesame'; CREATE ROLE nobody");
    await server.sql('REVOKE ALL ON DATABASE open FROM PUBLIC');
  });

  after(() => scratch.close());

  const url = (rest: string, { user = USER, host = HOST, database = 'postgres', port = server.port } = {}) =>
    `postgresql://${user}@${host}:${port}/${database}?${rest}`;
  const believing = (rest: string) => `${rest}&sslrootcert=${ours.certFile}`;

  async function opens(to: string, password?: string): Promise<void> {
    const store = await openPostgresStore({ url: to, password, mode: 'tool' });
    await store.ping();
    await store.close();
  }

  async function refused(
    to: string,
    kind: StoreErrorKind,
    expected: RegExp,
    password?: string,
  ): Promise<void> {
    await assert.rejects(openPostgresStore({ url: to, password, mode: 'tool' }), (error) => {
      assert.ok(error instanceof StoreError, String(error));
      assert.match(error.message, expected);
      assert.equal(error.kind, kind, error.message);
      return true;
    });
  }

  it('is believed by its certificate and its name', async () => {
    await opens(url(believing('sslmode=verify-full')));
    const isEncrypted =
      "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name ~ '^mailgw'";
    const store = await openPostgresStore({ url: url(believing('sslmode=verify-full')), mode: 'tool' });
    assert.equal(await server.sql(isEncrypted), 't');
    await store.close();
  });

  it('is not believed under another name, unless its name is not asked for', async () => {
    const other = { host: '127.0.0.1' };
    await refused(
      url(believing('sslmode=verify-full'), other),
      'refused',
      /127\.0\.0\.1:\d+, database postgres: .*127\.0\.0\.1.*; the certificate of the server is for other names/,
    );
    await opens(url(believing('sslmode=verify-ca'), other));
    await opens(url('sslmode=require', other));
  });

  it('is not believed by the certificate of somebody else', async () => {
    const advice =
      /self.signed.*; sslrootcert in store\.url names the file|unable to.*; sslrootcert in store\.url names the file/;
    for (const mode of ['verify-full', 'verify-ca']) {
      await refused(url(`sslmode=${mode}&sslrootcert=${theirs.certFile}`), 'refused', advice);
      await refused(url(`sslmode=${mode}`), 'refused', advice);
    }
    await opens(url('sslmode=require'));
  });

  it('is refused where it has no TLS', async () => {
    await refused(
      url('sslmode=require', { port: plain.port }),
      'refused',
      /does not support SSL connections; set "ssl = on" there/,
    );
  });

  it('lets nobody in without TLS where pg_hba.conf says so', async () => {
    await refused(
      url('sslmode=disable'),
      'refused',
      /no pg_hba\.conf entry.*no encryption.*pg_hba\.conf, say who/,
    );
  });

  it('takes a password by SCRAM', async () => {
    const to = url(believing(''), { user: 'locked', database: 'secret' });
    await server.sql('GRANT CREATE ON SCHEMA public TO locked', 'secret');
    await opens(to, 'opens sesame');
    await refused(
      to,
      'refused',
      /password authentication failed for user "locked"; the password in store\./,
      'x',
    );
    await refused(to, 'refused', /it asks for a password: the password in store\.password_file/);
  });

  it('takes no password from the environment', async (t) => {
    process.env.PGPASSWORD = 'opens sesame';
    t.after(() => delete process.env.PGPASSWORD);
    await refused(
      url(believing(''), { user: 'locked', database: 'secret' }),
      'refused',
      /it asks for a password/,
    );
  });

  it('takes a certificate for the user that it names, of its own authority', async () => {
    const with_ = ({ certFile, keyFile }: CertificateFiles) =>
      url(believing(`sslmode=verify-full&sslcert=${certFile}&sslkey=${keyFile}`), { database: 'certs' });
    await opens(with_(await ours.issue(USER)));
    await refused(with_(await ours.issue('mallory')), 'refused', /certificate authentication failed/);
    await refused(with_(await theirs.issue(USER)), 'refused', /./);
    await refused(
      url(believing('sslmode=verify-full'), { database: 'certs' }),
      'refused',
      /connection requires a valid client certificate/,
    );
  });

  it('takes a peer on the Unix socket by its user', async () => {
    const program = `
      const { openPostgresStore } = await import(${JSON.stringify(join(repositoryRoot, 'dist/src/store/postgres/store.js'))});
      const store = await openPostgresStore({ url: ${JSON.stringify(server.url('peers'))}, mode: 'tool' });
      await store.ping({ mustWrite: true });
      await store.close();
    `;
    const node = [process.execPath, '--input-type=module', '-e', program];
    const identity = ['--reuid=postgres', '--regid=postgres', '--clear-groups'];
    const asPostgres = await run('setpriv', [...identity, ...node]);
    assert.equal(asPostgres.code, 0, asPostgres.stderr);
    await refused(server.url('peers'), 'refused', /Peer authentication failed for user "postgres"/);
  });

  it('says what is missing: the database, the role, the right to connect', async () => {
    await refused(
      url(believing(''), { database: 'gone' }),
      'refused',
      /database "gone" does not exist; "mailgw-ctl db sql" gives the SQL that makes it/,
    );
    await refused(url(believing(''), { user: 'gone' }), 'refused', /role "gone" does not exist/);
    await refused(url(believing(''), { user: 'nobody' }), 'refused', /not permitted to log in/);
    await refused(
      url(believing(''), { user: 'locked', database: 'open' }),
      'refused',
      /permission denied for database "open"; "mailgw-ctl db sql" gives/,
    );
  });

  it('cannot be reached', async () => {
    const port = await freePort();
    await refused(url('', { port }), 'unreachable', /ECONNREFUSED.*; mail waits in Postfix until it answers/);
    await refused(`postgresql://u@/d?host=${scratch.directory}`, 'unreachable', /ENOENT/);
    await refused('postgresql://u@nowhere.invalid/d', 'unreachable', /nowhere\.invalid/);
  });

  it('has no connection left', async () => {
    await server.sql('ALTER ROLE locked CONNECTION LIMIT 0');
    await refused(
      server.url('postgres', 'socket', 'locked'),
      'unreachable',
      /too many connections for role "locked"; all its connections are in use/,
    );
    await server.sql('ALTER ROLE locked CONNECTION LIMIT -1');
  });

  it('is a database of texts in UTF-8', async () => {
    await server.sql("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
    await refused(url(believing(''), { database: 'latin' }), 'refused', /is LATIN1, expected UTF8/);
  });

  it('is believed no longer when its certificate is out of date', async () => {
    serve(await ours.issue('server', ['DNS:localhost'], -1));
    await server.sql('SELECT pg_reload_conf()');
    const to = url(believing('sslmode=verify-full'));
    await eventually(
      () =>
        opens(to).then(
          () => undefined,
          () => true,
        ),
      () => 'the old certificate is still served',
    );
    await refused(to, 'refused', /certificate has expired; renew the certificate/);
    await refused(url(believing('sslmode=verify-ca')), 'refused', /certificate has expired/);
  });
});
