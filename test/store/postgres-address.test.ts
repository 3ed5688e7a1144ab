// Where a PostgreSQL is, as its URL says it.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { describe, it } from 'node:test';
import { nameOf, readAddress, type StoreAddress, tlsOf } from '../../src/store/postgres/address.ts';
import { StoreError } from '../../src/store/store-error.ts';
import { testScratch } from '../support/scratch.ts';

function address(url: string): StoreAddress {
  const read = readAddress(url);
  assert.ok(read.ok, `${url}: ${read.ok ? '' : read.problem}`);
  return read.address;
}

function problem(url: string): string {
  const read = readAddress(url);
  assert.ok(!read.ok, `${url} was read`);
  return read.problem;
}

const servers = (url: string): string[] => address(url).servers.map(nameOf);

describe('the URL of a store', () => {
  it('names user, host, port and database', () => {
    assert.deepEqual(address('postgresql://mailgw@db.example.org:5433/mail'), {
      servers: [{ host: 'db.example.org', port: 5433 }],
      user: 'mailgw',
      database: 'mail',
      sslMode: 'verify-full',
      sslRootCert: undefined,
      sslCert: undefined,
      sslKey: undefined,
      pooler: 'none',
    });
    assert.deepEqual(address('postgres://mailgw@db/mail').servers, [{ host: 'db', port: 5432 }]);
  });

  it('may leave out everything: the socket, and the user of the process', () => {
    const { servers: found, user, database, sslMode } = address('postgresql://');
    const { username } = userInfo();
    assert.deepEqual(found, [{ host: '/var/run/postgresql', port: 5432 }]);
    assert.deepEqual([user, database, sslMode], [username, username, 'disable']);
    assert.equal(address('postgresql:///mail').database, 'mail');
    assert.equal(address('postgresql://mailgw@').database, 'mailgw');
  });

  it('names the directory of a Unix socket, as a parameter or percent-encoded', () => {
    assert.deepEqual(servers('postgresql://u@/mail?host=/run/pg&port=5433'), ['/run/pg/.s.PGSQL.5433']);
    assert.deepEqual(servers('postgresql://u@%2Frun%2Fpg:5433/mail'), ['/run/pg/.s.PGSQL.5433']);
  });

  it('takes addresses of both families', () => {
    assert.deepEqual(address('postgresql://u@[2001:db8::7]:5433/db').servers, [
      { host: '2001:db8::7', port: 5433 },
    ]);
    assert.deepEqual(address('postgresql://u@[::1]/db').servers, [{ host: '::1', port: 5432 }]);
    assert.deepEqual(servers('postgresql://u@/db?host=2001:db8::7'), ['[2001:db8::7]:5432']);
    assert.deepEqual(servers('postgresql://u@192.0.2.1/db'), ['192.0.2.1:5432']);
  });

  it('names several servers, with a port each or one for all', () => {
    assert.deepEqual(servers('postgresql://u@a:5433,b,[::1]:5434/db'), ['a:5433', 'b:5432', '[::1]:5434']);
    assert.deepEqual(servers('postgresql://u@/db?host=a,b&port=5433'), ['a:5433', 'b:5433']);
    assert.deepEqual(servers('postgresql://u@/db?host=a,b&port=5433,5434'), ['a:5433', 'b:5434']);
    assert.deepEqual(servers('postgresql://u@a,b/db?port=5433,'), ['a:5433', 'b:5432']);
  });

  it('is percent-encoded where a word has signs of its own', () => {
    const found = address('postgresql://m%40il%3Agw@db/ma%2Fil?sslrootcert=/etc/a%20b+c.pem');
    assert.deepEqual([found.user, found.database], ['m@il:gw', 'ma/il']);
    assert.equal(found.sslRootCert, '/etc/a b+c.pem');
    assert.equal(address('postgresql://100%@db/x').user, '100%');
  });

  it('believes another host by its certificate, unless it says less', () => {
    const mode = (url: string) => address(url).sslMode;
    for (const host of ['db.example.org', '192.0.2.1', '[2001:db8::7]', 'localhost,db', '/run/pg,db'])
      assert.equal(mode(`postgresql://u@${host.replaceAll('/', '%2F')}/d`), 'verify-full', host);
    for (const host of ['localhost', '127.0.0.1', '[::1]', '%2Frun%2Fpg', 'localhost,[::1]'])
      assert.equal(mode(`postgresql://u@${host}/d`), 'disable', host);
    for (const each of ['disable', 'require', 'verify-ca', 'verify-full'])
      assert.equal(mode(`postgresql://u@db/d?sslmode=${each}`), each);
    for (const trust of ['sslmode=verify-full', 'sslrootcert=/ca.pem', 'sslcert=/c.pem&sslkey=/k.pem'])
      assert.equal(mode(`postgresql://u@localhost/d?${trust}`), 'verify-full', trust);
    assert.equal(mode('postgresql://u@db/d?sslmode=require&sslrootcert=/ca.pem'), 'verify-ca');
  });

  it('says what is wrong with it', () => {
    for (const [url, expected] of [
      ['mysql://u@db/d', /expected postgresql:/],
      ['mailgw.db', /expected postgresql:/],
      ['postgresql://u@db/d#x', /expected postgresql:/],
      ['postgresql://u:secret@db/d', /store\.password_file/],
      ['postgresql://u@db/d?password=secret', /"password" is not known/],
      ['postgresql://u@db/d?sslmod=require', /"sslmod" is not known; expected one of host, port, sslmode/],
      ['postgresql://u@db/d?sslmode=require&sslmode=disable', /"sslmode" is given twice/],
      ['postgresql://u@db/d?sslmode=prefer', /sslmode=prefer is none of disable, require/],
      ['postgresql://u@db/d?sslmode=', /sslmode= is none of/],
      ['postgresql://u@db/d?pooler=session', /pooler=session is none of none, transaction/],
      ['postgresql://u@db:0/d', /port 0 is none/],
      ['postgresql://u@db:65536/d', /port 65536 is none/],
      ['postgresql://u@/d?host=db:x', /db:x: expected a host/],
      ['postgresql://u@/d?port=0x15', /port 0x15 is none/],
      ['postgresql://u@/d?host=2001:db8::7:x', /2001:db8::7:x: expected a host/],
      ['postgresql://u@a,,b/d', /host number 2 is empty/],
      ['postgresql://u@a,b,c/d?port=1,2', /3 hosts and 2 ports/],
      ['postgresql://u@db/d?sslrootcert=ca.pem', /sslrootcert=ca\.pem: expected an absolute path/],
      ['postgresql://u@db/d?sslcert=/c.pem', /sslcert and sslkey go together/],
      ['postgresql://u@db/d?sslmode=disable&sslrootcert=/ca.pem', /makes no use of certificates/],
    ] as const)
      assert.match(problem(url), expected, url);
  });

  it('keeps a password out of what it says', () => {
    assert.doesNotMatch(problem('postgresql://u:secret@db/d'), /secret/);
  });
});

describe('what TLS is to verify', () => {
  const tls = (url: string) => {
    const found = address(url);
    return tlsOf(found, found.servers[0]!);
  };

  it('is nothing over a Unix socket, and where it is not used', () => {
    assert.equal(tls('postgresql://u@/d?host=/run/pg&sslmode=verify-full'), false);
    assert.equal(tls('postgresql://u@db/d?sslmode=disable'), false);
  });

  it('is a file that can be read, or a store that cannot be opened', (t) => {
    const scratch = testScratch(t);
    const file = scratch.path('no.pem');
    writeFileSync(file, 'nothing');
    const refusal = (expected: RegExp) => (error: unknown) =>
      error instanceof StoreError && error.kind === 'refused' && expected.test(error.message);
    assert.throws(
      () => tls('postgresql://u@db/d?sslrootcert=/nowhere/ca.pem'),
      refusal(/sslrootcert: \/nowhere\/ca\.pem cannot be read: ENOENT/),
    );
    assert.throws(() => tls(`postgresql://u@db/d?sslrootcert=${file}`), refusal(/is no PEM file/));
  });
});
