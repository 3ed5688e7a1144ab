// Reload on the real daemon: a new configuration is taken whole or refused whole, and nobody who sends mail notices.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Ledger } from '../fault/ledger.ts';
import { LmtpWire } from '../fault/lmtp-wire.ts';
import { assertDelivered } from '../fault/promise.ts';
import { Chance } from '../fault/rounds.ts';
import { Senders } from '../fault/senders.ts';
import { makeSite } from '../fault/site.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { startPlatform } from '../support/platform.ts';
import { testScratch } from '../support/scratch.ts';

/** Replaces a part of the configuration, which must be there. */
function edit(daemon: Daemon, from: string | RegExp, to: string): void {
  const before = readFileSync(daemon.config, 'utf8');
  const after = before.replace(from, () => to);
  assert.notEqual(after, before, `${String(from)} is not in the configuration`);
  writeFileSync(daemon.config, after);
}

/** The log's lines of one event. */
function logged(daemon: Daemon, event: string): Record<string, unknown>[] {
  return daemon
    .log()
    .split('\n')
    .filter((line) => line.includes(`"event":"${event}"`))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Sends SIGHUP and waits until it is done. */
async function hangUp(daemon: Daemon): Promise<void> {
  const done = (): number => logged(daemon, 'reloaded').length + logged(daemon, 'reload_refused').length;
  const before = done();
  process.kill(daemon.pid, 'SIGHUP');
  await eventually(
    () => (done() > before ? true : undefined),
    () => daemon.log(),
  );
}

/** Delivers one reply on a connection of its own; the answer at the end of data, or to the recipient. */
async function deliver(daemon: Daemon, address: string): Promise<string> {
  const wire = await LmtpWire.connect(daemon.socket);
  const replies = await wire?.begin([address]);
  if (wire === undefined || replies?.isDataWanted !== true) {
    wire?.close();
    return replies?.recipients[0] ?? 'no answer';
  }
  const message = replyMessage({ to: 'a reply address', messageId: newMessageId() });
  const [reply = 'no answer'] = await wire.finish(message, 1, true);
  return reply;
}

/** What came before it in its thread is posted first. */
const BACKLOG_MS = 120_000;

describe('a reload', { concurrency: 2 }, () => {
  it('under load drops no connection and loses nothing, and a transaction under way ends', async (t) => {
    const site = await makeSite(testScratch(t), { users: 3, threads: 3 });
    const { daemon } = site;
    await daemon.start();
    const open = await LmtpWire.connect(daemon.socket);
    assert.equal((await open?.begin([site.recipients[0]!.address]))?.isDataWanted, true);
    const chance = new Chance();
    const options = { socket: daemon.socket, recipients: site.recipients, chance, senders: 4 };
    const senders = new Senders(options);
    senders.start();
    try {
      for (let round = 1; round <= 12; round++) {
        await senders.acceptedMore(1 + chance.below(30));
        edit(daemon, /^\[delivery\]\n(concurrency.*\n.*\n.*\n)?/m, settingsOf(round));
        if (round % 3 === 0) await daemon.ctl('reload');
        else await hangUp(daemon);
      }
      await senders.drain();
      assert.equal(senders.unanswered, 0, 'transactions cut off');
      assert.equal(senders.refused, 0, 'connections refused');
      const messageId = newMessageId();
      const [reply] = await open!.finish(replyMessage({ to: 'a reply address', messageId }), 1);
      assert.match(reply ?? 'closed', /^250 2\.0\.0 queued as /);
      await site.ledger.until(
        () => site.ledger.postsOf(messageId).length === 1,
        () => 'no post',
        BACKLOG_MS,
      );
      site.ledger.entries.splice(
        site.ledger.entries.findIndex((entry) => entry.messageId === messageId),
        1,
      );
      await assertDelivered(senders, site.ledger);
    } finally {
      await senders.abandon();
    }
    assert.deepEqual(logged(daemon, 'reload_refused'), []);
    assert.equal(logged(daemon, 'reloaded').length, 12);
    assert.deepEqual([...logged(daemon, 'attempt_failed'), ...logged(daemon, 'dispatch_failed')], []);
  });

  /** Other parsers, another concurrency and other limits with every round. */
  const settingsOf = (round: number): string =>
    `[delivery]\nconcurrency = ${1 + (round % 7)}\nparser_workers = ${1 + (round % 3)}\nattempt_timeout = "${20 + round}s"\n`;

  it('ends an attempt under way on the old sink, and makes the next one on the new', async (t) => {
    const site = await makeSite(testScratch(t), { threads: 2 });
    const { daemon, ledger: old } = site;
    await daemon.start();
    old.withhold();
    await deliver(daemon, site.recipients[0]!.address);
    await old.until(
      () => old.requests === 1,
      () => 'no request',
    );
    const next = await Ledger.open(site.scratch);
    edit(daemon, old.sink.url, next.sink.url);
    await daemon.ctl('reload');
    await deliver(daemon, site.recipients[1]!.address);
    await next.until(
      () => next.entries.length === 1,
      () => 'no post on the new sink',
    );
    old.release();
    await eventually(
      () => logged(daemon, 'attempt')[1],
      () => daemon.log(),
    );
    assert.deepEqual(
      logged(daemon, 'attempt').map(({ outcome, attempts }) => [outcome, attempts]),
      [
        ['posted', 1],
        ['posted', 1],
      ],
    );
    assert.equal(old.requests, 1);
  });

  it('tries a sink that was broken at once', async (t) => {
    const scratch = testScratch(t);
    const platform = await startPlatform(scratch);
    const settings = { delivery: { retry_first: '50ms', retry_longest: '100ms' } };
    const daemon = await startDaemon(scratch, { sink: platform.sink, settings });
    await daemon.addUser('alice');
    platform.secret = `whsec_${randomBytes(32).toString('base64')}`;
    for (let thread = 1; thread <= 6; thread++) {
      const minted = await daemon.mint({ user: 'alice', thread: `a/b/${thread}` });
      await deliver(daemon, minted.reply_to);
    }
    await eventually(
      () => logged(daemon, 'sink_broken')[0],
      () => daemon.log(),
    );
    writeFileSync(scratch.path('webhook.secret'), platform.secret);
    const changes = await daemon.ctl('reload');
    assert.deepEqual(
      changes.map(({ key, effect }) => [key, effect]),
      [['sink.secret_file', 'now']],
    );
    await platform.nthPost(6);
  });

  it('rotates the secret of a webhook, with two at once in between', async (t) => {
    const scratch = testScratch(t);
    const platform = await startPlatform(scratch);
    const daemon = await startDaemon(scratch, { sink: platform.sink });
    await daemon.addUser('alice');
    const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'a/b/1' });
    const [old, next] = [platform.secret, `whsec_${randomBytes(32).toString('base64')}`];
    writeFileSync(scratch.path('next.secret'), next, { mode: 0o600 });
    const both = JSON.stringify([scratch.path('webhook.secret'), scratch.path('next.secret')]);
    edit(daemon, /^secret_file = .*$/m, `secret_file = ${both}`);
    await daemon.ctl('reload');
    await deliver(daemon, address);
    await platform.nthPost(1);
    platform.secret = next;
    await deliver(daemon, address);
    await platform.nthPost(2);
    edit(daemon, /^secret_file = .*$/m, `secret_file = ${JSON.stringify(scratch.path('next.secret'))}`);
    await daemon.ctl('reload');
    await deliver(daemon, address);
    await platform.nthPost(3);
    assert.deepEqual(platform.refused, []);
    for (const secret of [old, next]) assert.ok(!daemon.log().includes(secret.slice(6)));
  });

  it('changes what the gate decides by: limits, rates, prefix and the log', async (t) => {
    const scratch = testScratch(t);
    const platform = await startPlatform(scratch);
    const daemon = await startDaemon(scratch, { sink: platform.sink });
    await daemon.addUser('alice');
    const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'a/b/1' });
    assert.match(await deliver(daemon, address), /^250 /);
    edit(daemon, 'per_user = "off"', 'per_user = "1/d"');
    await daemon.ctl('reload');
    assert.match(await deliver(daemon, address), /^250 /);
    assert.match(await deliver(daemon, address), /^450 4\.7\.1 /);
    edit(daemon, 'per_user = "1/d"', 'per_user = "off"');
    await daemon.ctl('reload');
    edit(daemon, 'prefix = "reply+"', 'prefix = "answer+"');
    await hangUp(daemon);
    const { code, stderr } = await daemon.tryCtl('reload');
    assert.equal(code, 78);
    assert.match(stderr, /reply\.prefix: .*"mailgw-ctl reload --yes" takes it/);
    assert.match(await deliver(daemon, address), /^250 /);
    assert.match(
      String(logged(daemon, 'setting_refused').at(-1)?.problem),
      /^reply\.prefix: "reply\+" becomes "answer\+", and every reply address that is out under "reply\+" would be refused for good/,
    );
    await daemon.ctl('reload', '--yes');
    assert.match(await deliver(daemon, address), /^550 5\.1\.1 /);
    assert.match(await deliver(daemon, address.replace('reply+', 'answer+')), /^250 /);
    edit(daemon, '[lmtp]\n', '[log]\nlevel = "error"\n[lmtp]\nmax_recipients = 1\n');
    await daemon.ctl('reload');
    const verdicts = logged(daemon, 'verdict').length;
    await deliver(daemon, address);
    assert.equal(logged(daemon, 'verdict').length, verdicts);
  });
});

