// What the relay says is what Postfix hears: each kind of answer in each step, envelopes, and a relay that is not there.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { PlanStamps } from '../../src/mail/stamping.ts';
import { LmtpClient } from '../support/lmtp.ts';
import type { RelayAnswer, RelayStep } from '../support/relay.ts';
import { testScratch } from '../support/scratch.ts';
import { counted, type OutboundBench, openBench, relayed, relayOne } from './outbound.ts';

const HEADER = 'From: Tracker <tracker@example.org>\r\nSubject: A post\r\n\r\n';
const RAW = `${HEADER}Words.\r\n`;
const QUICK = { connectMs: 300, commandMs: 300, writeMs: 300, endOfDataMs: 300 };

/** The answer of a relay that fails: temporary, and about the relay. */
const PUT_OFF = /^451 4\.4\.\d relay /;

/** Stamps the first recipients, each with a copy of its own; the rest get what came. */
const stampFirst =
  (count: number): PlanStamps =>
  async ({ beginning, recipients }) =>
    Promise.resolve({
      copies: recipients.slice(0, count).map((address, index) => ({
        user: address.replace(/@.*/, ''),
        thread: 'issue/1',
        recipients: [index],
        reversePath: `reply+${index}@reply.example.org`,
        beginning: Buffer.concat([
          Buffer.from(`Reply-To: <reply+${index}@reply.example.org>\r\n`),
          beginning,
        ]),
      })),
      otherwise: 'unknown-user',
      remember: undefined,
    });

const THREE = ['<alice@example.com>', '<bob@example.com>', '<carol@example.com>'];

async function sendThree(t: TestContext, bench: OutboundBench): Promise<string[]> {
  return relayOne(t, bench, RAW, { to: THREE });
}

describe('the answer of the relay is the answer', () => {
  const answers = [
    ['250 2.0.0 Ok: queued as 4F2A1'],
    ['250-2.0.0 taken', '250 2.0.0 queued as 4F2A1'],
    ['250 OK without an enhanced code'],
    ['451 4.3.0 Queue file write error'],
    ['452-4.3.1 no room', '452 4.3.1 come again'],
    ['550 5.7.1 Message content rejected'],
    ['552 5.3.4 Message size exceeds fixed limit'],
    ['554 5.5.0 Transaction failed'],
  ];
  for (const lines of answers) {
    const text = lines.join('\n');
    const isTaken = text.startsWith('2');
    const steps: RelayStep[] = isTaken ? ['END'] : ['MAIL', 'RCPT', 'DATA', 'END'];
    for (const step of steps) {
      it(`${JSON.stringify(text)} to ${step}`, async (t) => {
        const bench = await openBench(t);
        bench.relay.script.set(step, [text]);
        assert.deepEqual(await relayOne(t, bench, RAW), [text]);
        assert.equal(bench.relay.mails.length, isTaken ? 1 : 0);
        assert.equal(counted(bench.meter, isTaken ? 'relayed' : 'refused'), 1);
        const event = isTaken ? 'relayed' : 'relay_refused';
        assert.equal(bench.events.filter((each) => each.event === event).length, 1);
      });
    }
  }

  it('421 is its last word to us and not ours to Postfix: 451, with the same text', async (t) => {
    for (const step of ['MAIL', 'RCPT', 'DATA', 'END'] as const) {
      const bench = await openBench(t);
      bench.relay.script.set(step, [{ say: '421 4.3.2 shutting down', then: 'close' }]);
      const client = await LmtpClient.open(t, bench.socket);
      const [reply] = await relayed(client, RAW);
      assert.match(reply ?? '', step === 'END' ? /^451 4\.3\.2 shutting down$/ : /^451 4\.\d\.\d /, step);
      assert.match((await relayed(client, RAW)).join(), /^250/);
    }
  });

  it('each recipient has its own, in order, also one that is named twice', async (t) => {
    const bench = await openBench(t);
    bench.relay.script.set('RCPT', [
      '250 2.1.5 Ok',
      '550 5.1.1 no such user',
      '450 4.2.0 greylisted',
      '250 2.1.5 Ok',
    ]);
    const to = ['<a@example.com>', '<b@example.com>', '<c@example.com>', '<a@example.com>'];
    assert.deepEqual(await relayOne(t, bench, RAW, { to }), [
      '250 2.0.0 Ok: queued as 4F2A1',
      '550 5.1.1 no such user',
      '450 4.2.0 greylisted',
      '250 2.0.0 Ok: queued as 4F2A1',
    ]);
    assert.deepEqual(bench.relay.mails[0]?.recipients, ['<a@example.com>', '<a@example.com>']);
  });

  it('all refused: no content is sent, and the session goes on', async (t) => {
    const bench = await openBench(t);
    bench.relay.script.set('RCPT', ['550 5.1.1 no', '550 5.1.1 no', '550 5.1.1 no']);
    const client = await LmtpClient.open(t, bench.socket);
    const refused = await relayed(client, RAW, { to: THREE });
    assert.deepEqual(refused, Array(3).fill('550 5.1.1 no'));
    assert.deepEqual(bench.relay.commands.includes('DATA'), false);
    assert.match((await relayed(client, RAW)).join(), /^250/);
    assert.equal(bench.relay.connections, 1);
  });
});

