// Bounces of our own notifications at the gate, and replies that came too late: what is queued, counted and told.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createAuthorNotices } from '../../src/gate/author-notices.ts';
import { bounce } from '../support/bounce.ts';
import { FORM } from '../support/mint.ts';
import { itemsIn, MAX_AGE, message, openGate, START, send, type TestGate } from './gate.ts';

/** Kind, thread and state of every item. */
async function itemsOf(test: TestGate): Promise<unknown[]> {
  return (await itemsIn(test)).map(({ bounce: kind, thread, state }) => [kind, thread, state]);
}

describe('a bounce to a reply address', () => {
  it('with a sealed token is queued with its thread, and counted', async (t) => {
    const test = await openGate(t, { bounceEvents: true });
    const address = await test.sealed({ thread: 'acme/site/7' });
    assert.equal(await send(test, address, bounce(), ''), 'queued');
    assert.equal(await send(test, address, bounce([], { status: '4.2.2', action: 'delayed' }), ''), 'queued');
    assert.deepEqual(await itemsOf(test), [
      ['hard', 'acme/site/7', 'ready'],
      ['soft', 'acme/site/7', 'ready'],
    ]);
    assert.deepEqual(await test.store.bounceCounts('alice'), { hard: 1, soft: 1, lastAt: START * 1000 });
  });

  it('is one bounce, however often it comes', async (t) => {
    const test = await openGate(t, { bounceEvents: true });
    const address = await test.sealed();
    const raw = bounce();
    assert.equal(await send(test, address, Buffer.from(raw), ''), 'queued');
    assert.equal(await send(test, address, raw, ''), 'duplicate');
    assert.equal((await test.store.bounceCounts()).hard, 1);
  });

  it('with a bound token has the thread that the returned Message-ID proves, or none', async (t) => {
    const test = await openGate(t, { bounceEvents: true });
    const { address, messageId } = test.bound({ thread: 'acme/site/8' });
    const other = test.bound({ thread: 'acme/site/9' });
    assert.equal(await send(test, address, bounce([`Message-ID: <${messageId}>`]), ''), 'queued');
    assert.equal(await send(test, address, bounce([`Message-ID: <${other.messageId}>`]), ''), 'queued');
    assert.equal(await send(test, address, bounce(), ''), 'queued');
    assert.deepEqual(await itemsOf(test), [
      ['hard', 'acme/site/8', 'ready'],
      ['hard', '', 'ready'],
      ['hard', '', 'ready'],
    ]);
  });

  it('waits for no reply of its thread, and no reply waits for it', async (t) => {
    const test = await openGate(t, { bounceEvents: true });
    const address = await test.sealed();
    await send(test, address, bounce(), '');
    await send(test, address, message());
    await send(test, address, bounce(), '');
    const leased = await test.store.lease({ now: START * 1000, leaseMs: 60_000, limit: 10 });
    assert.deepEqual(leased.map((item) => item.bounce).sort(), ['hard', 'hard', undefined]);
  });

  for (const [what, raw, reversePath] of [
    ['that reports success', bounce([], { status: '2.0.0', action: 'delivered' }), ''],
    ['with a reverse-path', bounce(), 'mailer-daemon@mx.example.com'],
    ['that states nothing', message(['Subject: On holiday']), ''],
  ] as const) {
    it(`${what} is discarded`, async (t) => {
      const test = await openGate(t, { bounceEvents: true });
      assert.equal(await send(test, await test.sealed(), raw, reversePath), 'discarded: bounce');
      assert.deepEqual(await itemsIn(test), []);
    });
  }

  it('is discarded and not counted where the site wants no events', async (t) => {
    const test = await openGate(t, { bounceEvents: false });
    assert.equal(await send(test, await test.sealed(), bounce(), ''), 'discarded: bounce');
    assert.equal((await test.store.bounceCounts()).hard, 0);
  });

  it('of a notice of ours is a loop', async (t) => {
    const notices = { from: ['noreply@reply.example.org'], loopTokens: ['mailgw.reply.example.org'] };
    const test = await openGate(t, { bounceEvents: true, notices });
    const address = await test.sealed();
    for (const line of ['X-Loop: mailgw.reply.example.org', 'From: NoReply@reply.example.org']) {
      assert.equal(await send(test, address, message([line]), ''), 'discarded: loop');
    }
  });
});

describe('a reply to a bound address that has expired', () => {
  const { expired } = createAuthorNotices({
    forms: [FORM],
    plusTags: 'compare',
    newId: () => 'notice',
    now: () => START * 1000,
  });
  const PASS =
    'Authentication-Results: mx.example.org; dmarc=pass header.from=example.com\r\nReceived: from a by mx.example.org';

  async function sendLate(t: Parameters<typeof openGate>[0], lines: readonly string[], reversePath?: string) {
    const test: TestGate = await openGate(t, {
      senderPolicy: 'strict',
      authservId: 'mx.example.org',
      authorNotices: { expired, add: (notice) => test.store.addNotice(notice) },
    });
    const { address, messageId } = test.bound({ repliedTo: START - MAX_AGE - 60 });
    const to = [`To: ${address}`, `In-Reply-To: <${messageId}>`, 'Subject: Re: late'];
    const raw = message([...lines, ...to], 'my words\r\n');
    const verdict = await send(test, address, raw, reversePath);
    return { test, raw, verdict };
  }

  it('is discarded, and its author is told with the reply itself', async (t) => {
    const { test, raw, verdict } = await sendLate(t, [PASS]);
    assert.equal(verdict, 'discarded: expired');
    const request = { now: START * 1000, leaseMs: 60_000, longestMs: 60_000 };
    const notice = await test.store.leaseNotice(request);
    assert.deepEqual([notice?.kind, notice?.user, notice?.draft.subject], ['expired', 'alice', 'Re: late']);
    assert.equal(Buffer.from(notice?.original ?? []).toString(), raw.toString());
  });

  for (const [what, lines, reversePath] of [
    ['is not authenticated', [], undefined],
    ['sent it through a list', [PASS, 'List-Id: <all.example.com>'], undefined],
    ['is not registered', [PASS, 'From: mallory@example.com'], undefined],
  ] as const) {
    it(`tells no author who ${what}`, async (t) => {
      const { test, verdict } = await sendLate(t, lines, reversePath);
      assert.equal(verdict, 'discarded: expired');
      assert.deepEqual(await test.store.listNotices(10), []);
    });
  }
});
