// `mailgw-ctl db restored`: a database that was put back from a dump puts off what is newer, and gives no number again.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { roleSql } from '../../src/store/postgres/role.ts';
import { LmtpWire } from '../fault/lmtp-wire.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { NO_SINK } from '../support/intake.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { run } from '../support/process.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';
import { initialise } from './tool.ts';

/** The answer to a recipient. */
async function answer({ socket }: Daemon, address: string): Promise<string> {
  const wire = await LmtpWire.connect(socket);
  const begun = await wire?.begin([address]);
  wire?.close();
  return begun?.recipients[0] ?? 'no answer';
}

describe('mailgw-ctl db restored', { skip: postgresUnavailable() }, () => {
  const suite = suiteScratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(suite);
    // The role with the least rights can do it.
    const sql = roleSql({ role: 'mailgw', database: 'mailgw', least: { from: 0 } });
    const words = [
      '-h',
      server.directory,
      '-p',
      String(server.port),
      '-U',
      'postgres',
      '-X',
      '-q',
      '-f',
      '-',
    ];
    assert.deepEqual(await run('psql', words, sql), { code: 0, stdout: '', stderr: '' });
  });
  after(() => suite.close());

  it('has newer addresses put off, and gives higher numbers', async (t) => {
    const scratch = testScratch(t);
    const url = server.url('mailgw', 'socket', 'mailgw');
    const daemon = await startDaemon(scratch, { sink: NO_SINK, settings: { store: { url, host: 'one' } } });
    await daemon.addUser('alice');
    const known = (await daemon.mint({ user: 'alice', thread: 'a/1' })).reply_to;
    const place = ['-h', server.directory, '-p', String(server.port), '-U', 'postgres'];
    const dump = `${server.directory}/dump`;
    const backedUpAt = new Date().toISOString();
    await server.program('pg_dump', ...place, '--format=custom', `--file=${dump}`, 'mailgw');
    const newThread = (await daemon.mint({ user: 'alice', thread: 'a/2' })).reply_to;
    await daemon.addUser('bob');
    const newUser = (await daemon.mint({ user: 'bob', thread: 'a/1' })).reply_to;
    for (const address of [known, newThread, newUser]) assert.match(await answer(daemon, address), /^250/);

    await daemon.stop();
    await server.program('pg_restore', ...place, '--clean', '--if-exists', '--dbname=mailgw', dump);
    const [row] = await daemon.ctl('db', 'restored', '--backed-up-at', backedUpAt);
    const { user_number, user_up_to, thread_number, thread_up_to, backed_up_at } = row ?? {};
    assert.deepEqual([user_number, user_up_to, thread_number, thread_up_to], [1, 1001, 1, 1001]);
    assert.equal(backed_up_at, backedUpAt);
    await daemon.start();
    assert.match(await answer(daemon, known), /^250/);
    for (const address of [newThread, newUser]) assert.match(await answer(daemon, address), /^451 4\.3\.0 /);
    await daemon.addUser('carol');
    const [carol] = await daemon.ctl('user', 'show', 'carol');
    assert.equal(carol?.number, 1002);

    const again = await daemon.tryCtl('db', 'restored', '--backed-up-at', backedUpAt);
    assert.match(again.stdout, /"user_up_to":1001/, 'one dump is marked once');
    assert.equal(await server.sql('SELECT count(*) FROM restore', 'mailgw'), '1');
    assert.equal((await daemon.ctl('db', 'check'))[0]?.ok, true);
  });

  it('refuses a time that is none or still to come, and a store that is a file', async (t) => {
    const tool = await initialise(testScratch(t));
    await tool.fails(
      64,
      /"mailgw-ctl db restore" marks what it puts back/,
      'db',
      'restored',
      '--backed-up-at',
      '1d',
    );
    await tool.fails(
      65,
      /--backed-up-at "soon": is not a time such as/,
      'db',
      'restored',
      '--backed-up-at',
      'soon',
    );
    await tool.fails(65, /is still to come/, 'db', 'restored', '--backed-up-at', '2099-01-01');
  });
});
