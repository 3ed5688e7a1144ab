// The ways in which a site loses every reply with nobody told: each has a finding of doctor, a line in the log and a metric.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { type Daemon, type Row, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { listens } from '../support/listens.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { startPlatform } from '../support/platform.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

const REPLIES = 7;

/** A strict site with one user, its metrics on a socket. */
async function strictSite(scratch: Scratch): Promise<Daemon> {
  const platform = await startPlatform(scratch);
  const daemon = await startDaemon(scratch, {
    sink: platform.sink,
    settings: {
      sender: { policy: 'strict', authserv_id: 'mx.example.org' },
      metrics: { listen: `unix:${scratch.path('metrics.sock')}` },
    },
  });
  await daemon.addUser('alice');
  return daemon;
}

/** Delivers replies whose header begins like this, to `to` by their own word; all are answered 250 and dropped. */
async function loseReplies(t: TestContext, daemon: Daemon, header: string, to?: string): Promise<void> {
  const client = await LmtpClient.open(t, daemon.socket);
  for (let count = 0; count < REPLIES; count++) {
    const { reply_to } = await daemon.mint({ user: 'alice', thread: `test/${count}` });
    const answer = await client.deliver(`${header}${replyMessage({ to: to ?? reply_to })}`, reply_to);
    assert.match(answer.join(), /^250 2\.0\.0 discarded/);
  }
}

/** The value of a series on the metrics page, which is served a moment after the first greeting. */
async function metric(scratch: Scratch, series: string): Promise<string | undefined> {
  const socketPath = scratch.path('metrics.sock');
  await eventually(
    async () => ((await listens({ path: socketPath })) ? true : undefined),
    () => socketPath,
  );
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ socketPath, path: '/metrics' }, resolve).on('error', reject);
  });
  const lines = (await text(answer)).split('\n');
  return lines.find((line) => line.startsWith(`${series} `))?.slice(series.length + 1);
}

/** What doctor finds of what was dropped, once the daemon has handed its counts to the store. */
async function discardsFound(daemon: Daemon): Promise<Row> {
  await daemon.stop();
  const { stdout } = await daemon.tryCtl('doctor');
  const rows = stdout.trimEnd().split('\n');
  const found = rows.map((line) => JSON.parse(line) as Row).find(({ check }) => check === 'queue.discards');
  return found ?? {};
}

const received = 'Received: from a by mx.example.org; Thu, 1 Jan 2026 00:00:00 +0000\r\n';
const resultsOf = (id: string): string =>
  `Authentication-Results: ${id}; dmarc=pass header.from=example.com\r\n`;

