// What a message with huge fields leaves in the store: little, and everything that tells it apart.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lease, settle } from '../support/item.ts';
import { itemsIn, message, openGate, START, send } from './gate.ts';

const HUGE = 'x'.repeat(100_000);
const NOW = START * 1000;

describe('a field of 100 kB', () => {
  it('is cut where it is kept, and a second copy is known by the whole of it', async (t) => {
    const test = await openGate(t);
    const address = await test.sealed();
    const id = (end: string): string[] => [`Message-ID: <${HUGE}${end}@client.example>`];
    const path = `${'p'.repeat(3000)}@client.example`;
    assert.equal(await send(test, address, message(id('1')), path), 'queued');
    assert.equal(await send(test, address, message(id('1')), path), 'duplicate');
    assert.equal(await send(test, address, message(id('2')), path), 'queued');
    for (const { messageId = '', reversePath } of await itemsIn(test)) {
      assert.match(messageId, /^x+…$/);
      assert.ok(Buffer.byteLength(messageId) <= 998, `${messageId.length}`);
      assert.ok(Buffer.byteLength(reversePath) <= 998, `${reversePath.length}`);
    }
  });

  it('of a bounce is cut as well', async (t) => {
    const test = await openGate(t, { bounceEvents: true });
    const report = [
      'From: MAILER-DAEMON@client.example',
      `Message-ID: <${HUGE}@client.example>`,
      'Content-Type: multipart/report; report-type=delivery-status; boundary=b',
    ];
    const body =
      '--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x.example\r\n\r\n' +
      'Final-Recipient: rfc822; alice@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n--b--\r\n';
    assert.equal(await send(test, await test.sealed(), message(report, body), ''), 'queued');
    assert.ok(((await itemsIn(test))[0]?.messageId ?? HUGE).length <= 998);
  });

  it('in what a sink says is cut in the item and in its attempts', async (t) => {
    const test = await openGate(t);
    const id = await send(test, await test.sealed(), message());
    assert.equal(id, 'queued');
    for (const kind of ['deferred', 'failed'] as const) {
      const [leased] = await lease(test.store, NOW);
      const at = { at: NOW, dueAt: NOW, diagnostic: HUGE, workerDied: false };
      await settle(test.store, leased!, { kind, ...at });
    }
    const [item] = await itemsIn(test);
    assert.match(item?.lastDiagnostic ?? '', /^x{900,997}…$/);
    const [trace] = await test.store.traces(item!.id);
    for (const { diagnostic } of trace!.attempts) assert.match(diagnostic, /^x{900,997}…$/);
    assert.equal(trace!.attempts.length, 2);
  });
});
