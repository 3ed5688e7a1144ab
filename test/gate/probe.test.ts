// Probes of doctor: the mark is the thread inside the address, which nobody can put on anybody else's mail.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PROBE_THREAD } from '../../src/mail/probe.ts';
import { replyMessage } from '../support/message.ts';
import { claimOf, openGate, reasonOf, type TestGate } from './gate.ts';

async function take({ gate }: TestGate, to: string, reversePath = 'alice@example.com'): Promise<string> {
  const claim = await claimOf(gate, to);
  const raw = Buffer.from(replyMessage({ to }));
  const [verdict] = await gate.message({ reversePath }, [claim], raw);
  return verdict?.reason ?? 'none';
}

describe('a message to an address of the thread of probes', () => {
  it('is held, whatever the sender policy and the reverse-path, and nothing releases it', async (t) => {
    const test = await openGate(t, { senderPolicy: 'strict', authservId: 'mx.example.org' });
    const to = await test.sealed({ thread: PROBE_THREAD });
    assert.equal(await take(test, to, ''), 'held');
    const [item] = await test.store.list({ thread: PROBE_THREAD });
    assert.deepEqual([item?.state, item?.holdReason], ['held', 'probe']);
    const released = await test.store.operate('release', item!.id, 0);
    assert.deepEqual(released, { kind: 'not-applicable', state: 'held' });
    assert.equal((await test.store.operate('drop', item!.id, 0)).kind, 'done');
  });

  it('is never judged for spam', async (t) => {
    const ask = () => {
      throw new Error('asked');
    };
    const test = await openGate(t, { spam: { action: 'discard', unchecked: 'defer', ask } });
    assert.equal(await take(test, await test.sealed({ thread: PROBE_THREAD })), 'held');
  });

  it('is refused when the address is ten minutes old, at RCPT and at the end of data', async (t) => {
    const test = await openGate(t);
    const to = await test.sealed({ thread: PROBE_THREAD });
    const claim = await claimOf(test.gate, to);
    test.clock.now += 601;
    assert.equal(reasonOf(await test.gate.recipient(to)), 'expired');
    const [verdict] = await test.gate.message(
      { reversePath: '' },
      [claim],
      Buffer.from(replyMessage({ to })),
    );
    assert.deepEqual([verdict?.verdict, verdict?.reason], ['discarded', 'expired']);
    assert.deepEqual(await test.store.list({}), []);
  });
});

describe('the mark of probes, put on other mail', () => {
  it('does not hold a reply that names the thread, or an id of it, in its header', async (t) => {
    const test = await openGate(t);
    const to = await test.sealed({ thread: 'acme/site/issue/7' });
    const raw = [
      `In-Reply-To: <${PROBE_THREAD}/${test.clock.now}@reply.example.org>`,
      `X-Mailgw-Probe: ${PROBE_THREAD}`,
      replyMessage({ to }),
    ].join('\r\n');
    const claim = await claimOf(test.gate, to);
    const [verdict] = await test.gate.message({ reversePath: 'a@example.com' }, [claim], Buffer.from(raw));
    assert.equal(verdict?.reason, 'queued');
  });

  it('cannot be put on an address: the MAC covers the thread', async (t) => {
    const test = await openGate(t);
    const probe = await test.sealed({ thread: PROBE_THREAD });
    const reply = await test.sealed({ thread: 'acme/site/issue/7' });
    // The thread number of the one in the other: bytes 6 to 10 of 30, 48 characters of 5 bits.
    const crossed = reply.slice(0, 6 + 9) + probe.slice(6 + 9, 6 + 18) + reply.slice(6 + 18);
    assert.notEqual(crossed, reply);
    assert.equal(reasonOf(await test.gate.recipient(crossed)), 'forged');
  });
});
