// The spamc client against servers that misbehave, and against Debian's own spamd.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createSpamd, type Spamd, type SpamdOptions, type SpamdResult } from '../../src/gate/spamd.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';
import {
  answering,
  GTUBE,
  type SpamdPlace,
  serveRequests as serve,
  spamdUnavailable,
  startSpamd,
  type TestSpamd,
} from '../support/spamd.ts';

const skip = spamdUnavailable();

function client(address: SpamdPlace, change: Partial<SpamdOptions> = {}): Spamd {
  return createSpamd({
    address,
    user: undefined,
    connectTimeoutMs: 10_000,
    timeoutMs: 60_000,
    maxCheckBytes: 500 * 1024,
    concurrency: 5,
    ...change,
  });
}

function failureOf(result: SpamdResult<unknown>): string {
  assert.ok(!result.ok, JSON.stringify(result));
  return `${result.kind}: ${result.reason}`;
}

const HAM = Buffer.from(replyMessage({ to: 'reply@example.org' }));
const SPAM = Buffer.from(replyMessage({ to: 'reply@example.org', body: `${GTUBE}\n` }));
const OK = 'SPAMD/1.1 0 EX_OK\r\n';

describe('the spamc client, on the wire (SPAMC/1.5)', () => {
  it('says how long the message is, sends it whole and closes its side', async (t) => {
    const { place, heard } = await answering(t, `${OK}Spam: False ; 1.0 / 5.0\r\n\r\n`);
    assert.ok((await client(place).check(HAM)).ok);
    assert.equal(heard[0]?.head, `CHECK SPAMC/1.5\r\nContent-length: ${HAM.length}\r\n\r\n`);
    assert.ok(heard[0].body.equals(HAM));
  });

  it('names the user whose preferences count', async (t) => {
    const { place, heard } = await answering(t, 'SPAMD/1.5 0 PONG\r\n');
    assert.deepEqual(await client(place, { user: 'amavis' }).ping(), { ok: true, value: 'pong' });
    assert.equal(heard[0]?.head, 'PING SPAMC/1.5\r\nUser: amavis\r\n\r\n');
  });

  it('sends the beginning of a large message, up to a line end', async (t) => {
    const { place, heard } = await answering(t, `${OK}Spam: False ; 1.0 / 5.0\r\n\r\n`);
    const large = Buffer.from('From: a@example.com\r\n\r\nfirst line\r\nsecond line\r\nthird');
    assert.ok((await client(place, { maxCheckBytes: 45 }).check(large)).ok);
    assert.equal(heard[0]?.body.toString(), 'From: a@example.com\r\n\r\nfirst line\r\n');
    assert.match(heard[0].head, /Content-length: 35\r\n/);
    const oneLine = Buffer.alloc(100, 'x');
    assert.ok((await client(place, { maxCheckBytes: 45 }).check(oneLine)).ok);
    assert.equal(heard[1]?.body.length, 45);
  });

  it('reads an answer that arrives byte by byte', async (t) => {
    const answer = `${OK}Content-length: 3\r\nSpam: True ; 12.5 / 5.0\r\n\r\nA,B`;
    const { place } = await serve(t, (socket) => {
      socket.setNoDelay(true);
      const say = (index: number): void => {
        if (index === answer.length) socket.end();
        else socket.write(answer.charAt(index), () => setImmediate(say, index + 1));
      };
      say(0);
    });
    assert.deepEqual(await client(place).symbols(HAM), {
      ok: true,
      value: { score: 12.5, threshold: 5, flagged: true, symbols: ['A', 'B'] },
    });
  });

  it('reads what spamd says of a score', async (t) => {
    const says: readonly [string, unknown][] = [
      ['Spam: False ; -0.0 / 5.0', { score: 0, threshold: 5, flagged: false }],
      ['Spam: True ; 1000.0 / 5.0', { score: 1000, threshold: 5, flagged: true }],
      ['spam: Yes;7/-1.5', { score: 7, threshold: -1.5, flagged: true }],
      ['X: y\r\nSpam: False ; -12.34 / 5.0', { score: -12.34, threshold: 5, flagged: false }],
    ];
    for (const [line, value] of says) {
      const { place } = await answering(t, `${OK}${line}\r\n\r\n`);
      assert.deepEqual(await client(place).check(HAM), { ok: true, value }, line);
    }
  });

  it('takes no score from an answer that is cut off anywhere', async (t) => {
    const whole = `${OK}Content-length: 3\r\nSpam: True ; 12.5 / 5.0\r\n\r\nA,B`;
    let length = 0;
    const { place } = await serve(t, (socket) => {
      socket.end(whole.slice(0, length));
    });
    for (; length < whole.length; length++) {
      assert.match(failureOf(await client(place).symbols(HAM)), /^broken: /, whole.slice(0, length));
    }
    assert.ok((await client(place).symbols(HAM)).ok);
  });

  it('takes none from an answer that is wrong', async (t) => {
    const wrong = [
      'HTTP/1.1 400 Bad Request\r\n\r\n',
      `${OK}\r\n`,
      `${OK}Spam: False ; x / 5.0\r\n\r\n`,
      `${OK}Spam: False ; 1e400 / 5.0\r\n\r\n`,
      `${OK}Spam: Perhaps ; 1 / 5.0\r\n\r\n`,
      `${OK}Content-length: 4\r\nSpam: False ; 1.0 / 5.0\r\n\r\nA,B`,
      `${OK}Content-length: 2\r\nSpam: False ; 1.0 / 5.0\r\n\r\nA,B`,
      `${OK}Content-length: -3\r\nSpam: False ; 1.0 / 5.0\r\n\r\nA,B`,
      '\u0000\u00ff',
    ];
    for (const answer of wrong) {
      const { place } = await answering(t, answer);
      assert.match(failureOf(await client(place).check(HAM)), /^broken: /, answer);
    }
  });

  it('gives the reason of a refusal, safe to be logged', async (t) => {
    const { place } = await answering(t, 'SPAMD/1.0 75 EX_TEMPFAIL \u001b[2J later\r\n');
    assert.equal(failureOf(await client(place).check(HAM)), 'refused: answer 75: EX_TEMPFAIL ?[2J later');
    const { place: early } = await answering(
      t,
      'SPAMD/1.0 79 Timeout: (30 second timeout while trying to CHECK)\r\n',
    );
    assert.match(failureOf(await client(early).check(HAM)), /^refused: answer 79: Timeout/);
  });

  it('gives up an answer without end', async (t) => {
    const { place } = await serve(t, (socket) => {
      const pour = (): void => {
        while (!socket.destroyed && socket.write('Spam: True ; 1.0 / 5.0\r\n'.repeat(100)));
      };
      socket.on('drain', pour);
      socket.write(OK);
      pour();
    });
    assert.match(failureOf(await client(place).check(HAM)), /^broken: the answer is longer than 65536 bytes/);
  });

  it('gives up a server that hangs, or one that hangs up', async (t) => {
    const { place: hung } = await serve(t, () => undefined);
    assert.match(
      failureOf(await client(hung, { timeoutMs: 50 }).check(HAM)),
      /^deadline: no answer within 50 ms/,
    );
    const { place: rude } = await serve(t, (socket) => {
      socket.resetAndDestroy();
    });
    assert.match(failureOf(await client(rude).check(HAM)), /^broken: /);
    const { place: mute } = await answering(t, '');
    assert.match(
      failureOf(await client(mute).check(HAM)),
      /^broken: the connection was closed without an answer/,
    );
    const { place: trickle } = await serve(t, (socket) => {
      const drip = (): void => {
        if (!socket.destroyed) socket.write('x', () => setTimeout(drip, 5));
      };
      drip();
    });
    assert.match(failureOf(await client(trickle, { timeoutMs: 100 }).check(HAM)), /^deadline: /);
  });

  it('says that nobody listens', async (t) => {
    const scratch = testScratch(t);
    assert.match(
      failureOf(await client({ path: scratch.path('none.sock') }).ping()),
      /^unreachable: .*ENOENT/,
    );
    assert.match(
      failureOf(await client({ host: '127.0.0.1', port: 1 }).ping()),
      /^unreachable: .*ECONNREFUSED/,
    );
  });

  it('asks no more at a time than it may, the others in turn, their wait counted', async (t) => {
    const open: Socket[] = [];
    const arrivals = new EventTarget();
    const { place, heard } = await serve(t, (socket) => {
      open.push(socket);
      arrivals.dispatchEvent(new Event('one'));
    });
    const arrived = async (count: number): Promise<void> => {
      while (heard.length < count) await once(arrivals, 'one');
    };
    const spamd = client(place, { concurrency: 2 });
    const mails = Array.from({ length: 5 }, (_, n) => Buffer.from(`Subject: ${n}\r\n\r\n`));
    const checks = mails.map((mail) => spamd.check(mail));
    for (let answered = 0; answered < mails.length; answered++) {
      await arrived(Math.min(mails.length, answered + 2));
      assert.equal(heard.length, Math.min(mails.length, answered + 2));
      open[answered]?.end(`${OK}Spam: False ; ${answered}.0 / 5.0\r\n\r\n`);
    }
    assert.ok((await Promise.all(checks)).every(({ ok }) => ok));
    assert.deepEqual(heard.map(({ body }) => body.toString()).sort(), mails.map(String));

    const slow = client(place, { concurrency: 1, timeoutMs: 50 });
    const both = await Promise.all([slow.check(HAM), slow.check(HAM)]);
    assert.deepEqual(
      both.map(failureOf).map((reason) => reason.split(':')[0]),
      ['deadline', 'deadline'],
    );
    // The turns of both are free again.
    assert.match(failureOf(await slow.check(HAM)), /^deadline: no answer within/);
  });
});