describe('what a reload tells', { concurrency: 2 }, () => {
  it('is one line for each key, without secrets, and what waits for a restart', async (t) => {
    const scratch = testScratch(t);
    const platform = await startPlatform(scratch);
    const daemon = await startDaemon(scratch, { sink: platform.sink });
    edit(daemon, 'max_age = "90d"', 'max_age = "30d"');
    edit(daemon, /^socket = .*$/m, `socket = ${JSON.stringify(scratch.path('other.sock'))}`);
    edit(daemon, '[notice]\n', '[notice]\nfrom = "robot@example.org"\n');
    edit(daemon, platform.sink.url, `${platform.sink.url}/new`);
    edit(daemon, '[notice]\n', '[metrics]\nlisten = "127.0.0.1:1"\n[notice]\n');
    writeFileSync(scratch.path('pepper'), randomBytes(32).toString('base64'));
    await daemon.ctl('reload', '--yes');
    const changes = logged(daemon, 'setting_changed').map(({ key, from, to, what, effect }) => {
      return { key, from, to, what, effect };
    });
    const blank = { from: undefined, to: undefined, what: undefined, effect: 'now' };
    assert.deepEqual(changes, [
      {
        ...blank,
        key: 'lmtp.socket',
        from: JSON.stringify(daemon.socket),
        to: JSON.stringify(scratch.path('other.sock')),
        effect: 'after a restart',
      },
      { ...blank, key: 'reply.max_age', from: '"90d"', to: '"30d"' },
      { ...blank, key: 'notice.from' },
      {
        ...blank,
        key: 'metrics.listen',
        from: '""',
        to: '"127.0.0.1:1"',
        effect: 'after a restart',
      },
      { ...blank, key: 'sink.url' },
      { ...blank, key: 'reply.pepper_file', what: 'what stands in the file' },
    ]);
    // What waits for a restart goes on waiting; the rest is in effect.
    const again = await daemon.ctl('reload');
    assert.deepEqual(
      again.map(({ key, effect }) => [key, effect]),
      [
        ['lmtp.socket', 'after a restart'],
        ['metrics.listen', 'after a restart'],
      ],
    );
  });

  it('is every problem of a configuration that it refuses, and the old one holds', async (t) => {
    const scratch = testScratch(t);
    const platform = await startPlatform(scratch);
    const daemon = await startDaemon(scratch, { sink: platform.sink });
    await daemon.addUser('alice');
    const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'a/b/1' });
    const good = readFileSync(daemon.config, 'utf8');

    edit(daemon, 'max_age = "90d"', 'max_age = "soon"\nmaxage = 3');
    await hangUp(daemon);
    assert.deepEqual(
      logged(daemon, 'setting_refused').map(({ problem }) => String(problem).split(':')[0]),
      ['reply.maxage', 'reply.max_age'],
    );
    const bad = await daemon.tryCtl('reload');
    assert.equal(bad.code, 78);
    assert.match(bad.stderr, /^mailgw-ctl: reply\.maxage: [^]*^mailgw-ctl: reply\.max_age: "soon" is not /m);
    assert.match(bad.stderr, /mailgw\.toml: not taken; mailgwd goes on with what it has\n$/);

    // Only the daemon knows these: its files and its sink.
    writeFileSync(daemon.config, good.replace(/^secret_file.*$/m, `secret_file = "${scratch.path('none')}"`));
    writeFileSync(scratch.path('pepper'), 'short');
    const deep = await daemon.tryCtl('reload');
    assert.equal(deep.code, 78);
    assert.match(deep.stderr, /^mailgw-ctl: reply\.pepper_file: [^]*^mailgw-ctl: sink\.secret_file: /m);
    assert.match(deep.stderr, /mailgw\.toml: not taken; mailgwd goes on with what it has\n$/);
    assert.equal(logged(daemon, 'setting_refused').length, 4);
    assert.equal(logged(daemon, 'reloaded').length, 0);

    assert.match(await deliver(daemon, address), /^250 /);
    await platform.nthPost(1);
  });

  it('is 69 where no daemon serves the store', async (t) => {
    const scratch = testScratch(t);
    const platform = await startPlatform(scratch);
    const daemon = await startDaemon(scratch, { sink: platform.sink });
    assert.deepEqual(await daemon.ctl('reload'), []);
    await daemon.kill9();
    const result = await daemon.tryCtl('reload');
    assert.equal(result.code, 69);
    assert.match(result.stderr, /no mailgwd serves this store/);
    await daemon.start();
    assert.deepEqual(await daemon.ctl('reload'), []);
  });
});
