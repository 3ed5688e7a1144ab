// Forgeries and replays of providers' calls: each is refused as its provider understands it, and none is posted.

import assert from 'node:assert/strict';
import { createHmac, sign } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { message } from '../gate/gate.ts';
import { type CallAnswer, openBench, type WebhookBench } from './webhook-bench.ts';
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
  standardSignature,
  urlencoded,
  type WireCall,
  withField,
} from './webhook-calls.ts';

/** A forgery: what it is, and how it is made. */
type Forgery = readonly [what: string, forge: (bench: WebhookBench) => Promise<WireCall> | WireCall];

/** Registers forgeries that are to be answered so, with nothing posted. */
function refuses(name: string, status: number, forgeries: readonly Forgery[]): void {
  describe(`${name} is answered ${status} and posts nothing`, () => {
    for (const [what, forge] of forgeries) {
      it(what, async (t) => {
        const bench = await openBench(t);
        const answer = await bench.post(await forge(bench));
        assert.equal(answer.status, status, answer.text);
        assert.equal(await bench.items(), 0);
        assert.equal(bench.events.filter(({ event }) => event === 'verdict').length, 0);
        const refused = bench.events.filter(({ event }) => event === 'call_refused');
        assert.equal(refused.length, 1);
      });
    }
  });
}

const append = (call: WireCall, text: string): WireCall => ({
  ...call,
  body: Buffer.concat([call.body, Buffer.from(text)]),
});

const twice = (call: WireCall, name: string): WireCall => ({
  ...call,
  fields: [...call.fields, [name, fieldOf(call, name)]],
});

const changed = (call: WireCall, name: string, change: (value: string) => string): WireCall =>
  withField(call, name, change(fieldOf(call, name)));

const genuineRaw = async (bench: WebhookBench): Promise<WireCall> => bench.genuine('raw', await bench.mail());

/** Signs raw mail with another age; seconds are in the past. */
const rawOf = async (bench: WebhookBench, seconds: number): Promise<WireCall> =>
  signStandard(rawCall('/in/raw', await bench.mail()), bench.keys.raw, bench.clock.now - seconds * 1000);

const SIGNATURE = 'webhook-signature';
const TIMESTAMP = 'webhook-timestamp';
const ID = 'webhook-id';

