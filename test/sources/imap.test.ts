// A mailbox on a real Dovecot: what comes is taken once, and marked after that.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { ImapConfig } from '../../src/sources/imap/settings.ts';
import { message } from '../gate/gate.ts';
import { type Dovecot, dovecotUnavailable, startDovecot } from '../support/dovecot.ts';
import { newMessageId } from '../support/message.ts';
import { suiteScratch } from '../support/scratch.ts';
import { type ImapBench, imapBench, mailboxOf, settled, standing, taken } from './imap.ts';

describe('a mailbox', { skip: dovecotUnavailable() }, () => {
  const scratch = suiteScratch();
  let dovecot: Dovecot;
  let folders = 0;

  before(async () => {
    dovecot = await startDovecot(scratch);
    writeFileSync(scratch.path('password'), `${dovecot.password}\n`, { mode: 0o600 });
  });
  after(() => scratch.close());

  /** A bench on a new folder. */
  async function fresh(
    t: TestContext,
    change: Partial<ImapConfig> = {},
  ): Promise<ImapBench & { folder: string }> {
    folders += 1;
    const folder = `box${folders}`;
    const client = await dovecot.connect();
    await client.ask(`CREATE ${folder}`);
    client.end();
    const bench = await imapBench(t, [mailboxOf(dovecot, scratch.path('password'), { folder, ...change })]);
    return { ...bench, folder };
  }

  it('is read from the first message on, and what is ours is marked as read, the rest not', async (t) => {
    const bench = await fresh(t);
    const { folder } = bench;
    const to = await bench.test.sealed();
    const client = await dovecot.connect();
    const ids = [newMessageId(), newMessageId()];
    for (const id of ids) await client.append(message([`To: ${to}`, `Message-ID: <${id}>`]), folder);
    await client.append(message(['To: someone@example.com']), folder);
    const source = bench.open();
    assert.deepEqual(await taken(bench, 2), [...ids].sort());
    await standing(source, 'serving');
    await settled(bench);
    const flags = (await client.list(folder)).map((filed) => filed.flags);
    assert.deepEqual(flags, [['\\Seen'], ['\\Seen'], []]);
    client.end();
  });

  it('hears of a message that comes while it listens', async (t) => {
    const bench = await fresh(t, { since: 'now' });
    const source = bench.open();
    await standing(source, 'serving');
    const client = await dovecot.connect();
    const id = newMessageId();
    await client.append(message([`To: ${await bench.test.sealed()}`, `Message-ID: <${id}>`]), bench.folder);
    assert.deepEqual(await taken(bench, 1), [id]);
    client.end();
  });
});
