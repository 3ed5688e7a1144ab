// Genuine calls of each kind: what is taken of them, what a repetition does, and what a wrong setting at the provider is told.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, it } from 'node:test';
import { Webhook } from 'standardwebhooks';
import type { Gate } from '../../src/gate/gate.ts';
import { itemsIn, message } from '../gate/gate.ts';
import { eventually } from '../support/eventually.ts';
import { DIRECT_KINDS, openBench, secretFile } from './webhook-bench.ts';
import {
  fieldOf,
  mailgunCall,
  multipart,
  newKey,
  newKeyPair,
  newSecret,
  postmarkCall,
  postmarkEvent,
  rawCall,
  sendgridForm,
  signMailgun,
  signSendgrid,
  signStandard,
  urlencoded,
} from './webhook-calls.ts';

for (const kind of DIRECT_KINDS) {
  describe(`a genuine call of ${kind}`, () => {
    it('is answered 200 when its mail is committed', async (t) => {
      const bench = await openBench(t);
      const mail = await bench.mail();
      const { status } = await bench.post(bench.genuine(kind, mail));
      assert.equal(status, 200);
      const [item, ...others] = await itemsIn(bench.test);
      assert.equal(others.length, 0);
      const kept = Buffer.from((await bench.test.store.content(item!.id)) ?? []);
      assert.ok(kept.toString().startsWith(mail.raw.toString()));
    });

    it('is answered 200 again when it comes again, and posts once', async (t) => {
      const bench = await openBench(t);
      const call = bench.genuine(kind, await bench.mail());
      assert.equal((await bench.post(call)).status, 200);
      assert.equal((await bench.post(call)).status, 200);
      assert.equal(await bench.items(), 1);
    });

    it('is for each of its recipients that is ours, and for no other', async (t) => {
      const bench = await openBench(t);
      const to = [
        await bench.test.sealed(),
        'bob@example.net',
        await bench.test.sealed({ thread: 'test/2' }),
      ];
      assert.equal((await bench.post(bench.genuine(kind, { raw: message(), to }))).status, 200);
      assert.equal(await bench.items(), 2);
    });

    it('is put off where the gate puts it off, and taken when it comes again', async (t) => {
      const bench = await openBench(t);
      const call = bench.genuine(kind, await bench.mail());
      const full = { verdict: 'deferred', reason: 'storage', detail: 'space is low' } as const;
      bench.use({ ...bench.test.gate, message: () => Promise.resolve([full]) });
      const { status, fields } = await bench.post(call);
      assert.deepEqual([status, fields['retry-after']], [503, '60']);
      bench.use({ ...bench.test.gate, transaction: () => full });
      assert.equal((await bench.post(call)).status, 503);
      bench.use(bench.test.gate);
      assert.equal((await bench.post(call)).status, 200);
      assert.equal(await bench.items(), 1);
    });

    it('is answered 200 with a mail that is too big, which ends with that verdict', async (t) => {
      const bench = await openBench(t, { inbound: 'max_message = "64KiB"' });
      const big = { ...(await bench.mail()), raw: message([], 'x'.repeat(70_000)) };
      const call = bench.genuine(kind, big);
      assert.equal((await bench.post(call)).status, 200);
      assert.equal((await bench.post(call)).status, 200);
      assert.equal(await bench.items(), 0);
      const reasons = bench.events
        .filter(({ event }) => event === 'verdict')
        .map(({ fields }) => fields.reason);
      assert.equal(reasons[0], 'too-big');
    });

    it('finds the address in the header where the envelope names another', async (t) => {
      const bench = await openBench(t);
      const address = await bench.test.sealed();
      const raw = message([`To: Ours <${address}>`]);
      assert.equal((await bench.post(bench.genuine(kind, { raw, to: ['list@example.net'] }))).status, 200);
      assert.equal(await bench.items(), 1);
    });
  });
}