refuses('raw mail', 401, [
  ['without any signature', async (bench) => rawCall('/in/raw', await bench.mail())],
  ['with an altered body', async (bench) => append(await genuineRaw(bench), 'x')],
  [
    'with a body that is cut',
    async (b) => ({ ...(await genuineRaw(b)), body: Buffer.from('From: a@b\r\n\r\n') }),
  ],
  ['with an empty body', async (bench) => ({ ...(await genuineRaw(bench)), body: Buffer.alloc(0) })],
  [
    'under a secret of nobody',
    async (b) => signStandard(rawCall('/in/raw', await b.mail()), newSecret(), b.clock.now),
  ],
  [
    'under the secret of another source',
    async (bench) =>
      signStandard(rawCall('/in/raw', await bench.mail()), bench.keys.otherRaw, bench.clock.now),
  ],
  [
    "at another source under this one's secret",
    async (bench) => ({ ...(await genuineRaw(bench)), path: '/in/other' }),
  ],
  [
    'with another timestamp',
    async (bench) => changed(await genuineRaw(bench), TIMESTAMP, (t) => String(Number(t) + 1)),
  ],
  ['with another id', async (bench) => withField(await genuineRaw(bench), ID, 'msg_other')],
  ['without the id', async (bench) => withField(await genuineRaw(bench), ID, undefined)],
  ['without the timestamp', async (bench) => withField(await genuineRaw(bench), TIMESTAMP, undefined)],
  ['without the signature', async (bench) => withField(await genuineRaw(bench), SIGNATURE, undefined)],
  ['with an empty signature', async (bench) => withField(await genuineRaw(bench), SIGNATURE, '')],
  ['with the id twice', async (bench) => twice(await genuineRaw(bench), ID)],
  ['with the timestamp twice', async (bench) => twice(await genuineRaw(bench), TIMESTAMP)],
  ['with the signature twice', async (bench) => twice(await genuineRaw(bench), SIGNATURE)],
  ['that is 6 minutes old', async (bench) => rawOf(bench, 360)],
  ['that is 6 minutes ahead', async (bench) => rawOf(bench, -360)],
  [
    'with a timestamp in milliseconds',
    async (bench) => {
      const call = rawCall('/in/raw', await bench.mail());
      const at = String(bench.clock.now);
      const signature = standardSignature(bench.keys.raw, 'm', at, call.body);
      return { ...call, fields: [...call.fields, [ID, 'm'], [TIMESTAMP, at], [SIGNATURE, signature]] };
    },
  ],
  [
    'with a timestamp that is no number',
    async (bench) => {
      const call = rawCall('/in/raw', await bench.mail());
      const at = `${Math.floor(bench.clock.now / 1000)}.5`;
      const signature = standardSignature(bench.keys.raw, 'm', at, call.body);
      return { ...call, fields: [...call.fields, [ID, 'm'], [TIMESTAMP, at], [SIGNATURE, signature]] };
    },
  ],
  [
    'whose id holds a dot, which moves the border to the timestamp',
    async (bench) => {
      const call = rawCall('/in/raw', await bench.mail());
      const at = String(Math.floor(bench.clock.now / 1000));
      const signature = standardSignature(bench.keys.raw, `m.${at}`, at, call.body);
      return { ...call, fields: [...call.fields, [ID, `m.${at}`], [TIMESTAMP, at], [SIGNATURE, signature]] };
    },
  ],
  [
    'with a signature of another version',
    async (b) => changed(await genuineRaw(b), SIGNATURE, (s) => s.replace('v1', 'v1a')),
  ],
  [
    'with a signature without a version',
    async (b) => changed(await genuineRaw(b), SIGNATURE, (s) => s.replace('v1,', '')),
  ],
  [
    'with a signature that is cut',
    async (bench) => changed(await genuineRaw(bench), SIGNATURE, (s) => s.slice(0, -4)),
  ],
  [
    'with a signature in hex',
    async (bench) =>
      changed(
        await genuineRaw(bench),
        SIGNATURE,
        (s) => `v1,${Buffer.from(s.slice(3), 'base64').toString('hex')}`,
      ),
  ],
  [
    'with a signature without its padding',
    async (b) => changed(await genuineRaw(b), SIGNATURE, (s) => s.replace(/=+$/, '')),
  ],
  [
    'with white space in its base64',
    async (b) => changed(await genuineRaw(b), SIGNATURE, (s) => `${s.slice(0, 9)}\t${s.slice(9)}`),
  ],
  [
    'with other bits behind the last octet of its base64',
    async (bench) =>
      changed(await genuineRaw(bench), SIGNATURE, (s) => {
        const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
        const at = s.length - 2;
        return `${s.slice(0, at)}${letters[letters.indexOf(s[at]!) ^ 1]}=`;
      }),
  ],
  [
    'with a signature among more of them than are looked at',
    async (bench) => changed(await genuineRaw(bench), SIGNATURE, (s) => `${'v1,AAAA '.repeat(20)}${s}`),
  ],
  [
    'signed over the body alone',
    async (bench) => {
      const call = await genuineRaw(bench);
      const key = Buffer.from(bench.keys.raw.slice(6), 'base64');
      return withField(call, SIGNATURE, `v1,${createHmac('sha256', key).update(call.body).digest('base64')}`);
    },
  ],
  [
    'under the secret as text, and not what it is base64 of',
    async (bench) => {
      const call = await genuineRaw(bench);
      const mac = createHmac('sha256', bench.keys.raw);
      mac.update(`${fieldOf(call, ID)}.${fieldOf(call, TIMESTAMP)}.`).update(call.body);
      return withField(call, SIGNATURE, `v1,${mac.digest('base64')}`);
    },
  ],
  [
    "with the names of Svix in the place of the standard's",
    async (bench) =>
      signStandard(rawCall('/in/raw', await bench.mail()), bench.keys.raw, bench.clock.now, {
        prefix: 'svix',
      }),
  ],
]);

