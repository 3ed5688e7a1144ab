// Two installations of mailgw on one mailbox: the second is refused, before it can take anything away.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it, type TestContext } from 'node:test';
import { openMailbox } from '../../src/sources/imap/connection.ts';
import { markOf, takeOver } from '../../src/sources/imap/rival.ts';
import type { ImapConfig } from '../../src/sources/imap/settings.ts';
import { message } from '../gate/gate.ts';
import { type Dovecot, dovecotUnavailable, startDovecot } from '../support/dovecot.ts';
import { newMessageId } from '../support/message.ts';
import { suiteScratch } from '../support/scratch.ts';
import {
  type ImapBench,
  imapBench,
  mailboxOf,
  newFolder,
  ownMark,
  settled,
  standing,
  taken,
} from './imap.ts';

describe('a mailbox that another installation reads', { skip: dovecotUnavailable() }, () => {
  const scratch = suiteScratch();
  let dovecot: Dovecot;

  before(async () => {
    dovecot = await startDovecot(scratch);
    writeFileSync(scratch.path('password'), `${dovecot.password}\n`, { mode: 0o600 });
  });
  after(() => scratch.close());

  async function newMailbox(after: string): Promise<ImapConfig> {
    return mailboxOf(dovecot, scratch.path('password'), { folder: await newFolder(dovecot), after });
  }

  /** Puts a message into a folder, with keywords of others. */
  async function put(
    { folder }: ImapConfig,
    to: string,
    ...keywords: readonly string[]
  ): Promise<{ readonly id: string; readonly uid: number }> {
    const id = newMessageId();
    const client = await dovecot.connect();
    const uid = await client.append(message([`To: ${to}`, `Message-ID: <${id}>`]), folder);
    await client.ask(`SELECT ${folder}`);
    if (keywords.length > 0) await client.ask(`UID STORE ${uid} +FLAGS (${keywords.join(' ')})`);
    client.end();
    return { id, uid };
  }

  async function flagsIn({ folder }: ImapConfig): Promise<readonly (readonly string[])[]> {
    const client = await dovecot.connect();
    const flags = (await client.list(folder)).map((filed) => filed.flags);
    client.end();
    return flags;
  }

  /** Two installations with one mailbox, each with its own store. */
  async function two(
    t: TestContext,
    after: string,
  ): Promise<{ mailbox: ImapConfig; first: ImapBench; second: ImapBench }> {
    const mailbox = await newMailbox(after);
    return { mailbox, first: await imapBench(t, [mailbox]), second: await imapBench(t, [mailbox]) };
  }

  it('is refused to the second, which takes and marks nothing, and says why', async (t) => {
    const { mailbox, first, second } = await two(t, 'seen');
    await put(mailbox, await first.test.sealed());
    await standing(first.open(), 'serving');
    await taken(first, 1);
    await settled(first);
    const to = await second.test.sealed({ thread: 'test/thread/2' });
    const refused = await standing(second.open({ owner: 'another host' }), 'broken');
    assert.match(refused.reason ?? '', /^another installation of mailgw reads this mailbox: .*\$Mailgw-/);
    assert.equal((await second.test.store.mailbox('replies')) ?? 'never begun', 'never begun');
    const { id } = await put(mailbox, to);
    await first.test.store.retryMessages('replies', 0);
    assert.ok(!JSON.stringify(await second.test.store.list({})).includes(id));
    const told = second.events.filter(({ event }) => event === 'source_down');
    assert.deepEqual(
      told.map(({ fields }) => [fields.state, fields.kind]),
      [['broken', 'rival']],
    );
  });

  it('is left as it is by the second where both meet on a message, though it was to be deleted', async (t) => {
    const mailbox = await newMailbox('delete');
    const bench = await imapBench(t, [mailbox]);
    // The lesser name goes on where both are on one message, and digits come before letters.
    await bench.test.store.installation(1);
    const foreign = markOf(2 ** 40 - 1);
    const source = bench.open();
    await standing(source, 'serving');
    const to = await bench.test.sealed();
    // It comes with the keyword: the folder had none when it was selected.
    const client = await dovecot.connect();
    const raw = message([`To: ${to}`]);
    await client.append(raw, `${mailbox.folder} (${foreign})`);
    client.end();
    assert.match(
      (await standing(source, 'broken')).reason ?? '',
      new RegExp(`bears its keyword \\${foreign}`),
    );
    assert.equal((await flagsIn(mailbox)).length, 1);
    assert.deepEqual(
      (await bench.test.store.openMessages('replies')).map(({ state }) => state),
      ['courtesy'],
    );
  });

  it('is read on where the other one’s keyword stands below ours', async (t) => {
    const mailbox = await newMailbox('seen');
    const bench = await imapBench(t, [mailbox]);
    await put(mailbox, 'someone@example.com', markOf(1));
    await put(mailbox, 'someone@example.com', await ownMark(bench));
    await standing(bench.open(), 'serving');
  });

  it('is read beside it with after = "nothing", which changes nothing there', async (t) => {
    const mailbox = await newMailbox('nothing');
    const bench = await imapBench(t, [mailbox]);
    const { id } = await put(mailbox, await bench.test.sealed(), markOf(1));
    await standing(bench.open(), 'serving');
    assert.deepEqual(await taken(bench, 1), [id]);
    assert.deepEqual(await flagsIn(mailbox), [[markOf(1)]]);
  });

  it('is the second’s once that claims it, and the first is refused', async (t) => {
    const { mailbox, first, second } = await two(t, 'seen');
    await put(mailbox, await first.test.sealed());
    const before = first.open();
    await taken(first, 1);
    await settled(first);
    await before.stop(5000);
    const box = await openMailbox(mailbox, { maxMessageBytes: 1e6, isReadOnly: false });
    assert.equal(await takeOver(box, await second.test.store.installation(0)), 1);
    await box.close();
    assert.deepEqual(await flagsIn(mailbox), [['\\Seen', await ownMark(second)]]);
    await standing(second.open(), 'serving');
    await standing(first.open(), 'broken');
  });
});
