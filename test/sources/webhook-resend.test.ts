// Resend: the event that is signed, and the mail behind two more calls, to a server of ours that speaks as its API does.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { itemsIn, message } from '../gate/gate.ts';
import { testScratch } from '../support/scratch.ts';
import { API_KEY, EMAIL, type ResendApi, resendTable, serveResend } from './resend-api.ts';
import { openBench, type WebhookBench } from './webhook-bench.ts';
import { type CallMail, newSecret, resendEvent, signStandard, type WireCall } from './webhook-calls.ts';

interface ResendBench {
  readonly bench: WebhookBench;
  readonly api: ResendApi;
  readonly secret: string;
  readonly event: (mail: Pick<CallMail, 'to'>) => WireCall;
}

async function openResend(
  t: TestContext,
  { hosts = true, inbound = '' }: { readonly hosts?: boolean; readonly inbound?: string } = {},
): Promise<ResendBench> {
  const scratch = testScratch(t);
  const api = await serveResend(t, scratch);
  const secret = newSecret();
  const bench = await openBench(t, { inbound, tables: () => resendTable(scratch, api, secret, hosts) });
  const event = (mail: Pick<CallMail, 'to'>): WireCall =>
    signStandard(resendEvent('/in/resend', EMAIL, mail), secret, bench.clock.now, { prefix: 'svix' });
  return { bench, api, secret, event };
}

describe('an event of Resend', () => {
  it('is taken when its mail is fetched and committed, with the key for the API alone', async (t) => {
    const { bench, api, event } = await openResend(t);
    api.raw = Buffer.concat([message([], 'caf'), Buffer.from([0xe9, 0x0d, 0x0a])]);
    const { status, text } = await bench.post(event({ to: [await bench.test.sealed()] }));
    assert.equal(status, 200, `${text} ${JSON.stringify(bench.events)}`);
    const [item] = await itemsIn(bench.test);
    const kept = Buffer.from((await bench.test.store.content(item!.id)) ?? []);
    assert.ok(kept.subarray(0, api.raw.length).equals(api.raw));
    assert.deepEqual(api.asked, [
      [`/emails/receiving/${EMAIL}?html_format=cid`, `Bearer ${API_KEY}`],
      [`/raw/${EMAIL}?Signature=s`, undefined],
    ]);
  });

  it('is posted once, however often it comes', async (t) => {
    const { bench, event } = await openResend(t);
    const call = event({ to: [await bench.test.sealed()] });
    for (let time = 0; time < 3; time++) assert.equal((await bench.post(call)).status, 200);
    assert.equal(await bench.items(), 1);
  });

  it('of another type is answered 200 and fetches nothing', async (t) => {
    const { bench, secret, api } = await openResend(t);
    const body = Buffer.from(JSON.stringify({ type: 'email.delivered', data: { email_id: EMAIL } }));
    const call = { path: '/in/resend', fields: [['content-type', 'application/json']] as const, body };
    const signed = signStandard(call, secret, bench.clock.now, { prefix: 'svix' });
    assert.equal((await bench.post(signed)).status, 200);
    assert.deepEqual(api.asked, []);
    assert.ok(bench.events.some(({ event }) => event === 'call_without_mail'));
  });

  it('that is forged is answered 401, and fetches nothing', async (t) => {
    const { bench, event, api, secret } = await openResend(t);
    const call = event({ to: [await bench.test.sealed()] });
    const unsigned = resendEvent('/in/resend', EMAIL, { to: ['a@b'] });
    const forged = [
      { ...call, body: Buffer.from(call.body.toString().replace('alice', 'mallo')) },
      signStandard(unsigned, newSecret(), bench.clock.now, { prefix: 'svix' }),
      signStandard(unsigned, secret, bench.clock.now - 400_000, { prefix: 'svix' }),
      signStandard(unsigned, secret, bench.clock.now, { prefix: 'webhook' }),
      unsigned,
    ];
    for (const each of forged) assert.equal((await bench.post(each)).status, 401);
    assert.deepEqual(api.asked, []);
  });

  it('with an email_id that would lead elsewhere is malformed, and fetches nothing', async (t) => {
    const { bench, secret, api } = await openResend(t);
    for (const id of ['../domains', 'a/b', 'a?b', '', 'x'.repeat(101), 'a%2fb']) {
      const call = resendEvent('/in/resend', id, { to: ['a@b'] });
      const signed = signStandard(call, secret, bench.clock.now, { prefix: 'svix' });
      assert.equal((await bench.post(signed)).status, 400, id);
    }
    assert.deepEqual(api.asked, []);
  });

  it('whose mail is too big ends with that verdict, and is not fetched to its end', async (t) => {
    const { bench, api, event } = await openResend(t, { inbound: 'max_message = "64KiB"' });
    api.raw = message([], 'x'.repeat(3_000_000));
    assert.equal((await bench.post(event({ to: [await bench.test.sealed()] }))).status, 200);
    const verdicts = bench.events.filter(({ event }) => event === 'verdict');
    assert.deepEqual(
      verdicts.map(({ fields }) => fields.reason),
      ['too-big'],
    );
  });
});

describe('the mail of an event of Resend', () => {
  const isPutOff = async (
    t: TestContext,
    change: (given: ResendBench) => void,
    why: RegExp,
    hosts = true,
  ) => {
    const given = await openResend(t, { hosts });
    change(given);
    const { bench, event } = given;
    const call = event({ to: [await bench.test.sealed()] });
    assert.equal((await bench.post(call)).status, 503);
    assert.match(String(bench.events.at(-1)?.fields.reason), why);
    assert.equal(await bench.items(), 0);
    return { ...given, call };
  };

  it('is fetched from no host that is not named', async (t) => {
    const { api } = await isPutOff(
      t,
      () => undefined,
      /raw\.download_url is at 127\.0\.0\.1:\d+, which is not/,
      false,
    );
    assert.equal(api.asked.length, 1);
  });

  it('is fetched over https alone, without a password, and from a URL', async (t) => {
    const urls = ['http://127.0.0.1/raw', 'file:///etc/passwd', 'https://u:p@127.0.0.1/', 'raw', null];
    for (const url of urls) {
      const { api } = await isPutOff(
        t,
        ({ api }) => {
          api.downloadUrl = url;
        },
        /raw\.download_url/,
      );
      assert.equal(api.asked.length, 1);
    }
  });

  it('is put off by a redirect, which nobody follows', async (t) => {
    const { api } = await isPutOff(
      t,
      ({ api }) => {
        api.instead = (request, response) => {
          if (!(request.url ?? '').startsWith('/raw/')) return false;
          response.writeHead(302, { location: `${api.origin}/elsewhere` }).end();
          return true;
        };
      },
      /the download answers 302/,
    );
    assert.equal(api.asked.length, 2);
  });

  it('is put off by an API that fails, and posted when it does not', async (t) => {
    const { bench, api, call } = await isPutOff(
      t,
      ({ api }) => {
        api.instead = (_, response) => {
          response.writeHead(500).end();
          return true;
        };
      },
      /the API answers 500/,
    );
    delete api.instead;
    assert.equal((await bench.post(call)).status, 200);
    assert.equal(await bench.items(), 1);
  });

  it('is put off by a download that breaks off', async (t) => {
    await isPutOff(
      t,
      ({ api }) => {
        api.instead = (request, response) => {
          if (!(request.url ?? '').startsWith('/raw/')) return false;
          response.writeHead(200, { 'content-length': '1000' });
          response.write('From: a@b\r\n', () => response.destroy());
          return true;
        };
      },
      /broke off/,
    );
  });
});