const genuineMailgun = (
  bench: WebhookBench,
  change: Partial<Record<string, string>>,
  age = 0,
): Promise<WireCall> =>
  bench.mail().then((mail) => {
    const signed = signMailgun(bench.keys.mailgun, bench.clock.now - age);
    return mailgunCall('/in/mailgun/mime', mail, { ...signed, ...change });
  });

/** A form with these pairs in the place of a signature's. */
const mailgunForm = async (
  bench: WebhookBench,
  pairs: (signed: ReturnType<typeof signMailgun>) => (readonly [string, string])[],
  write: typeof multipart | typeof urlencoded = multipart,
): Promise<WireCall> => {
  const mail = await bench.mail();
  const signed = signMailgun(bench.keys.mailgun, bench.clock.now);
  const form = write([['recipient', mail.to.join(',')], ['body-mime', mail.raw], ...pairs(signed)]);
  return { path: '/in/mailgun/mime', ...form };
};

refuses("a call of Mailgun's", 406, [
  [
    'without a signature',
    (bench) =>
      mailgunForm(bench, ({ timestamp, token }) => [
        ['timestamp', timestamp],
        ['token', token],
      ]),
  ],
  [
    'without a token',
    (bench) =>
      mailgunForm(bench, ({ timestamp, signature }) => [
        ['timestamp', timestamp],
        ['signature', signature],
      ]),
  ],
  [
    'without a timestamp',
    (bench) =>
      mailgunForm(bench, ({ token, signature }) => [
        ['token', token],
        ['signature', signature],
      ]),
  ],
  ['with an empty signature', (bench) => genuineMailgun(bench, { signature: '' })],
  ['with an empty token', (bench) => genuineMailgun(bench, { token: '' })],
  [
    'with a signature that is cut',
    async (bench) => {
      const { signature } = signMailgun(bench.keys.mailgun, bench.clock.now, 'a'.repeat(50));
      return genuineMailgun(bench, { token: 'a'.repeat(50), signature: signature.slice(0, 32) });
    },
  ],
  [
    'with a signature in capitals',
    async (bench) => {
      const signed = signMailgun(bench.keys.mailgun, bench.clock.now);
      return genuineMailgun(bench, { ...signed, signature: signed.signature.toUpperCase() });
    },
  ],
  [
    'with a signature in base64',
    async (bench) => {
      const signed = signMailgun(bench.keys.mailgun, bench.clock.now);
      return genuineMailgun(bench, {
        ...signed,
        signature: Buffer.from(signed.signature, 'hex').toString('base64'),
      });
    },
  ],
  ['under another key', (bench) => genuineMailgun(bench, { ...signMailgun(newKey(), bench.clock.now) })],
  ['with another token', (bench) => genuineMailgun(bench, { token: 'b'.repeat(50) })],
  [
    'with another timestamp',
    (bench) => genuineMailgun(bench, { timestamp: String(bench.clock.now / 1000 + 1) }),
  ],
  [
    "with a token that takes a digit of the timestamp's, under a key of nobody",
    (bench) => {
      const { timestamp, token, signature } = signMailgun(newKey(), bench.clock.now);
      return genuineMailgun(bench, {
        timestamp: timestamp.slice(0, -1),
        token: `${timestamp.slice(-1)}${token}`,
        signature,
      });
    },
  ],
  [
    'with the signature twice, of which one is right',
    (bench) => mailgunForm(bench, (signed) => [...Object.entries(signed), ['signature', signed.signature]]),
  ],
  [
    'with the token twice',
    (bench) => mailgunForm(bench, (signed) => [...Object.entries(signed), ['token', 'c'.repeat(50)]]),
  ],
  [
    'with an urlencoded signature twice',
    (bench) => mailgunForm(bench, (signed) => [...Object.entries(signed), ['signature', 'x']], urlencoded),
  ],
  [
    'with fields whose names are escaped twice',
    async (bench) => {
      const call = await mailgunForm(bench, (signed) => Object.entries(signed), urlencoded);
      return { ...call, body: Buffer.from(call.body.toString('latin1').replace('token=', '%2574oken=')) };
    },
  ],
  [
    'with the signature in the URL and not in the form',
    async (bench) => {
      const call = await mailgunForm(bench, () => []);
      return {
        ...call,
        path: `${call.path}?${new URLSearchParams({ ...signMailgun(bench.keys.mailgun, bench.clock.now) }).toString()}`,
      };
    },
  ],
  [
    'as JSON',
    (bench) => {
      const signed = signMailgun(bench.keys.mailgun, bench.clock.now);
      const body = Buffer.from(
        JSON.stringify({ ...signed, 'body-mime': message().toString(), recipient: 'a@b' }),
      );
      return { path: '/in/mailgun/mime', fields: [['content-type', 'application/json']], body };
    },
  ],
  ['without a content type', async (bench) => ({ ...(await genuineMailgun(bench, {})), fields: [] })],
  ['with the content type twice', async (bench) => twice(await genuineMailgun(bench, {}), 'content-type')],
  [
    'with a form without a boundary',
    async (bench) => withField(await genuineMailgun(bench, {}), 'content-type', 'multipart/form-data'),
  ],
  [
    'with a form that is broken off',
    async (bench) => {
      const call = await genuineMailgun(bench, {});
      return { ...call, body: call.body.subarray(0, -60) };
    },
  ],
  [
    'with the signature behind more parts than a form may have',
    async (bench) =>
      mailgunForm(bench, (signed) => [
        ...Array.from({ length: 300 }, (_, index) => [`x${index}`, 'y'] as const),
        ...Object.entries(signed),
      ]),
  ],
  [
    'with the signature behind more urlencoded fields than a form may have',
    async (bench) =>
      mailgunForm(
        bench,
        (signed) => [
          ...Array.from({ length: 300 }, (_, i) => [`x${i}`, 'y'] as const),
          ...Object.entries(signed),
        ],
        urlencoded,
      ),
  ],
  [
    'with a token of a thousand characters',
    async (bench) =>
      genuineMailgun(bench, { ...signMailgun(bench.keys.mailgun, bench.clock.now, 'd'.repeat(1000)) }),
  ],
  [
    'with the fields of another provider',
    async (bench) => ({
      ...sendgridForm(await bench.mail()),
      path: '/in/mailgun/mime',
    }),
  ],
]);

