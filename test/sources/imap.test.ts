// A mailbox on a real Dovecot: what comes is taken once, and marked after that.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { ImapConfig } from '../../src/sources/imap/settings.ts';
import { UNKNOWN_PATH } from '../../src/sources/reverse-path.ts';
import { message } from '../gate/gate.ts';
import { type Dovecot, dovecotUnavailable, startDovecot } from '../support/dovecot.ts';
import { newMessageId } from '../support/message.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';
import { type ImapBench, imapBench, mailboxOf, ownMark, settled, standing, taken } from './imap.ts';

/** By whom a message was taken in. */
const RECEIVED = 'Received: from client.example.com by mx.example.org; Thu, 26 Nov 2026 12:00:00 +0000';

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
    settings = '',
  ): Promise<ImapBench & { readonly folder: string }> {
    folders += 1;
    const folder = `box${folders}`;
    const client = await dovecot.connect();
    await client.ask(`CREATE ${folder}`);
    client.end();
    const mailbox = mailboxOf(dovecot, scratch.path('password'), { folder, ...change });
    const bench = await imapBench(t, [mailbox], {}, settings);
    return { ...bench, folder };
  }

  it('is read from the first message on, and what is ours is marked as read, the rest not', async (t) => {
    const { folder, ...bench } = await fresh(t);
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
    const own = ['\\Seen', await ownMark(bench)];
    assert.deepEqual(flags, [own, own, []]);
    client.end();
  });

  it('hears of a message that comes while it listens, and leaves what was there before', async (t) => {
    const bench = await fresh(t, { since: 'now' });
    const to = await bench.test.sealed();
    const client = await dovecot.connect();
    await client.append(message([`To: ${to}`]), bench.folder);
    const source = bench.open();
    await standing(source, 'serving');
    const id = newMessageId();
    await client.append(message([`To: ${to}`, `Message-ID: <${id}>`]), bench.folder);
    assert.deepEqual(await taken(bench, 1), [id]);
    client.end();
  });

  it('takes what came while nobody read it, and nothing twice', async (t) => {
    const bench = await fresh(t, { after: 'nothing' });
    const to = await bench.test.sealed();
    const client = await dovecot.connect();
    const ids: string[] = [];
    for (let turn = 0; turn < 3; turn++) {
      const id = newMessageId();
      ids.push(id);
      const uid = await client.append(message([`To: ${to}`, `Message-ID: <${id}>`]), bench.folder);
      const source = bench.open();
      await taken(bench, ids.length);
      await source.stop(5000);
      assert.equal((await bench.test.store.mailbox('replies'))?.highWater, uid);
    }
    assert.equal(bench.verdicts.length, 3, 'each was looked at once');
    client.end();
  });

  it('walks the whole folder again when its UIDs are others, and posts nothing twice', async (t) => {
    const bench = await fresh(t, { folder: 'INBOX' });
    const to = await bench.test.sealed();
    const first = await dovecot.connect();
    const ids = [newMessageId(), newMessageId()];
    await first.append(message([`To: ${to}`, `Message-ID: <${ids[0]}>`]), 'INBOX');
    await first.append(message(['To: someone@example.com']), 'INBOX');
    first.end();
    const source = bench.open();
    await taken(bench, 1);
    await settled(bench);
    await source.stop(5000);
    await dovecot.renumber();
    const second = await dovecot.connect();
    await second.append(message([`To: ${to}`, `Message-ID: <${ids[1]}>`]), 'INBOX');
    const again = bench.open();
    assert.deepEqual(await taken(bench, 2), [...ids].sort());
    await standing(again, 'serving');
    const events = bench.events.map(({ event }) => event);
    assert.ok(events.includes('mailbox_renumbered') && events.includes('mailbox_walked'), events.join());
    assert.equal((await bench.test.store.mailbox('replies'))?.isWalking, false);
    assert.equal(bench.verdicts.filter((verdict) => verdict === 'accepted duplicate').length, 1);
    assert.deepEqual(
      bench.meter.samples('mailgw_mailbox_walks_total').map(({ value }) => value),
      [1],
    );
    second.end();
  });

  it('refuses what is too large by its header alone, and goes on', async (t) => {
    const bench = await fresh(t, {}, '[lmtp]\nmax_message = "64KiB"\n');
    const to = await bench.test.sealed();
    const client = await dovecot.connect();
    const id = newMessageId();
    await client.append(message([`To: ${to}`], 'x'.repeat(200_000)), bench.folder);
    await client.append(message([`To: ${to}`, `Message-ID: <${id}>`]), bench.folder);
    const source = bench.open();
    assert.deepEqual(await taken(bench, 1), [id]);
    await standing(source, 'serving');
    assert.deepEqual([...bench.verdicts].sort(), ['accepted queued', 'rejected too-big']);
    await settled(bench);
    const own = ['\\Seen', await ownMark(bench)];
    const flags = (await client.list(bench.folder)).map((filed) => filed.flags);
    assert.deepEqual(flags, [own, own]);
    client.end();
  });

  it('takes a bounce for one by its Return-Path, and a message without that field for none', async (t) => {
    const bench = await fresh(t);
    const to = await bench.test.sealed();
    const client = await dovecot.connect();
    const [own, without] = [newMessageId(), newMessageId()];
    const paths = ['Return-Path: <bob@example.com>', undefined, 'Return-Path: <>'];
    for (const [at, id] of [own, without, newMessageId()].entries()) {
      const path = paths[at];
      const lines = [...(path === undefined ? [] : [path]), RECEIVED, `To: ${to}`, `Message-ID: <${id}>`];
      await client.append(message(lines), bench.folder);
    }
    const source = bench.open();
    await taken(bench, 2);
    await standing(source, 'serving');
    await settled(bench);
    const items = await bench.test.store.list({});
    const found = new Map(items.map(({ messageId, reversePath }) => [messageId, reversePath]));
    assert.deepEqual(
      found,
      new Map([
        [own, 'bob@example.com'],
        [without, UNKNOWN_PATH],
      ]),
    );
    assert.ok(bench.verdicts.includes('discarded bounce'), bench.verdicts.join());
    client.end();
  });

  describe('once a message is settled', () => {
    /** What is in a folder, and in the other one, after one message of ours was taken beside one of somebody's. */
    async function afterwards(
      t: TestContext,
      server: Dovecot,
      after: string,
    ): Promise<{ readonly here: string[][]; readonly there: string[][]; readonly bench: ImapBench }> {
      const bench = await fresh(t, { after, port: server.port });
      const client = await server.connect();
      if (server !== dovecot) await client.ask(`CREATE ${bench.folder}`);
      await client.ask(`CREATE ${bench.folder}.done`).catch(() => undefined);
      const to = await bench.test.sealed();
      await client.append(message([`To: ${to}`]), bench.folder);
      await client.append(message(['To: someone@example.com']), bench.folder);
      await client.ask(`SELECT ${bench.folder}`);
      await client.ask('UID STORE 2 +FLAGS (\\Deleted)');
      await client.ask('UNSELECT');
      const source = bench.open();
      await taken(bench, 1);
      await standing(source, 'serving');
      await settled(bench);
      const [here, there] = [await client.list(bench.folder), await client.list(`${bench.folder}.done`)];
      client.end();
      const flags = (filed: typeof here): string[][] => filed.map((each) => [...each.flags].sort());
      return { here: flags(here), there: flags(there), bench };
    }

    it('is marked with the keyword, moved, deleted or left alone, and what others marked stays', async (t) => {
      const others = ['\\Deleted'];
      const keyword = await afterwards(t, dovecot, 'keyword');
      assert.deepEqual(keyword.here, [['$Mailgw', await ownMark(keyword.bench)], others]);
      const moved = await afterwards(t, dovecot, `move:box${folders + 1}.done`);
      assert.deepEqual([moved.here, moved.there], [[others], [[await ownMark(moved.bench)]]]);
      assert.deepEqual((await afterwards(t, dovecot, 'delete')).here, [others]);
      assert.deepEqual((await afterwards(t, dovecot, 'nothing')).here, [[], others]);
    });

    it('is copied and marked where the server has neither MOVE nor UIDPLUS, and nothing is expunged', async (t) => {
      const poor = await startDovecot(testScratch(t), { capabilities: 'IMAP4rev1 IDLE' });
      const others = ['\\Deleted'];
      const moved = await afterwards(t, poor, `move:box${folders + 1}.done`);
      const own = await ownMark(moved.bench);
      assert.deepEqual([moved.here, moved.there], [[[own, '\\Deleted'], others], [[own]]]);
      const deleted = await afterwards(t, poor, 'delete');
      assert.deepEqual(deleted.here, [[await ownMark(deleted.bench), '\\Deleted'], others]);
      const said = deleted.bench.events.filter(({ event }) => event === 'mailbox_mark_failed');
      assert.deepEqual(
        said.map(({ fields }) => String(fields.reason)),
        ['the server has no UIDPLUS; messages are marked as deleted and stay'],
      );
    });

    it('is tried again where the other folder is missing, and is posted once', async (t) => {
      const bench = await fresh(t, { after: 'move:nowhere' });
      const client = await dovecot.connect();
      await client.append(message([`To: ${await bench.test.sealed()}`]), bench.folder);
      const source = bench.open();
      await taken(bench, 1);
      await standing(source, 'serving');
      const [row] = await bench.test.store.openMessages('replies');
      assert.equal(row?.state, 'courtesy');
      assert.match(row.reason, /UID MOVE to "nowhere": .*nowhere/);
      assert.equal((await client.list(bench.folder)).length, 1);
      client.end();
    });
  });
});