describe('Mailgun', () => {
  it('is taken as an urlencoded form, octet by octet', async (t) => {
    const bench = await openBench(t);
    const raw = Buffer.concat([message([], 'a=b&c+d %41 '), Buffer.from([0xe9, 0x0d, 0x0a])]);
    const mail = { raw, to: [await bench.test.sealed()] };
    const call = mailgunCall(
      '/in/mailgun/mime',
      mail,
      signMailgun(bench.keys.mailgun, bench.clock.now),
      urlencoded,
    );
    assert.equal((await bench.post(call)).status, 200);
    const [item] = await itemsIn(bench.test);
    const kept = Buffer.from((await bench.test.store.content(item!.id)) ?? []);
    assert.deepEqual(kept.subarray(0, raw.length), raw);
  });

  it('is taken 8 hours later, which is as long as it tries, under the signature of the first attempt', async (t) => {
    const bench = await openBench(t);
    const call = bench.genuine('mailgun', await bench.mail());
    bench.clock.now += 8 * 3_600_000;
    assert.equal((await bench.post(call)).status, 200);
    assert.equal(await bench.items(), 1);
  });

  it('is told to try again, and the operator what to change, where the raw message is missing', async (t) => {
    const bench = await openBench(t);
    const signed = signMailgun(bench.keys.mailgun, bench.clock.now);
    const form = multipart([...Object.entries(signed), ['body-plain', 'It works now.']]);
    const { status, text } = await bench.post({ path: '/in/mailgun/mime', ...form });
    assert.equal(status, 422);
    assert.match(text, /ends in "mime"/);
    const [refused] = bench.events.filter(({ event }) => event === 'call_refused');
    assert.deepEqual([refused?.fields.source, refused?.fields.kind], ['mailgun', 'unusable']);
  });
});

describe('SendGrid', () => {
  it('is told to try again, and the operator what to change, where the raw message is missing', async (t) => {
    const bench = await openBench(t);
    const form = multipart([
      ['text', 'It works now.'],
      ['envelope', JSON.stringify({ to: [await bench.test.sealed()], from: 'alice@example.com' })],
    ]);
    const call = signSendgrid('/in/sendgrid', form, bench.keys.sendgrid.privateKey, bench.clock.now);
    const { status, text } = await bench.post(call);
    assert.equal(status, 503);
    assert.match(text, /POST the raw, full MIME message/);
  });

  it('posts one message twice where it has two recipients and two calls', async (t) => {
    const bench = await openBench(t);
    const raw = message();
    for (const thread of ['test/1', 'test/2']) {
      const call = bench.genuine('sendgrid', { raw, to: [await bench.test.sealed({ thread })] });
      assert.equal((await bench.post(call)).status, 200);
    }
    assert.equal(await bench.items(), 2);
  });

  it('gives octets of any charset as they came', async (t) => {
    const bench = await openBench(t);
    const raw = Buffer.concat([message([], 'caf'), Buffer.from([0xe9, 0x00, 0xff, 0x0d, 0x0a])]);
    assert.equal(
      (await bench.post(bench.genuine('sendgrid', { raw, to: [await bench.test.sealed()] }))).status,
      200,
    );
    const [item] = await itemsIn(bench.test);
    const kept = Buffer.from((await bench.test.store.content(item!.id)) ?? []);
    assert.deepEqual(kept.subarray(0, raw.length), raw);
  });
});

describe('what SendGrid says of the sender beside the message', () => {
  const policy = { senderPolicy: 'strict', authservId: undefined } as const;

  it('lets the author pass where the path is of their domain, and nobody else', async (t) => {
    const bench = await openBench(t, { gate: policy });
    const post = async (from: string, dkim: string): Promise<void> => {
      const to = await bench.test.sealed();
      const raw = message([`To: ${to}`]);
      assert.equal((await bench.post(bench.genuine('sendgrid', { raw, to: [to], from, dkim }))).status, 200);
    };
    await post('alice@elsewhere.example', '{@elsewhere.example : pass}');
    await post('alice@elsewhere.example', '{@example.com : fail}');
    await post('alice@example.com', 'odd');
    assert.equal(await bench.items(), 0);
    await post('alice@example.com', 'none');
    assert.equal(await bench.items(), 1);
  });

  it('is in place of what the header says', async (t) => {
    const bench = await openBench(t, { gate: policy });
    const to = await bench.test.sealed();
    const forged = 'Authentication-Results: mx.example.org; dmarc=pass header.from=example.com';
    const raw = message([forged, 'Received: from x by y; Thu, 26 Nov 2026 12:00:00 +0000', `To: ${to}`]);
    const from = 'mallory@elsewhere.example';
    await bench.post(bench.genuine('sendgrid', { raw, to: [to], from, dkim: 'none' }));
    assert.equal(await bench.items(), 0);
  });
});

describe('Postmark', () => {
  it('is told to try again, and the operator what to change, where the raw message is missing', async (t) => {
    const bench = await openBench(t);
    const { RawEmail, ...event } = postmarkEvent(await bench.mail());
    assert.ok(RawEmail !== undefined);
    const { status, text } = await bench.post(postmarkCall('/in/postmark', event, bench.keys.postmark));
    assert.equal(status, 422);
    assert.match(text, /Include raw email content/);
  });

  it('reaches a blind recipient, who is not in the message', async (t) => {
    const bench = await openBench(t);
    const to = ['list@example.net', await bench.test.sealed()];
    assert.equal((await bench.post(bench.genuine('postmark', { raw: message(), to }))).status, 200);
    assert.equal(await bench.items(), 1);
  });
});