refuses("a call of Mailgun's at the wrong time, which is signed and so may come again,", 401, [
  ['13 hours old', (bench) => genuineMailgun(bench, {}, 13 * 3_600_000)],
  ['6 minutes ahead', (bench) => genuineMailgun(bench, {}, -360_000)],
  [
    'with the border between timestamp and token moved to the left',
    async (bench) => {
      const { timestamp, token, signature } = signMailgun(bench.keys.mailgun, bench.clock.now);
      return genuineMailgun(bench, {
        timestamp: timestamp.slice(0, -1),
        token: `${timestamp.slice(-1)}${token}`,
        signature,
      });
    },
  ],
  [
    'with the border moved to the right',
    async (bench) => {
      const { timestamp, token, signature } = signMailgun(
        bench.keys.mailgun,
        bench.clock.now,
        `7${'e'.repeat(49)}`,
      );
      return genuineMailgun(bench, { timestamp: `${timestamp}7`, token: token.slice(1), signature });
    },
  ],
]);

const EC_SIGNATURE = 'x-twilio-email-event-webhook-signature';
const EC_TIMESTAMP = 'x-twilio-email-event-webhook-timestamp';
const genuineSendgrid = async (bench: WebhookBench): Promise<WireCall> =>
  bench.genuine('sendgrid', await bench.mail());