describe('a site that drops every reply', () => {
  for (const [cause, words, header, to] of [
    ['no-results', 'no Authentication-Results', received],
    [
      'other-authserv-id',
      'Authentication-Results of another authserv-id',
      resultsOf('mx.example.net') + received,
    ],
    [
      'below-received',
      'Authentication-Results below own Received fields',
      received + resultsOf('mx.example.org'),
    ],
    [
      'no-received',
      'no Received field to prove the place of Authentication-Results',
      resultsOf('mx.example.org'),
    ],
    [
      'not-addressed',
      'neither To nor Cc names the reply address',
      resultsOf('mx.example.org') + received,
      'replies@example.net',
    ],
  ] as const) {
    it(`is told so, and that it is for ${cause}`, async (t) => {
      const scratch = testScratch(t);
      const daemon = await strictSite(scratch);
      await loseReplies(t, daemon, header, to);
      assert.equal(
        await metric(scratch, `mailgw_discards_total{reason="spoofed",cause="${cause}"}`),
        String(REPLIES),
      );
      const lines = daemon.log().split('\n');
      const logged = lines.filter(
        (line) => line.includes(`"reason":"spoofed"`) && line.includes(`"${cause}"`),
      );
      assert.equal(logged.length, REPLIES, daemon.log());
      const { status, what } = await discardsFound(daemon);
      assert.deepEqual(
        [status, what],
        ['problem', `${REPLIES} of ${REPLIES} replies since yesterday were discarded: ${words}`],
      );
      const [stats] = await daemon.ctl('stats');
      const [counted] = stats?.verdicts as Row[];
      assert.deepEqual([counted?.reason, counted?.cause, counted?.count], ['spoofed', cause, REPLIES]);
    });
  }

  it('is warned where the replies are not of the registered addresses', async (t) => {
    const scratch = testScratch(t);
    const daemon = await strictSite(scratch);
    await daemon.ctl('user', 'set', 'alice', '--address', 'alice@elsewhere.example');
    await loseReplies(t, daemon, resultsOf('mx.example.org') + received);
    const { status, what } = await discardsFound(daemon);
    assert.equal(status, 'warning');
    assert.match(String(what), /7 of 7 replies .*: From is none of the user's addresses$/);
  });
});

describe('a site with another pepper than its addresses were minted under', () => {
  it('is told so, puts mail off instead of refusing it, and says that it is not up', async (t) => {
    const scratch = testScratch(t);
    const daemon = await strictSite(scratch);
    const { reply_to } = await daemon.mint({ user: 'alice', thread: 'test/1' });
    await daemon.stop();
    writeFileSync(scratch.path('pepper'), `${Buffer.alloc(32, 9).toString('base64')}\n`, { mode: 0o600 });
    await daemon.start();
    const client = await LmtpClient.open(t, daemon.socket);
    const [, answer = ''] = await client.sayAll('MAIL FROM:<alice@example.com>', `RCPT TO:<${reply_to}>`);
    assert.match(answer, /^451 /);
    assert.match(daemon.log(), /"level":"error".*"event":"pepper_unknown"/);
    assert.equal(await metric(scratch, 'mailgw_up'), '0');
    assert.equal(await metric(scratch, 'mailgw_events_total{event="pepper_unknown"}'), '1');
    assert.equal(await metric(scratch, 'mailgw_pepper_known'), '0');
    const { code, stdout } = await daemon.tryCtl('doctor');
    assert.match(stdout, /"check":"store\.pepper","status":"problem"/);
    assert.equal(code, 78);
  });
});

describe('a site whose platform answers with a login page', () => {
  it('is told so, and keeps the reply', async (t) => {
    const scratch = testScratch(t);
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Log in</title>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    scratch.defer(() => {
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const daemon = await startDaemon(scratch, {
      sink: { url: `http://127.0.0.1:${port}/hooks`, secret: `whsec_${Buffer.alloc(32).toString('base64')}` },
      settings: { metrics: { listen: `unix:${scratch.path('metrics.sock')}` } },
    });
    await daemon.addUser('alice');
    const { reply_to } = await daemon.mint({ user: 'alice', thread: 'test/1' });
    const client = await LmtpClient.open(t, daemon.socket);
    assert.match(
      (await client.deliver(replyMessage({ to: reply_to }), reply_to)).join(),
      /^250 2\.0\.0 queued/,
    );
    await eventually(
      () => (/"level":"error".*"event":"sink_broken"/.test(daemon.log()) ? true : undefined),
      () => daemon.log(),
    );
    assert.equal(await metric(scratch, 'mailgw_sink_state{sink="webhook",state="broken"}'), '1');
    const { code, stdout } = await daemon.tryCtl('doctor');
    assert.match(stdout, /"check":"queue\.sink","status":"problem","what":"[^"]*broken/);
    assert.equal(code, 78);
    // Between two attempts.
    const waiting = async (): Promise<Row | undefined> =>
      (await daemon.ctl('queue', 'list')).find(({ state }) => state === 'waiting');
    assert.equal((await eventually(waiting, () => daemon.log())).state, 'waiting');
  });
});

describe('a site whose store was put back from a backup', () => {
  it('is told so, and that newer addresses are put off', async (t) => {
    const scratch = testScratch(t);
    const daemon = await strictSite(scratch);
    await daemon.ctl('db', 'backup', scratch.path('backup.db'));
    const { reply_to } = await daemon.mint({ user: 'alice', thread: 'test/newer' });
    await daemon.stop();
    await daemon.ctl('db', 'restore', scratch.path('backup.db'), '--yes');
    await daemon.start();
    const client = await LmtpClient.open(t, daemon.socket);
    const [, answer = ''] = await client.sayAll('MAIL FROM:<alice@example.com>', `RCPT TO:<${reply_to}>`);
    assert.match(answer, /^451 /);
    // The note of a refused address follows its reply out.
    await eventually(
      () => (/"verdict":"deferred","reason":"restored"/.test(daemon.log()) ? true : undefined),
      () => daemon.log(),
    );
    const series = 'mailgw_recipients_total{verdict="deferred",reason="restored"}';
    assert.equal(await metric(scratch, series), '1');
    await daemon.stop();
    const { stdout } = await daemon.tryCtl('doctor');
    assert.match(
      stdout,
      /"store\.restored","status":"warning","what":"restored at [^"]*; 1 times since, an address/,
    );
  });
});
