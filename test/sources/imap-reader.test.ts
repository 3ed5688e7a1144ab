// The readers of mailboxes: what a reload, another host, a word of the operator's and a stop do to them.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { after, before, describe, it, type TestContext } from 'node:test';
import { LEASE_MS, RIVAL_MS } from '../../src/sources/imap/pace.ts';
import type { ImapConfig } from '../../src/sources/imap/settings.ts';
import { message } from '../gate/gate.ts';
import { type Dovecot, dovecotUnavailable, startDovecot } from '../support/dovecot.ts';
import { eventually } from '../support/eventually.ts';
import { ImapProxy } from '../support/imap-proxy.ts';
import { newMessageId } from '../support/message.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';
import { imapBench, MAILBOX, mailboxOf, newFolder, ownMark, settled, standing, taken } from './imap.ts';
import { SetPace } from './pace.ts';

describe('the readers of mailboxes', { skip: dovecotUnavailable() }, () => {
  const scratch = suiteScratch();
  let dovecot: Dovecot;
  let password = '';

  before(async () => {
    dovecot = await startDovecot(scratch);
    password = scratch.path('password');
    writeFileSync(password, `${dovecot.password}\n`, { mode: 0o600 });
  });
  after(() => scratch.close());

  async function put(folder: string, to: string): Promise<string> {
    const id = newMessageId();
    const client = await dovecot.connect();
    await client.append(message([`To: ${to}`, `Message-ID: <${id}>`]), folder);
    client.end();
    return id;
  }

  it('follow a reload: one that is new is read, one that has changed anew, one that has gone no more', async (t) => {
    const [first, second] = [await newFolder(dovecot), await newFolder(dovecot)];
    const proxy = await ImapProxy.start(testScratch(t), () => dovecot.port);
    const one = mailboxOf(dovecot, password, { name: 'one', folder: first, port: proxy.port });
    const two = mailboxOf(dovecot, password, { name: 'two', folder: second, since: 'now' });
    const bench = await imapBench(t, [one]);
    const to = await bench.test.sealed();
    const source = bench.open();
    await standing(source, 'serving');
    bench.configure(one, two);
    source.change();
    await eventually(
      () => (source.views().every(({ state }) => state === 'serving') ? true : undefined),
      () => JSON.stringify(source.views()),
    );
    assert.deepEqual(
      source.views().map(({ name }) => name),
      ['one', 'two'],
    );
    assert.equal(proxy.connections, 1, 'what has not changed goes on');
    bench.configure({ ...two, after: 'keyword' });
    source.change();
    const id = await put(second, to);
    assert.deepEqual(await taken(bench, 1), [id]);
    await settled(bench, 'two');
    const client = await dovecot.connect();
    assert.deepEqual(
      (await client.list(second)).map(({ flags }) => [...flags].sort()),
      [['$Mailgw', await ownMark(bench)]],
    );
    client.end();
    assert.deepEqual(
      source.views().map(({ name }) => name),
      ['two'],
    );
    assert.deepEqual([source.sync('one'), source.sync('two')], [false, true]);
    assert.equal((await bench.test.store.mailbox('one'))?.source, 'one', 'what was read stays known');
  });

  it('log in at once after a reload, where a password that was refused is mended in its file', async (t) => {
    const own = testScratch(t);
    const passwordFile = own.path('own-password');
    writeFileSync(passwordFile, 'wrong\n', { mode: 0o600 });
    const mailbox = {
      ...mailboxOf(dovecot, password, { folder: await newFolder(dovecot) }),
      passwordFile,
      tokenCommand: [],
    };
    const bench = await imapBench(t, [mailbox]);
    const source = bench.open({ pace: new SetPace() });
    await standing(source, 'broken');
    writeFileSync(passwordFile, `${dovecot.password}\n`, { mode: 0o600 });
    source.change();
    await standing(source, 'serving');
  });

  it('leave a mailbox to the host that reads it, and take it over when that is gone', async (t) => {
    const mailbox = mailboxOf(dovecot, password, { folder: await newFolder(dovecot) });
    const bench = await imapBench(t, [mailbox]);
    const [here, there] = [new SetPace(), new SetPace()];
    const first = bench.open({ owner: 'mx1', pace: here });
    await standing(first, 'serving');
    const second = bench.open({ owner: 'mx2', pace: there });
    const waits = await standing(second, 'waiting');
    assert.equal(waits.reason, 'read by mx1');
    await there.advance(RIVAL_MS);
    assert.equal(second.views()[0]?.state, 'waiting', 'the lease has not run out');
    await first.stop(5000);
    await there.asleep();
    there.step(LEASE_MS);
    await standing(second, 'serving');
    const id = await put(mailbox.folder, await bench.test.sealed());
    assert.deepEqual(await taken(bench, 1), [id]);
  });

  /** A mailbox in a folder of its own, behind a proxy. */
  const behindProxy = async (t: TestContext): Promise<{ proxy: ImapProxy; mailbox: ImapConfig }> => {
    const proxy = await ImapProxy.start(testScratch(t), () => dovecot.port);
    return {
      proxy,
      mailbox: mailboxOf(dovecot, password, { folder: await newFolder(dovecot), port: proxy.port }),
    };
  };

  it('connect again after a cut, and say so once', async (t) => {
    const { proxy, mailbox } = await behindProxy(t);
    const bench = await imapBench(t, [mailbox]);
    const pace = new SetPace();
    const source = bench.open({ pace });
    await standing(source, 'serving');
    proxy.cut();
    const { reason } = await standing(source, 'waiting');
    assert.match(reason ?? '', /the server has closed the connection|ECONNRESET/);
    await pace.asleep();
    assert.equal(proxy.connections, 1, 'not before the pause is over');
    await put(mailbox.folder, await bench.test.sealed());
    await pace.advance(2000);
    await taken(bench, 1);
    await standing(source, 'serving');
    const told = bench.events.filter(({ event }) => event.startsWith('source_')).map(({ event }) => event);
    assert.deepEqual(told, ['source_up', 'source_down', 'source_up']);
  });

  it('wait while the gate takes no mail at all, note nothing of it, and then take what waits', async (t) => {
    const { proxy, mailbox } = await behindProxy(t);
    let isSpaceLow = true;
    const bench = await imapBench(t, [mailbox], { isSpaceLow: () => isSpaceLow });
    const id = await put(mailbox.folder, await bench.test.sealed());
    const pace = new SetPace();
    const source = bench.open({ pace });
    assert.match((await standing(source, 'waiting')).reason ?? '', /mail is put off: storage/);
    await pace.asleep();
    assert.equal(proxy.connections, 1, 'no second look before the pause is over');
    assert.deepEqual(await bench.test.store.openMessages('replies'), []);
    isSpaceLow = false;
    await pace.advance(2000);
    assert.deepEqual(await taken(bench, 1), [id]);
    await standing(source, 'serving');
  });

  it('look at once at a word of the operator’s', async (t) => {
    const { proxy, mailbox } = await behindProxy(t);
    const bench = await imapBench(t, [mailbox]);
    const pace = new SetPace();
    const source = bench.open({ pace });
    await standing(source, 'serving');
    await pace.asleep();
    proxy.way = 'deaf';
    const id = await put(mailbox.folder, await bench.test.sealed());
    source.sync('replies');
    assert.deepEqual(await taken(bench, 1), [id]);
  });

  it('keep their figures', async (t) => {
    const folder = await newFolder(dovecot);
    const bench = await imapBench(t, [mailboxOf(dovecot, password, { folder })]);
    await put(folder, await bench.test.sealed());
    await put(folder, 'someone@example.com');
    const pace = new SetPace();
    const source = bench.open({ pace });
    await standing(source, 'serving');
    pace.step(90_000);
    await bench.meter.findOut();
    const values = (name: string): number[] => bench.meter.samples(name).map(({ value }) => value);
    const outcomes = bench.meter.samples('mailgw_mailbox_messages_total');
    assert.deepEqual(outcomes.map(({ labels, value }) => `${labels.outcome} ${value}`).sort(), [
      'passed 1',
      'settled 1',
    ]);
    assert.deepEqual(values('mailgw_source_up'), [1]);
    assert.deepEqual(values('mailgw_mailbox_open_messages'), [0, 0, 0]);
    assert.equal((values('mailgw_mailbox_search_age_seconds')[0] ?? 0) > 0, true);
  });
});

describe('a reader whose server hangs', () => {
  it('ends within the time of a stop', async (t) => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    t.after(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    const { port } = server.address() as AddressInfo;
    const secret = testScratch(t).path('password');
    writeFileSync(secret, 'secret', { mode: 0o600 });
    const bench = await imapBench(t, [{ ...MAILBOX, port, passwordFile: secret }]);
    const source = bench.open();
    await eventually(
      () => (sockets.size > 0 ? true : undefined),
      () => 'no connection',
    );
    await source.stop(60_000);
    const claim = { source: 'replies', owner: 'mx2', now: Date.now(), leaseMs: 1000 };
    assert.equal(await bench.test.store.claimMailbox(claim), 'mx2', 'the mailbox is let go');
  });
});