refuses("a call of SendGrid's", 401, [
  ['without any signature', async (bench) => ({ path: '/in/sendgrid', ...sendgridForm(await bench.mail()) })],
  ['with an altered body', async (bench) => append(await genuineSendgrid(bench), ' ')],
  [
    'with another envelope',
    async (bench) => {
      const call = await genuineSendgrid(bench);
      return {
        ...call,
        body: Buffer.from(
          call.body.toString('latin1').replace('alice@example.com', 'mallo@example.com'),
          'latin1',
        ),
      };
    },
  ],
  [
    'under another key',
    async (bench) =>
      signSendgrid(
        '/in/sendgrid',
        sendgridForm(await bench.mail()),
        newKeyPair().privateKey,
        bench.clock.now,
      ),
  ],
  [
    'under a key of another curve',
    async (bench) =>
      signSendgrid(
        '/in/sendgrid',
        sendgridForm(await bench.mail()),
        newKeyPair('P-384').privateKey,
        bench.clock.now,
      ),
  ],
  [
    'with another timestamp',
    async (b) => changed(await genuineSendgrid(b), EC_TIMESTAMP, (t) => String(Number(t) + 1)),
  ],
  [
    'with a digit of the body in the timestamp',
    async (bench) => {
      const form = { ...sendgridForm(await bench.mail()) };
      const call = signSendgrid(
        '/in/sendgrid',
        { ...form, body: Buffer.concat([Buffer.from('1'), form.body]) },
        bench.keys.sendgrid.privateKey,
        bench.clock.now,
      );
      return { ...changed(call, EC_TIMESTAMP, (t) => `${t}1`), body: form.body };
    },
  ],
  [
    'without the timestamp',
    async (bench) => withField(await genuineSendgrid(bench), EC_TIMESTAMP, undefined),
  ],
  [
    'without the signature',
    async (bench) => withField(await genuineSendgrid(bench), EC_SIGNATURE, undefined),
  ],
  ['with an empty signature', async (bench) => withField(await genuineSendgrid(bench), EC_SIGNATURE, '')],
  ['with the signature twice', async (bench) => twice(await genuineSendgrid(bench), EC_SIGNATURE)],
  ['with the timestamp twice', async (bench) => twice(await genuineSendgrid(bench), EC_TIMESTAMP)],
  [
    'with a signature of zeros (CVE-2022-21449)',
    async (bench) =>
      withField(
        await genuineSendgrid(bench),
        EC_SIGNATURE,
        Buffer.from('3006020100020100', 'hex').toString('base64'),
      ),
  ],
  [
    'with a signature as two numbers, without DER',
    async (bench) => {
      const call = await genuineSendgrid(bench);
      const signed = Buffer.concat([Buffer.from(fieldOf(call, EC_TIMESTAMP)), call.body]);
      const key = { key: bench.keys.sendgrid.privateKey, dsaEncoding: 'ieee-p1363' } as const;
      return withField(call, EC_SIGNATURE, sign('sha256', signed, key).toString('base64'));
    },
  ],
  [
    'with a signature over SHA-1',
    async (bench) => {
      const call = await genuineSendgrid(bench);
      const signed = Buffer.concat([Buffer.from(fieldOf(call, EC_TIMESTAMP)), call.body]);
      return withField(
        call,
        EC_SIGNATURE,
        sign('sha1', signed, bench.keys.sendgrid.privateKey).toString('base64'),
      );
    },
  ],
  [
    'with a signature in hex',
    async (bench) =>
      changed(await genuineSendgrid(bench), EC_SIGNATURE, (s) => Buffer.from(s, 'base64').toString('hex')),
  ],
  [
    'with an octet behind its signature',
    async (bench) =>
      changed(await genuineSendgrid(bench), EC_SIGNATURE, (s) =>
        Buffer.concat([Buffer.from(s, 'base64'), Buffer.from([0])]).toString('base64'),
      ),
  ],
]);

