// Where the store is: what settings, and the files that they name, are refused for; and that no problem tells a password.

import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { storeFileProblems, storeKey, storePlace } from '../../src/site/store-place.ts';
import { configOf, LEAST, problemsOf } from '../config/least.ts';
import { testScratch } from '../support/scratch.ts';

/** The least configuration with these lines in [store]. */
const withStore = (...lines: string[]): string => `${LEAST}[store]\n${lines.join('\n')}\n`;

describe('where the store is', () => {
  it('is the path, or the database of the URL, which is named without its user', () => {
    const [file, database] = [
      configOf(LEAST),
      configOf(withStore('url = "postgresql://mailgw@db1.example.org,db2.example.org:5433/mail"')),
    ];
    assert.deepEqual([storeKey(file), storePlace(file)], ['store.path', '/var/lib/mailgw/mailgw.db']);
    assert.deepEqual(
      [storeKey(database), storePlace(database)],
      ['store.url', 'db1.example.org:5432, db2.example.org:5433, database mail'],
    );
    assert.equal(database.store.connections, 6);
  });

  it('is refused where the URL means nothing', () => {
    const problem = (url: string): string => problemsOf(withStore(`url = "${url}"`)).join();
    assert.equal(problem('mysql://db/mail'), 'store.url: expected postgresql://USER@HOST:PORT/DATABASE');
    assert.match(problem('postgresql://db/mail?sslmode=prefer'), /^store\.url: sslmode=prefer is none of /);
    assert.match(
      problem('postgresql://db/mail?sslmod=require'),
      /^store\.url: parameter "sslmod" is not known; /,
    );
    assert.match(problem('postgresql://db:99999/mail'), /^store\.url: port 99999 is none of 1 to 65535$/);
  });

  it('is refused with a password in the URL, which is not repeated', () => {
    for (const url of [
      'postgresql://mailgw:hunter2@db/mail',
      'postgresql://mailgw:hun/ter2@db/mail',
      'postgresql://mailgw:hun@ter2@db/mail',
      'postgresql://mailgw@db/mail?password=hunter2',
      'mysql://mailgw:hunter2@db/mail',
    ]) {
      const problem = problemsOf(withStore(`url = "${url}"`)).join();
      assert.match(problem, /^store\.url: /, url);
      assert.doesNotMatch(problem, /hun|ter2/, url);
    }
  });

  it('has a password and a name of the host only with a URL', () => {
    for (const line of ['password_file = "/etc/mailgw/store.password"', 'host = "mx1"'])
      assert.match(problemsOf(withStore(line)).join(), /^store\.\w+: has no effect without store\.url; /);
    assert.match(
      problemsOf(withStore('url = "postgresql:///mail"', 'host = "mx 1"')).join(),
      /^store\.host: "mx 1" is not a name /,
    );
    for (const connections of [1, 101])
      assert.match(
        problemsOf(withStore(`connections = ${connections}`)).join(),
        /^store\.connections: .* from 2 to 100$/,
      );
  });
});

describe('the files of a store on a server', () => {
  it('are a password on one line, which is not open to group or world', (t) => {
    const file = testScratch(t).path('password');
    const problem = (): string =>
      storeFileProblems(
        configOf(withStore('url = "postgresql:///mail"', `password_file = "${file}"`)),
      ).join();
    assert.match(problem(), /^store\.password_file: \S+password: cannot be read: /);
    writeFileSync(file, 'hunter2\n', { mode: 0o600 });
    assert.equal(problem(), '');
    chmodSync(file, 0o640);
    assert.match(problem(), /^store\.password_file: \S+: mode 0640 lets group or world in; /);
    chmodSync(file, 0o600);
    writeFileSync(file, 'hunter2\nhunter3\n');
    assert.match(problem(), /^store\.password_file: \S+: has several lines; /);
  });

  it('are certificates that can be read, and a key that nobody else can', (t) => {
    const scratch = testScratch(t);
    const [root, key] = [scratch.path('root.pem'), scratch.path('key.pem')];
    const url = `postgresql://mailgw@db/mail?sslrootcert=${root}&sslcert=${root}&sslkey=${key}`;
    const problems = (): readonly string[] => storeFileProblems(configOf(withStore(`url = "${url}"`)));
    assert.deepEqual(
      problems().map((problem) => problem.replace(/ \/\S+/, '').replace(/ENOENT.*/, 'ENOENT')),
      ['sslrootcert', 'sslcert', 'sslkey'].map((name) => `store.url: ${name}: cannot be read: ENOENT`),
    );
    writeFileSync(root, 'certificate');
    writeFileSync(key, 'key', { mode: 0o600 });
    assert.deepEqual(problems(), []);
    chmodSync(key, 0o644);
    assert.match(problems().join(), /^store\.url: sslkey: \S+: mode 0644 lets others read it; /);
  });
});