for (const [name, tcp] of [
  ['a Unix socket', false],
  ['TCP', true],
] as const) {
  describe(`the spamc client and the real spamd, over ${name}`, { skip }, () => {
    const scratch = suiteScratch();
    let running: TestSpamd | undefined;
    before(async () => {
      running = await startSpamd(scratch, { tcp });
    });
    after(() => scratch.close());
    const started = (): TestSpamd => running ?? assert.fail('spamd does not run');

    it('tells ham from GTUBE, and by which rules', async () => {
      const spamd = client(started().place);
      assert.deepEqual(await spamd.ping(), { ok: true, value: 'pong' });
      const ham = await spamd.check(HAM);
      assert.ok(ham.ok);
      assert.deepEqual([ham.value.flagged, ham.value.threshold], [false, 5]);
      const spam = await spamd.symbols(SPAM);
      assert.ok(spam.ok && spam.value.flagged && spam.value.score >= 999);
      assert.ok(spam.value.symbols.includes('GTUBE'));
    });

    it('checks the beginning of a message of many megabytes', async () => {
      const line = `${'A'.repeat(76)}\r\n`;
      const large = Buffer.concat([SPAM, Buffer.alloc(20 * 1024 * 1024, line)]);
      const result = await client(started().place).check(large);
      assert.ok(result.ok && result.value.flagged, JSON.stringify(result));
    });

    it('teaches what it is allowed to, once for each message', async (t) => {
      const scratch = testScratch(t);
      const { place } = await startSpamd(scratch, { tcp, allowTell: true });
      const spamd = client(place);
      const mail = Buffer.from(replyMessage({ to: 'a@example.org', messageId: newMessageId() }));
      assert.deepEqual(await spamd.learn(mail, 'spam'), { ok: true, value: 'learned' });
      assert.deepEqual(await spamd.learn(mail, 'spam'), { ok: true, value: 'known' });
      assert.deepEqual(await spamd.learn(mail, 'ham'), { ok: true, value: 'learned' });
    });

    it('says that it may not teach, and goes on checking', async () => {
      const spamd = client(started().place);
      assert.match(
        failureOf(await spamd.learn(Buffer.alloc(5_000_000, 'x\r\n'), 'ham')),
        /^refused: .*--allow-tell/,
      );
      assert.ok((await spamd.check(HAM)).ok);
    });

    it('fails while spamd is gone, and works when it is back', async () => {
      const test = started();
      const spamd = client(test.place);
      await test.stop();
      assert.match(failureOf(await spamd.check(HAM)), /^unreachable: /);
      await test.start();
      assert.ok((await spamd.check(HAM)).ok);
    });
  });
}

describe('the spamc client and a spamd that dies in the midst of a check', { skip }, () => {
  it('says so, and takes no verdict', async (t) => {
    const scratch = testScratch(t);
    const test = await startSpamd(scratch);
    // Enough of them that some are under way, or wait, whenever spamd goes.
    const spamd = client(test.place, { concurrency: 20 });
    const checks = Array.from({ length: 20 }, () => spamd.check(SPAM));
    const first = await Promise.race(checks);
    assert.ok(first.ok);
    await test.stop();
    const results = await Promise.all(checks);
    assert.ok(results.some(({ ok }) => !ok));
    for (const result of results) {
      if (result.ok) assert.ok(result.value.flagged);
      else assert.match(failureOf(result), /^(broken|unreachable): /);
    }
  });
});