refuses("a call of SendGrid's at the wrong time, which is signed and so may come again,", 503, [
  [
    '5 days old',
    async (bench) =>
      signSendgrid(
        '/in/sendgrid',
        sendgridForm(await bench.mail()),
        bench.keys.sendgrid.privateKey,
        bench.clock.now - 5 * 86_400_000,
      ),
  ],
  [
    'an hour ahead',
    async (bench) =>
      signSendgrid(
        '/in/sendgrid',
        sendgridForm(await bench.mail()),
        bench.keys.sendgrid.privateKey,
        bench.clock.now + 3_600_000,
      ),
  ],
]);

const genuinePostmark = async (bench: WebhookBench): Promise<WireCall> =>
  bench.genuine('postmark', await bench.mail());
const AUTHORIZATION = 'authorization';
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

refuses("a call of Postmark's", 403, [
  ['without a password', async (bench) => withField(await genuinePostmark(bench), AUTHORIZATION, undefined)],
  [
    'with another password',
    async (b) => postmarkCall('/in/postmark', postmarkEvent(await b.mail()), `mailgw:${newKey()}`),
  ],
  [
    'with another user',
    async (b) =>
      postmarkCall('/in/postmark', postmarkEvent(await b.mail()), b.keys.postmark.replace('mailgw', 'other')),
  ],
  [
    'with the password alone',
    async (b) =>
      withField(await genuinePostmark(b), AUTHORIZATION, basic(b.keys.postmark.slice('mailgw:'.length))),
  ],
  [
    'with an empty password',
    async (bench) => withField(await genuinePostmark(bench), AUTHORIZATION, basic('mailgw:')),
  ],
  [
    'with the password in clear',
    async (b) => withField(await genuinePostmark(b), AUTHORIZATION, `Basic ${b.keys.postmark}`),
  ],
  [
    'with the password as a bearer token',
    async (b) => withField(await genuinePostmark(b), AUTHORIZATION, `Bearer ${b.keys.postmark}`),
  ],
  [
    'with a password that begins like it',
    async (b) => withField(await genuinePostmark(b), AUTHORIZATION, basic(`${b.keys.postmark}x`)),
  ],
  [
    'with a zero behind its password',
    async (b) => withField(await genuinePostmark(b), AUTHORIZATION, basic(`${b.keys.postmark}\0`)),
  ],
  [
    'with a password in base64 of another alphabet',
    async (b) => changed(await genuinePostmark(b), AUTHORIZATION, (value) => `${value.replace(/=+$/, '')}_-`),
  ],
  ['with an empty field', async (bench) => withField(await genuinePostmark(bench), AUTHORIZATION, '')],
]);

describe('what a path is asked for', () => {
  it('is a POST, and nothing else is taken', async (t) => {
    const bench = await openBench(t);
    const call = await genuineRaw(bench);
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const { status, fields } = await bench.post({ ...call, method });
      assert.deepEqual([status, fields.allow], [405, 'POST'], method);
    }
    assert.equal(await bench.items(), 0);
  });

  it('is a path of ours to the letter', async (t) => {
    const bench = await openBench(t);
    const call = await genuineRaw(bench);
    for (const path of [
      '/',
      '/in',
      '/in/',
      '/in/raw/',
      '/in//raw',
      '/IN/raw',
      '/in/raw/../raw',
      '/in/%72aw',
      '/in/raw;x',
    ])
      assert.equal((await bench.post({ ...call, path })).status, 404, path);
    assert.equal(await bench.items(), 0);
  });
});