describe('stamped copies are transactions of their own, in the same session', () => {
  it('with their reverse-path and their beginning; the rest share one', async (t) => {
    const bench = await openBench(t);
    bench.plan = stampFirst(1);
    bench.relay.script.set('END', ['250 2.0.0 one', '250 2.0.0 two']);
    assert.deepEqual(await sendThree(t, bench), ['250 2.0.0 one', '250 2.0.0 two', '250 2.0.0 two']);
    const [stamped, rest] = bench.relay.mails;
    assert.equal(stamped?.mail, '<reply+0@reply.example.org>');
    assert.deepEqual(stamped.recipients, ['<alice@example.com>']);
    assert.equal(stamped.raw.toString(), `Reply-To: <reply+0@reply.example.org>\r\n${RAW}`);
    assert.equal(rest?.mail, '<tracker@example.org>');
    assert.deepEqual(rest.recipients, ['<bob@example.com>', '<carol@example.com>']);
    assert.equal(rest.raw.toString(), RAW);
    assert.equal(bench.relay.connections, 1);
    assert.deepEqual([counted(bench.meter, 'stamped'), counted(bench.meter, 'relayed')], [1, 2]);
  });

  it('one is taken, and then the relay dies: 250 for it, 451 for the others', async (t) => {
    for (const step of ['MAIL', 'RCPT', 'DATA', 'CONTENT', 'END'] as const) {
      const bench = await openBench(t);
      bench.plan = stampFirst(3);
      const taken: RelayAnswer =
        { CONTENT: '', END: '250 2.0.0 one', DATA: '354 go' }[step as string] ?? '250 2.0.0 Ok';
      bench.relay.script.set(step, [taken, { then: 'close' }]);
      const [first, second, third] = await sendThree(t, bench);
      assert.match(first ?? '', /^250 2\.0\.0 /, step);
      assert.match(second ?? '', PUT_OFF, step);
      assert.match(third ?? '', PUT_OFF, step);
      assert.equal(bench.relay.mails.length, 1, step);
    }
  });

  it('one that is refused hinders no other', async (t) => {
    const bench = await openBench(t);
    bench.plan = stampFirst(3);
    bench.relay.script.set('MAIL', ['250 2.1.0 Ok', '550 5.7.1 not this sender']);
    const replies = await sendThree(t, bench);
    assert.deepEqual(
      replies.map((reply) => reply.slice(0, 3)),
      ['250', '550', '250'],
    );
  });

  it('a message too large to be kept reaches the first, and the others come again', async (t) => {
    const bench = await openBench(t, { more: '[lmtp]\nmax_message = "64KiB"' });
    bench.plan = stampFirst(1);
    const raw = `${HEADER}${'Words.\r\n'.repeat(20_000)}`;
    const replies = await relayOne(t, bench, raw, { to: THREE });
    assert.deepEqual(
      replies.map((reply) => reply.slice(0, 9)),
      ['250 2.0.0', '451 4.3.1', '451 4.3.1'],
    );
    bench.plan = stampFirst(0);
    const again = await relayOne(t, bench, raw, { to: THREE.slice(1) });
    assert.deepEqual(
      again.map((reply) => reply.slice(0, 3)),
      ['250', '250'],
    );
    assert.equal(bench.relay.mails[1]?.raw.toString(), raw);
  });

  it('the message is remembered as it came, once, when a stamped copy was taken', async (t) => {
    const bench = await openBench(t);
    const remembered: string[] = [];
    const remember = (raw: Uint8Array): void => void remembered.push(Buffer.from(raw).toString());
    bench.plan = async (outgoing) => ({ ...(await stampFirst(2)(outgoing)), remember });
    await sendThree(t, bench);
    assert.deepEqual(remembered, [RAW]);
    bench.relay.script.set('END', ['451 4.3.0 no', '451 4.3.0 no']);
    await sendThree(t, bench);
    assert.deepEqual(remembered, [RAW]);
  });

  it('an error in planning stamps nothing and is told', async (t) => {
    const bench = await openBench(t);
    bench.plan = () => Promise.reject(new Error('the store is broken'));
    assert.match((await relayOne(t, bench, RAW)).join(), /^250/);
    assert.equal(bench.relay.mails[0]?.raw.toString(), RAW);
    assert.deepEqual(
      bench.events.filter(({ event }) => event === 'stamp_failed').map(({ fields }) => fields['reason']),
      ['the store is broken'],
    );
  });
});