describe('raw mail', () => {
  it('is taken as any library of Standard Webhooks signs it', async (t) => {
    const bench = await openBench(t);
    const mail = await bench.mail();
    const at = new Date(bench.clock.now);
    const signature = new Webhook(bench.keys.raw).sign('msg_1', at, mail.raw.toString());
    const call = rawCall('/in/raw', mail);
    const fields = [
      ...call.fields,
      ['webhook-id', 'msg_1'] as const,
      ['webhook-timestamp', String(at.getTime() / 1000)] as const,
      ['webhook-signature', `v1a,AAAA ${signature}`] as const,
    ];
    assert.equal((await bench.post({ ...call, fields })).status, 200);
    assert.equal(await bench.items(), 1);
  });

  it('takes recipients as a list with commas, in brackets or without', async (t) => {
    const bench = await openBench(t);
    const to = [await bench.test.sealed(), await bench.test.sealed({ thread: 'test/2' })];
    const call = rawCall('/in/raw', { raw: message(), to: [to.map((each) => `<${each}>`).join(' , ')] });
    assert.equal((await bench.post(signStandard(call, bench.keys.raw, bench.clock.now))).status, 200);
    assert.equal(await bench.items(), 2);
  });

  it('is malformed where it is of another content type', async (t) => {
    const bench = await openBench(t);
    const call = rawCall('/in/raw', await bench.mail());
    const other = {
      ...call,
      fields: call.fields.map(([n, v]) => [n, n === 'content-type' ? 'text/plain' : v] as const),
    };
    assert.equal((await bench.post(signStandard(other, bench.keys.raw, bench.clock.now))).status, 400);
    assert.equal(await bench.items(), 0);
  });
});

describe('a secret that is rotated', () => {
  it('is good beside the new one, in every kind', async (t) => {
    const bench = await openBench(t);
    const old = bench.keys;
    const fresh = {
      sendgrid: newKeyPair().publicText,
      mailgun: newKey(),
      postmark: `mailgw:${newKey()}`,
      raw: newSecret(),
    };
    const tables = DIRECT_KINDS.map((kind) => {
      const file = bench.scratch.path(`${kind}.secret`);
      const next = bench.scratch.path(`${kind}.next`);
      return `[[webhook]]\nname = "${kind}"\nkind = "${kind}"\nsecret_file = ["${next}", "${file}"]\n`;
    });
    for (const kind of DIRECT_KINDS) secretFile(bench.scratch, `${kind}.next`, fresh[kind]);
    await bench.reload(tables.join(''));
    for (const kind of DIRECT_KINDS)
      assert.equal((await bench.post(bench.genuine(kind, await bench.mail()))).status, 200, kind);
    const mail = await bench.mail();
    assert.equal(
      (await bench.post(postmarkCall('/in/postmark', postmarkEvent(mail), fresh.postmark))).status,
      200,
    );
    const byNew = mailgunCall(
      '/in/mailgun/mime',
      await bench.mail(),
      signMailgun(fresh.mailgun, bench.clock.now),
    );
    assert.equal((await bench.post(byNew)).status, 200);
    assert.ok(old.raw !== fresh.raw);
    assert.equal(await bench.items(), 6);
  });
});

describe('a source whose secret cannot be read', () => {
  it('is broken, says why, and puts its calls off until it can', async (t) => {
    const bench = await openBench(t);
    const good = `[[webhook]]\nname = "raw"\nkind = "raw"\nsecret_file = "${bench.scratch.path('raw.secret')}"\n`;
    await bench.reload(good.replace('raw.secret', 'gone.secret'));
    const call = bench.genuine('raw', await bench.mail());
    assert.equal((await bench.post(call)).status, 503);
    const [view] = bench.source.views();
    assert.deepEqual([view?.name, view?.kind, view?.state], ['raw', 'webhook', 'broken']);
    assert.match(view?.reason ?? '', /^webhook\.raw\.secret_file: .*gone\.secret: cannot be read/);
    assert.ok(bench.events.some(({ event }) => event === 'webhook_broken'));
    const isUp = (): unknown =>
      bench.meter.samples('mailgw_webhook_up').map(({ labels, value }) => [labels.source, value]);
    assert.deepEqual(isUp(), [['raw', 0]], 'those of before have gone, and have no figure');
    await bench.reload(good);
    assert.deepEqual(isUp(), [['raw', 1]]);
    assert.equal((await bench.post(call)).status, 200);
    assert.deepEqual(bench.source.views(), [{ name: 'raw', kind: 'webhook', state: 'serving' }]);
  });

  it('is one of another curve, of too few characters, or of another form', async (t) => {
    const bench = await openBench(t);
    const bad = {
      sendgrid: [newKeyPair('P-384').publicText, /P-256/],
      mailgun: ['short', /holds 5 characters; expected at least 16/],
      postmark: ['no-colon-in-this-password', /"user:password"/],
      raw: ['whsec_AAAA', /holds 3 bytes; expected at least 24/],
    } as const;
    for (const kind of DIRECT_KINDS) {
      const file = secretFile(bench.scratch, `${kind}.bad`, bad[kind][0]);
      await bench.reload(`[[webhook]]\nname = "${kind}"\nkind = "${kind}"\nsecret_file = "${file}"\n`);
      assert.match(bench.source.views()[0]?.reason ?? '', bad[kind][1]);
    }
  });
});