describe('a replay', () => {
  const postTwice = async (
    t: TestContext,
    make: (bench: WebhookBench) => Promise<readonly [WireCall, WireCall]>,
  ): Promise<{ readonly bench: WebhookBench; readonly answers: readonly CallAnswer[] }> => {
    const bench = await openBench(t);
    const [first, second] = await make(bench);
    return { bench, answers: [await bench.post(first), await bench.post(second)] };
  };

  it("of Mailgun's token with another message is refused as a bad signature, and not posted", async (t) => {
    const { bench, answers } = await postTwice(t, async (bench) => {
      const signed = signMailgun(bench.keys.mailgun, bench.clock.now);
      const forged = { raw: message([], 'forged'), to: [await bench.test.sealed({ thread: 'test/2' })] };
      return [
        mailgunCall('/in/mailgun/mime', await bench.mail(), signed),
        mailgunCall('/in/mailgun/mime', forged, signed),
      ];
    });
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 406],
    );
    assert.equal(await bench.items(), 1);
  });

  it("of Mailgun's token with the same message to another address is refused", async (t) => {
    const { bench, answers } = await postTwice(t, async (bench) => {
      const signed = signMailgun(bench.keys.mailgun, bench.clock.now);
      const mail = await bench.mail();
      const other = { ...mail, to: [await bench.test.sealed({ thread: 'test/2' })] };
      return [mailgunCall('/in/mailgun/mime', mail, signed), mailgunCall('/in/mailgun/mime', other, signed)];
    });
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 406],
    );
    assert.equal(await bench.items(), 1);
  });

  it("of Mailgun's token after a message that was for nobody is refused", async (t) => {
    const { bench, answers } = await postTwice(t, async (bench) => {
      const signed = signMailgun(bench.keys.mailgun, bench.clock.now);
      const nobodys = { raw: message(), to: ['list@example.net'] };
      return [
        mailgunCall('/in/mailgun/mime', nobodys, signed),
        mailgunCall('/in/mailgun/mime', await bench.mail(), signed),
      ];
    });
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 406],
    );
    assert.equal(await bench.items(), 0);
  });

  it("of Mailgun's token is refused when both come at once", async (t) => {
    const bench = await openBench(t);
    const signed = signMailgun(bench.keys.mailgun, bench.clock.now);
    const mails = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => ({
        raw: message(),
        to: [await bench.test.sealed({ thread: `test/${index}` })],
      })),
    );
    const answers = await Promise.all(
      mails.map((mail) => bench.post(mailgunCall('/in/mailgun/mime', mail, signed))),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 406, 406, 406, 406, 406, 406, 406]);
    assert.equal(await bench.items(), 1);
  });

  it('of raw mail under another envelope is refused', async (t) => {
    const { bench, answers } = await postTwice(t, async (bench) => {
      const call = await genuineRaw(bench);
      return [call, withField(call, 'x-mailgw-envelope-to', await bench.test.sealed({ thread: 'test/2' }))];
    });
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 401],
    );
    assert.equal(await bench.items(), 1);
  });

  it('of another message under one id of raw mail is refused', async (t) => {
    const { bench, answers } = await postTwice(t, async (bench) => {
      const sign = async (): Promise<WireCall> =>
        signStandard(rawCall('/in/raw', await bench.mail()), bench.keys.raw, bench.clock.now, {
          id: 'msg_1',
        });
      return [await sign(), await sign()];
    });
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 401],
    );
    assert.equal(await bench.items(), 1);
  });

  it("of a call of SendGrid's posts nothing twice, and neither does one of Postmark's", async (t) => {
    for (const kind of ['sendgrid', 'postmark'] as const) {
      const { bench, answers } = await postTwice(t, async (bench) => {
        const call = bench.genuine(kind, await bench.mail());
        return [call, call];
      });
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200],
      );
      assert.equal(await bench.items(), 1);
    }
  });
});
