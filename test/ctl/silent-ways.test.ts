// The ways in which a site loses every reply with nobody told: each has a finding of doctor, a line in the log and a metric.

import assert from 'node:assert/strict';
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { type Daemon, type Row, startDaemon } from '../support/daemon.ts';
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

/** Delivers replies whose header begins like this; all are answered 250 and dropped. */
async function loseReplies(t: TestContext, daemon: Daemon, header: string): Promise<void> {
  const client = await LmtpClient.open(t, daemon.socket);
  for (let count = 0; count < REPLIES; count++) {
    const { reply_to } = await daemon.mint({ user: 'alice', thread: `test/${count}` });
    const answer = await client.deliver(`${header}${replyMessage({ to: reply_to })}`, reply_to);
    assert.match(answer.join(), /^250 2\.0\.0 discarded/);
  }
}

/** The metric of dropped mail with this cause. */
async function metricOf(scratch: Scratch, cause: string): Promise<string> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ socketPath: scratch.path('metrics.sock'), path: '/metrics' }, resolve).on('error', reject);
  });
  const page = await text(answer);
  const name = `mailgw_discards_total{reason="spoofed",cause="${cause}"} `;
  return (
    page
      .split('\n')
      .find((line) => line.startsWith(name))
      ?.slice(name.length) ?? ''
  );
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
  for (const [cause, words, header] of [
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
  ] as const) {
    it(`is told so, and that it is for ${cause}`, async (t) => {
      const scratch = testScratch(t);
      const daemon = await strictSite(scratch);
      await loseReplies(t, daemon, header);
      assert.equal(await metricOf(scratch, cause), String(REPLIES));
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