describe('a relay that fails is 451 for everybody who has no answer of its own', () => {
  for (const step of ['MAIL', 'RCPT', 'DATA', 'CONTENT', 'END'] as const) {
    for (const then of ['close', 'silence'] as const) {
      it(`${then} at ${step}`, async (t) => {
        const bench = await openBench(t, { times: QUICK });
        // A session that was kept is tried once more.
        bench.relay.script.set(step, [{ then }, { then }]);
        const client = await LmtpClient.open(t, bench.socket);
        for (const reply of await relayed(client, RAW, { to: THREE })) assert.match(reply, PUT_OFF);
        assert.equal(bench.relay.mails.length, 0);
        assert.equal(counted(bench.meter, 'failed'), 3);
        bench.relay.script.clear();
        assert.match((await relayed(client, RAW)).join(), /^250/, 'and the next message goes through');
      });
    }
  }

  for (const [what, script] of [
    ['closes', { then: 'close' }],
    ['says nothing', { then: 'silence' }],
    ['says 554', '554 5.7.1 not you'],
    ['says what is no reply', 'hello'],
  ] as const) {
    it(`that ${what} at the connection: 451 at MAIL, and what mail may need is offered`, async (t) => {
      const bench = await openBench(t, { times: QUICK });
      bench.relay.script.set('CONNECT', [script, script]);
      const client = await LmtpClient.connect(t, bench.socket);
      await client.reply();
      const hello = await client.say('LHLO mx.example.org');
      assert.match(hello, /^250-8BITMIME$/m);
      assert.match(hello, /^250-SMTPUTF8$/m);
      assert.match(await client.say('MAIL FROM:<a@example.org>'), PUT_OFF);
      assert.match(await client.say('RCPT TO:<b@example.org>'), PUT_OFF);
      assert.match(await client.say('DATA'), /^503 5\.5\.1/);
      assert.match((await relayed(client, RAW)).join(), /^250/);
    });
  }

  it('that is down: 451 4.4.1, and taken as soon as it is up', async (t) => {
    const bench = await openBench(t);
    await bench.relay.down();
    const client = await LmtpClient.open(t, bench.socket);
    assert.match(await client.say('MAIL FROM:<a@example.org>'), /^451 4\.4\.1 relay .*ECONNREFUSED/);
    await bench.relay.up();
    assert.match((await relayed(client, RAW)).join(), /^250/);
  });

  it('that says 250 before it has the whole content is not believed', async (t) => {
    const bench = await openBench(t);
    bench.relay.script.set('CONTENT', ['250 2.0.0 already']);
    bench.relay.script.set('END', [{ then: 'silence' }]);
    const raw = `${HEADER}${'Words.\r\n'.repeat(1_000_000)}`;
    assert.match((await relayOne(t, bench, raw)).join(), PUT_OFF);
  });

  it('that refuses in the midst of the content has said so', async (t) => {
    const bench = await openBench(t);
    bench.relay.script.set('CONTENT', [{ say: '552 5.3.4 too large', then: 'close' }]);
    const raw = `${HEADER}${'Words.\r\n'.repeat(1_000_000)}`;
    assert.deepEqual(await relayOne(t, bench, raw), ['552 5.3.4 too large']);
  });

  it('that closes an idle session is asked anew', async (t) => {
    const bench = await openBench(t);
    const client = await LmtpClient.open(t, bench.socket);
    assert.match((await relayed(client, RAW)).join(), /^250/);
    bench.relay.say('421 4.4.2 idle for too long');
    bench.relay.drop();
    assert.match((await relayed(client, RAW)).join(), /^250/);
    assert.equal(bench.relay.connections, 2);
  });

  it('a client that goes away in the midst of its content has sent nothing', async (t) => {
    const bench = await openBench(t);
    const client = await LmtpClient.open(t, bench.socket);
    await client.sayAll('MAIL FROM:<a@example.org>', 'RCPT TO:<b@example.org>', 'DATA');
    client.write(`${HEADER}${'Words.\r\n'.repeat(100_000)}`);
    client.vanish();
    while (bench.relay.broken.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(bench.relay.mails.length, 0);
  });
});

describe('the envelope is passed on as it came', () => {
  it('what the relay offers is offered, and what it was given stands at the relay', async (t) => {
    const bench = await openBench(t);
    const client = await LmtpClient.connect(t, bench.socket);
    await client.reply();
    const hello = await client.say('LHLO mx.example.org');
    for (const line of ['SIZE 10240000', '8BITMIME', 'SMTPUTF8', 'DSN', 'PIPELINING', 'ENHANCEDSTATUSCODES'])
      assert.ok(
        hello.split('\n').some((each) => each.slice(4) === line),
        line,
      );
    assert.match(hello, /^250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT$/m);
    const forwards = ['XFORWARD NAME=spike.example.org ADDR=192.0.2.9 PROTO=ESMTP', 'XFORWARD IDENT=4F2A1'];
    assert.deepEqual(await client.sayAll(...forwards), ['250 2.0.0 OK', '250 2.0.0 OK']);
    const from = '<träcker@example.org> SIZE=70 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314159';
    const to = [
      '<jürgen@exämple.com> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;jürgen@exämple.com',
      '<"a b"@example.com>',
    ];
    await relayed(client, RAW, { from, to });
    const [mail] = bench.relay.mails;
    const asBytes = (text: string): string => Buffer.from(text).toString('latin1');
    assert.deepEqual(mail?.forwarded, forwards);
    assert.equal(mail.mail, asBytes(from));
    assert.deepEqual(mail.recipients, to.map(asBytes));
  });

  it('a parameter that the relay does not offer is left out; an unknown one is refused', async (t) => {
    const bench = await openBench(t);
    bench.relay.offers = ['8BITMIME'];
    await relayOne(t, bench, RAW, {
      from: '<a@example.org> SIZE=70 BODY=8BITMIME RET=FULL',
      to: ['<b@example.org> NOTIFY=NEVER'],
    });
    assert.equal(bench.relay.mails[0]?.mail, '<a@example.org> BODY=8BITMIME');
    assert.deepEqual(bench.relay.mails[0].recipients, ['<b@example.org>']);
    const client = await LmtpClient.open(t, bench.socket);
    assert.match(await client.say('MAIL FROM:<a@example.org> HOLDFOR=9'), /^555 5\.5\.4/);
  });

  it('the null reverse-path stays null, and the declared size of a stamped copy grows with it', async (t) => {
    const bench = await openBench(t);
    await relayOne(t, bench, RAW, { from: '<>' });
    assert.equal(bench.relay.mails[0]?.mail, '<>');
    bench.plan = stampFirst(1);
    await relayOne(t, bench, RAW, { from: '<a@example.org> SIZE=1000' });
    const added = 'Reply-To: <reply+0@reply.example.org>\r\n'.length;
    assert.equal(bench.relay.mails[1]?.mail, `<reply+0@reply.example.org> SIZE=${1000 + added}`);
  });

  it('octets of an address that are no UTF-8 are the same behind the relay', async (t) => {
    const bench = await openBench(t);
    const client = await LmtpClient.open(t, bench.socket);
    await client.say('MAIL FROM:<a@example.org>');
    client.write(Buffer.from('RCPT TO:<k\xe4se@example.org>\r\n', 'latin1'));
    await client.reply();
    await client.say('DATA');
    client.write(`${RAW}.\r\n`);
    assert.match(await client.reply(), /^250/);
    assert.deepEqual(bench.relay.mails[0]?.recipients, ['<k\xe4se@example.org>']);
  });

  it('a relay on a Unix socket, and one that knows HELO alone', async (t) => {
    const bench = await openBench(t, { relayPath: testScratch(t).path('relay.sock') });
    bench.relay.script.set('EHLO', ['502 5.5.2 what?']);
    assert.match((await relayOne(t, bench, RAW, { from: '<a@example.org> BODY=8BITMIME' })).join(), /^250/);
    assert.equal(bench.relay.mails[0]?.mail, '<a@example.org>');
  });
});