describe('a call', () => {
  /** A gate that has a message wait, as slow storage or a slow S3 does. */
  function slow(gate: Gate): { gate: Gate; asked: Promise<void>; letGo: () => void } {
    let letGo = (): void => undefined;
    let say = (): void => undefined;
    const going = new Promise<void>((resolve) => (letGo = resolve));
    const asked = new Promise<void>((resolve) => (say = resolve));
    const message: Gate['message'] = async (...args) => {
      say();
      await going;
      return gate.message(...args);
    };
    return { gate: { ...gate, message }, asked, letGo };
  }

  it('whose provider has hung up is taken to its end, and its next attempt is answered 200', async (t) => {
    const bench = await openBench(t);
    const call = bench.genuine('raw', await bench.mail());
    const held = slow(bench.test.gate);
    bench.use(held.gate);
    const headers = Object.fromEntries(call.fields);
    const outgoing = request({ socketPath: bench.socket, method: 'POST', path: call.path, headers });
    outgoing.on('error', () => undefined);
    outgoing.end(call.body);
    await held.asked;
    outgoing.destroy();
    held.letGo();
    await eventually(
      async () => ((await bench.items()) === 1 ? true : undefined),
      () => JSON.stringify(bench.events),
    );
    bench.use(bench.test.gate);
    assert.equal((await bench.post(call)).status, 200);
    assert.equal(await bench.items(), 1);
  });

  it('that comes five times at the same moment is answered 200 five times, and posted once', async (t) => {
    for (const kind of DIRECT_KINDS) {
      const bench = await openBench(t);
      const call = bench.genuine(kind, await bench.mail());
      const answers = await Promise.all([1, 2, 3, 4, 5].map(() => bench.post(call)));
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200, 200, 200, 200],
        kind,
      );
      assert.equal(await bench.items(), 1, kind);
    }
  });

  it('is counted by its source and its end', async (t) => {
    const bench = await openBench(t);
    await bench.post(bench.genuine('raw', await bench.mail()));
    const forged = bench.genuine('raw', await bench.mail());
    await bench.post({ ...forged, body: Buffer.concat([forged.body, Buffer.from('x')]) });
    const ends = bench.meter
      .samples('mailgw_webhook_calls_total')
      .filter(({ value }) => value > 0)
      .map(({ labels, value }) => [labels.source, labels.outcome, value]);
    assert.deepEqual(ends.sort(), [
      ['raw', 'forged', 1],
      ['raw', 'taken', 1],
    ]);
    const text = JSON.stringify(bench.events.filter(({ event }) => event === 'call_refused'));
    assert.match(text, /"source":"raw","kind":"forged"/);
    assert.ok(!text.includes(fieldOf(forged, 'webhook-signature')));
  });

  it('that is refused is not logged without end', async (t) => {
    const bench = await openBench(t);
    const forged = { ...bench.genuine('raw', await bench.mail()), body: Buffer.from('x') };
    for (let i = 0; i < 30; i++) await bench.post(forged);
    assert.equal(bench.events.filter(({ event }) => event === 'call_refused').length, 20);
    bench.clock.now += 60_000;
    await bench.post(forged);
    assert.equal(bench.events.at(-1)?.fields.unlogged, 10);
  });

  it('with the form of another provider is told apart from a forgery only when it is signed', async (t) => {
    const bench = await openBench(t);
    const form = sendgridForm(await bench.mail());
    assert.equal((await bench.post({ path: '/in/sendgrid', ...form })).status, 401);
    const garbled = { ...form, body: form.body.subarray(0, 200) };
    const call = signSendgrid('/in/sendgrid', garbled, bench.keys.sendgrid.privateKey, bench.clock.now);
    assert.equal((await bench.post(call)).status, 503);
    assert.equal(await bench.items(), 0);
  });
});
