// `mailgw-ctl doctor --smtp` through a real Postfix: the probe arrives, is judged, and never becomes a post.

import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Row } from '../support/daemon.ts';
import { replyMessage } from '../support/message.ts';
import { postfixUnavailable } from '../support/postfix.ts';
import type { RunResult } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { ALICE, freshAddress, type Site, suiteSite } from '../support/site.ts';

const skip = postfixUnavailable();

/** The header of a message that came through the site's filter. */
const VOUCHED = `Authentication-Results: mx.example.org; dmarc=pass header.from=example.com
Received: from a by mx.example.org; Thu, 1 Jan 2026 00:00:00 +0000
`;

describe('doctor --smtp', { concurrency: false }, () => {
  const site: () => Site = suiteSite({ postfix: () => ({ variants: ['main-policy.cf'] }) });

  async function examine(...args: string[]): Promise<{ code: number | null; findings: Map<string, Row> }> {
    const { daemon, postfix } = site();
    const smtp = ['--smtp', `127.0.0.1:${postfix.port}`, '--postfix-config', postfix.configDirectory];
    const { code, stdout } = await daemon.tryCtl('doctor', ...smtp, ...args);
    const rows = stdout.split('\n').filter((line) => line !== '');
    return {
      code,
      findings: new Map(rows.map((line) => JSON.parse(line) as Row).map((row) => [String(row.check), row])),
    };
  }

  it('takes a probe the whole way, says what a reply would be, and leaves nothing behind', {
    skip,
  }, async () => {
    const { daemon, platform } = site();
    const { code, findings } = await examine();
    for (const check of ['round_trip.mint', 'round_trip.smtp', 'round_trip.lmtp', 'round_trip.verdict'])
      assert.equal(findings.get(check)?.status, 'ok', JSON.stringify([...findings.values()]));
    assert.match(String(findings.get('round_trip.verdict')?.what), /is posted$/);
    assert.equal(findings.get('outbound.circle'), undefined); // nothing is stamped here
    assert.equal(code, 0);
    assert.deepEqual(await daemon.ctl('queue', 'list', '--state', 'held'), []);
    // What is sent after it is posted first: the probe was not.
    const { reply_to, thread } = await freshAddress(daemon);
    await site().postfix.accept({
      from: ALICE.address,
      to: [reply_to],
      data: replyMessage({ to: reply_to }),
    });
    await platform.post((post) => post.data.thread === thread);
    assert.equal(platform.posts.length, 1);
  });

  it("names the socket's mode when Postfix cannot deliver, and that the probe is lost", {
    skip,
  }, async () => {
    const { daemon, postfix } = site();
    chmodSync(daemon.socket, 0o600);
    const { code, findings } = await examine('--wait', '2');
    chmodSync(daemon.socket, 0o660);
    assert.equal(code, 78);
    assert.match(String(findings.get('socket.postfix_user')?.what), /mode 0600.*keeps postfix out/);
    assert.match(String(findings.get('round_trip.lmtp')?.what), /2 s later mailgwd has not got it/);
    await postfix.queueEmpty();
    // The next one removes what the one before has left.
    assert.equal((await examine()).code, 0);
    assert.deepEqual(await daemon.ctl('queue', 'list', '--state', 'held'), []);
  });

  it('says what Postfix says while mailgwd is stopped', { skip }, async () => {
    const { daemon } = site();
    await daemon.stop();
    const { code, findings } = await examine();
    await daemon.start();
    assert.equal(code, 69);
    assert.match(String(findings.get('socket.lmtp')?.what), /no such socket|nobody listens/);
    assert.match(String(findings.get('round_trip.smtp')?.what), /answers RCPT with "451 4\.3\.5 .*TOKEN@/);
  });

  it('no address of its thread can be minted by hand', { skip }, async () => {
    const { stderr } = await site().daemon.tryCtl(
      'address',
      'mint',
      '--user',
      'alice',
      '--thread',
      'mailgw:probe',
    );
    assert.match(stderr, /are kept for mailgw itself/);
  });
});

describe('doctor --smtp, with a strict sender policy', () => {
  const site: () => Site = suiteSite({
    postfix: () => ({ variants: ['main-policy.cf'] }),
    settings: { sender: { policy: 'strict', authserv_id: 'mx.example.org' } },
  });

  async function examine(...args: string[]): Promise<RunResult> {
    const { daemon, postfix } = site();
    const smtp = ['--smtp', `127.0.0.1:${postfix.port}`, '--postfix-config', postfix.configDirectory];
    return await daemon.tryCtl('doctor', ...smtp, ...args);
  }

  it('ends as a problem where no filter vouches for a sender: every reply would be lost', {
    skip,
  }, async () => {
    const { code, stdout } = await examine();
    assert.equal(code, 78, stdout);
    assert.match(stdout, /"postfix\.filter","status":"problem"/);
    assert.match(
      stdout,
      /"filter\.authserv_id","status":"problem","what":"in the probe: no Authentication-Res/,
    );
    assert.match(
      stdout,
      /"round_trip\.verdict","status":"problem","what":"[^"]*discarded spoofed \(sender_policy: no Authentication-Results at all\)/,
    );
    assert.doesNotMatch(stdout, /as it should be/);
  });

  it('is content with the probe of a filter that passes mail of this host by, once another message shows it', {
    skip,
  }, async (t) => {
    const scratch = testScratch(t);
    const message = scratch.path('message.eml');
    writeFileSync(message, `${VOUCHED}From: ${ALICE.address}\n\nHello.\n`);
    const { stdout } = await examine('--message', message);
    assert.match(
      stdout,
      /"round_trip\.verdict","status":"note","what":"[^"]*: the message of --message has them"/,
    );
  });
});
