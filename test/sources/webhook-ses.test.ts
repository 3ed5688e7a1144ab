// SES by SNS and S3: what is genuine comes through octet by octet, and nothing else does.
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { LogFields } from '../../src/observe/log.ts';
import { Meter } from '../../src/observe/meter.ts';
import type { Call, Given, Provider, Refusal } from '../../src/sources/webhook/provider.ts';
import { Certificates } from '../../src/sources/webhook/ses/certificates.ts';
import {
  confirm,
  forgetPending,
  pendingFile,
  readPending,
} from '../../src/sources/webhook/ses/confirmation.ts';
import { createSes, readOptions } from '../../src/sources/webhook/ses/ses.ts';
import { readTopic } from '../../src/sources/webhook/ses/topic.ts';
import { takeMail } from '../../src/sources/webhook/take.ts';
import { configOf, LEAST, problemsOf } from '../config/least.ts';
import { message } from '../gate/gate.ts';
import { serveHttp, serveHttps } from '../support/loopback.ts';
import { s3Listener } from '../support/s3.ts';
import { Scratch, testScratch } from '../support/scratch.ts';
import {
  CERTIFICATE_PATH,
  confirmation,
  derOf,
  type Fields,
  type Identity,
  makeCertificate,
  notification,
  openTo,
  type Redirected,
  received,
  SNS_HOST,
  signed,
  TOPIC_ARN,
} from '../support/sns.ts';
import { listenTo } from '../support/webhook-source.ts';

/** The time of the tests: some days within the certificates, which are of today. */
const NOW = Date.now() + 86_400_000;

const LISTENING = `${LEAST}\n[inbound]\nlisten = "127.0.0.1:8026"\n`;

const MAIL = Buffer.from(
  'From: Alice <alice@example.com>\r\nSubject: Re: \xfcber\r\n\r\n8-bit: \xe4\xff\r\n',
  'latin1',
);

const S3_KEY = {
  id: 'AKIAIOSFODNN7EXAMPLE',
  secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  region: 'eu-west-1',
};

/** The certificates of the tests, made once: each takes a key of its own. */
interface Cast {
  readonly authority: Identity;
  readonly signer: Identity;
  readonly tls: Identity;
}

const scratch = new Scratch();
let cast: Cast;
before(() => {
  const authority = makeCertificate(scratch.directory, undefined, {
    names: ['Authority'],
    isAuthority: true,
  });
  const signer = makeCertificate(scratch.directory, authority);
  const tls = makeCertificate(scratch.directory, authority, { names: ['127.0.0.1'] });
  cast = { authority, signer, tls };
});
after(async () => {
  scratch.note({ passed: true });
  await scratch.close();
});

interface Choice {
  /** Answers for SNS' host; the signer's certificate at its path as a rule. */
  readonly sns?: RequestListener;
  readonly certificate?: string;
  readonly places?: Readonly<Record<string, string>>;
  readonly settings?: string;
  readonly now?: () => number;
  readonly mostBytes?: number;
}

interface Bench {
  readonly provider: Provider;
  readonly connections: Redirected;
  readonly storePath: string;
  readonly events: readonly { readonly event: string; readonly fields: LogFields | undefined }[];
  /** Takes a call: what it brings, or why it is refused. */
  readonly take: (fields: Fields | string, header?: Record<string, string>) => Promise<Given | Refusal>;
}

async function openBench(t: TestContext, choice: Choice = {}): Promise<Bench> {
  const own = testScratch(t);
  const caFile = own.path('ca.pem');
  writeFileSync(caFile, cast.authority.cert);
  chmodSync(caFile, 0o644);
  const table = `[[webhook]]\nname = "ses"\nkind = "ses"\ntopic_arn = "${TOPIC_ARN}"\nca_file = "${caFile}"\n`;
  const [config] = configOf(`${LISTENING}\n${table}${choice.settings ?? ''}`).webhook.each;
  const read = readOptions(config ?? assert.fail(), 'webhook[0]');
  if (!read.ok) throw new Error(read.problems.join('; '));
  const sns = await serveHttps(
    t,
    cast.tls,
    choice.sns ??
      ((request, response) => {
        const found = request.url === CERTIFICATE_PATH;
        response.writeHead(found ? 200 : 403).end(found ? (choice.certificate ?? cast.signer.cert) : '');
      }),
  );
  const places = { [`https://${SNS_HOST}`]: sns, ...choice.places };
  const connections = openTo(places, cast.authority.cert);
  const events: { event: string; fields: LogFields | undefined }[] = [];
  const storePath = own.path('mailgw.db');
  const { now = () => NOW, mostBytes = 1024 * 1024 } = choice;
  const log = (event: string, fields?: LogFields): void => {
    events.push({ event, fields });
  };
  const environment = { key: 'webhook[0]', now, log, mostBytes: () => mostBytes, storePath: () => storePath };
  const provider = createSes(read.options, environment, connections);
  own.defer(() => provider.close?.());
  const take: Bench['take'] = async (fields, header = {}) => {
    const verified = await provider.verify(callOf(fields, header));
    return verified.kind === 'verified' ? verified.give(new AbortController().signal) : verified;
  };
  return { provider, connections, storePath, events, take };
}

function callOf(fields: Fields | string, header: Record<string, string>): Call {
  const body = Buffer.from(typeof fields === 'string' ? fields : JSON.stringify(fields));
  return {
    fields: new Map(Object.entries(header).map(([name, value]) => [name, [value]])),
    body: {
      bytes: body.length,
      read: async function* () {
        await Promise.resolve();
        yield body;
      },
      whole: () => Promise.resolve(body),
    },
    at: NOW,
  };
}

const inSns = (change: Parameters<typeof received>[0] = {}): Fields =>
  received({ content: MAIL.toString('base64'), ...change });

const genuine = (change: Fields = {}): Fields => signed(notification(inSns(), NOW, change), cast.signer.key);

/** A message without one of its fields. */
const without = (call: Fields, name: string): Fields =>
  Object.fromEntries(Object.entries(call).filter(([each]) => each !== name));

async function assertForged(bench: Bench, call: Fields | string, reason: RegExp): Promise<void> {
  const given = await bench.take(call);
  assert.equal(given.kind, 'forged', `${JSON.stringify(given)} of ${JSON.stringify(call)}`);
  assert.match('reason' in given ? given.reason : '', reason);
}

describe('a notification of SES', () => {
  it('brings its mail octet by octet with its envelope, under either version of the signature', async (t) => {
    const bench = await openBench(t);
    for (const change of [
      {},
      { SignatureVersion: '1' },
      { Subject: 'Amazon SES Email Receipt Notification' },
    ]) {
      const given = await bench.take(genuine(change));
      assert.ok(given.kind === 'mail', JSON.stringify(given));
      assert.deepEqual(Buffer.from(given.raw), MAIL);
      assert.deepEqual(given.recipients, ['r@reply.example.org']);
      assert.equal(given.reversePath, 'alice@example.com');
      assert.equal(given.id, '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324');
      assert.equal(given.isTooBig, false);
    }
    assert.deepEqual(bench.connections.asked, [`https://${SNS_HOST}${CERTIFICATE_PATH}`]);
  });

  it('has its content in UTF-8 or in Base64, said or not', async (t) => {
    const bench = await openBench(t);
    const text = 'Subject: ü\r\n\r\nA == B\r\n';
    const base64 = Buffer.from(text).toString('base64');
    for (const [content, encoding] of [
      [text, undefined],
      [text, 'UTF-8'],
      [text, 'UTF8'],
      [base64, undefined],
      [base64, 'BASE64'],
      [base64, 'Base64'],
      [base64.replace(/.{10}/g, '$&\r\n'), 'Base64'],
    ] as const) {
      const action = { type: 'SNS', topicArn: TOPIC_ARN, ...(encoding === undefined ? {} : { encoding }) };
      const given = await bench.take(
        signed(notification(received({ content, action }), NOW), cast.signer.key),
      );
      assert.ok(given.kind === 'mail');
      assert.equal(Buffer.from(given.raw).toString(), text, `${String(encoding)} ${content}`);
    }
  });

  it('has the null sender where the mail has', async (t) => {
    const bench = await openBench(t);
    for (const source of ['', '<>']) {
      const given = await bench.take(signed(notification(inSns({ source }), NOW), cast.signer.key));
      assert.ok(given.kind === 'mail');
      assert.equal(given.reversePath, '');
    }
  });

  it('that is genuine and no mail is malformed, so that the dead-letter queue has it', async (t) => {
    const bench = await openBench(t);
    for (const [message, reason] of [
      ['hello by hand', /not a JSON object/],
      ['[]', /notificationType/],
      [{ notificationType: 'Bounce' }, /notificationType is "Bounce"/],
      [inSns({ recipients: 'r@reply.example.org' }), /receipt\.recipients/],
      [inSns({ recipients: [1] }), /receipt\.recipients/],
      [inSns({ source: null }), /mail\.source/],
      [inSns({ content: '' }), /content is empty/],
      [received({ action: { type: 'Lambda' } }), /brings no content/],
      [received({ action: { type: 'S3', bucketName: 'evil.example/', objectKey: 'k' } }), /bucketName/],
      [received({ action: { type: 'S3', bucketName: '127.0.0.1:80', objectKey: 'k' } }), /bucketName/],
      [received({ action: { type: 'S3', bucketName: 'bucket', objectKey: '' } }), /objectKey/],
    ] as const) {
      const given = await bench.take(signed(notification(message, NOW), cast.signer.key));
      assert.equal(given.kind, 'malformed', JSON.stringify(given));
      assert.match('reason' in given ? given.reason : '', reason);
    }
  });

  it('that is older than SNS tries, or of the future, has to come again', async (t) => {
    const bench = await openBench(t);
    for (const [minutes, kind] of [
      [-74, 'mail'],
      [-76, 'untimely'],
      [4, 'mail'],
      [6, 'untimely'],
    ] as const) {
      const call = signed(notification(inSns(), NOW + minutes * 60_000), cast.signer.key);
      assert.equal((await bench.take(call)).kind, kind, String(minutes));
    }
    const { untimely, unusable, later, forged, taken } = bench.provider.statuses;
    assert.deepEqual([untimely, unusable, later, forged, taken], [503, 503, 503, 403, 200]);
  });
});

describe('a forgery', () => {
  it('of any field is refused, and so is one without it', async (t) => {
    const bench = await openBench(t);
    const call = genuine({ Subject: 'hello' });
    for (const name of ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']) {
      const value = String(call[name]);
      const altered = name === 'MessageId' ? value.replace('2', '3') : value.replace(/.(?=[^.]*$)/, '9');
      await assertForged(bench, { ...call, [name]: altered }, /./);
    }
    for (const name of Object.keys(call).filter((each) => each !== 'UnsubscribeURL')) {
      const rest = without(call, name);
      await assertForged(bench, rest, /./);
      for (const value of [1, [call[name]], { a: 1 }, true])
        await assertForged(bench, { ...call, [name]: value }, /./);
    }
    const none = without(call, 'Subject');
    await assertForged(bench, { ...none, Message: `${String(call.Message)}\nSubject\nhello` }, /Signature/);
    assert.equal((await bench.take(call)).kind, 'mail');
  });

  it('that moves text from one field to the next is refused', async (t) => {
    const bench = await openBench(t);
    const fields = notification(`a\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\nSubject\nb`, NOW);
    const call = signed(fields, cast.signer.key);
    await assertForged(bench, { ...call, Message: 'a', Subject: 'b' }, /Signature/);
  });

  it('by the other version of the signature, or by none that there is, is refused', async (t) => {
    const bench = await openBench(t);
    for (const version of ['1', '2']) {
      const call = genuine({ SignatureVersion: version });
      await assertForged(
        bench,
        { ...call, SignatureVersion: version === '1' ? '2' : '1' },
        /SignatureVersion/,
      );
    }
    for (const version of ['0', '3', '', '2.0', ' 2', 'constructor', '__proto__'])
      await assertForged(bench, { ...genuine(), SignatureVersion: version }, /SignatureVersion/);
    await assertForged(bench, { ...genuine(), Signature: '' }, /Signature/);
    await assertForged(bench, { ...genuine(), Signature: 'AAAA' }, /Signature/);
  });

  it('of another topic is refused before anything is fetched, however well it is signed', async (t) => {
    const bench = await openBench(t);
    for (const TopicArn of [
      'arn:aws:sns:eu-west-1:210987654321:replies',
      'arn:aws:sns:us-east-1:123456789012:replies',
      `${TOPIC_ARN}2`,
      TOPIC_ARN.toUpperCase(),
      '',
    ])
      await assertForged(bench, genuine({ TopicArn }), /TopicArn/);
    assert.deepEqual(bench.connections.asked, []);
  });

  it('with its certificate at any other place is refused, and nothing is fetched there', async (t) => {
    const bench = await openBench(t);
    for (const url of [
      `http://${SNS_HOST}${CERTIFICATE_PATH}`,
      `https://sns.us-east-1.amazonaws.com${CERTIFICATE_PATH}`,
      `https://${SNS_HOST}.evil.example${CERTIFICATE_PATH}`,
      `https://evil.example/${SNS_HOST}${CERTIFICATE_PATH}`,
      `https://user@${SNS_HOST}${CERTIFICATE_PATH}`,
      `https://${SNS_HOST}@evil.example${CERTIFICATE_PATH}`,
      `https://${SNS_HOST}:8443${CERTIFICATE_PATH}`,
      `https://${SNS_HOST.toUpperCase()}${CERTIFICATE_PATH}`,
      `https://${SNS_HOST}${CERTIFICATE_PATH}?x`,
      `https://${SNS_HOST}${CERTIFICATE_PATH}#x`,
      `https://${SNS_HOST}/a/../${CERTIFICATE_PATH}`,
      `https://${SNS_HOST}/bucket${CERTIFICATE_PATH}`,
      `https://${SNS_HOST}/SimpleNotificationService-xyz.pem`,
      `https://${SNS_HOST}/SimpleNotificationService-.pem`,
      `https://${SNS_HOST}\\@evil.example${CERTIFICATE_PATH}`,
      `https://sns.eu-west-1.amazonaws.com.cn${CERTIFICATE_PATH}`,
      `file://${CERTIFICATE_PATH}`,
      ` https://${SNS_HOST}${CERTIFICATE_PATH}`,
      '',
    ])
      await assertForged(bench, genuine({ SigningCertURL: url }), /SigningCertURL/);
    assert.deepEqual(bench.connections.asked, []);
  });

  it('that is no message of SNS is refused', async (t) => {
    const bench = await openBench(t);
    for (const body of [
      '',
      'null',
      '[]',
      '"x"',
      '{',
      '{}',
      JSON.stringify([genuine()]),
      `${' '.repeat(2_100_000)}{}`,
    ])
      await assertForged(bench, body, /./);
    const judge = (header: Record<string, string>) => bench.provider.judgeHeader?.(callOf('', header));
    assert.match(judge({ 'x-amz-sns-rawdelivery': 'true' })?.reason ?? '', /raw message delivery/);
    assert.equal(judge({ 'x-amz-sns-topic-arn': `${TOPIC_ARN}2` })?.kind, 'forged');
    assert.equal(judge({ 'x-amz-sns-topic-arn': TOPIC_ARN }), undefined);
    await assertForged(bench, inSns(), /Type/);
    assert.deepEqual(bench.connections.asked, []);
  });
});

describe('a signing certificate', () => {
  it('that is not believed makes a forgery of the message', async (t) => {
    const { directory } = scratch;
    const { authority } = cast;
    const stranger = makeCertificate(directory, undefined, { names: ['Authority'], isAuthority: true });
    const cases: readonly (readonly [string, Identity, RegExp, string?])[] = [
      ['signed by itself', makeCertificate(directory, undefined), /signed itself/],
      ['of an authority with the same name', makeCertificate(directory, stranger), /nobody that is believed/],
      [
        'of other names',
        makeCertificate(directory, authority, { names: ['sns.evil.example'] }),
        /other names/,
      ],
      [
        'of a name below',
        makeCertificate(directory, authority, { names: ['x.sns.amazonaws.com'] }),
        /other names/,
      ],
      [
        'of another region',
        makeCertificate(directory, authority, { names: ['sns.us-east-1.amazonaws.com'] }),
        /other names/,
      ],
      ['of an authority itself', makeCertificate(directory, authority, { isAuthority: true }), /authority/],
      ['of a key that is not RSA', makeCertificate(directory, authority, { type: 'ec' }), /RSA/],
      [
        'issued by one that is no authority',
        makeCertificate(directory, cast.signer),
        /nobody that is believed/,
        cast.signer.cert,
      ],
    ];
    for (const [what, identity, reason, beside = ''] of cases) {
      const bench = await openBench(t, { certificate: identity.cert + beside });
      const key = identity.cert.includes('EC') ? cast.signer.key : identity.key;
      const call = what.includes('RSA') ? genuine() : signed(notification(inSns(), NOW), key);
      await t.test(what, () => assertForged(bench, call, reason));
    }
  });

  it('is believed by its region, by an issuer beside it, and by one at Amazon Trust Services', async (t) => {
    const { directory } = scratch;
    const issuerAt = 'http://crt.r2m01.amazontrust.com/r2m01.cer';
    const issuer = makeCertificate(directory, cast.authority, {
      names: ['Amazon RSA 2048 M01'],
      isAuthority: true,
    });
    const below = makeCertificate(directory, issuer, {
      names: ['sns-signing.eu-west-1.amazonaws.com'],
      issuerAt,
    });
    const call = signed(notification(inSns(), NOW), below.key);
    const beside = await openBench(t, { certificate: below.cert + issuer.cert });
    assert.equal((await beside.take(call)).kind, 'mail');

    const place = await serveHttp(t, (_request, response) => response.end(derOf(issuer)));
    const fetched = await openBench(t, {
      certificate: below.cert,
      places: { 'http://crt.r2m01.amazontrust.com': place },
    });
    assert.equal((await fetched.take(call)).kind, 'mail');
    assert.deepEqual(fetched.connections.asked.slice(1), [issuerAt]);

    const other = await serveHttp(t, (_request, response) => response.end(derOf(cast.authority)));
    const wrong = await openBench(t, {
      certificate: below.cert,
      places: { 'http://crt.r2m01.amazontrust.com': other },
    });
    await assertForged(wrong, call, /nobody that is believed/);
  });

  it('has its issuer fetched from Amazon Trust Services alone', async (t) => {
    for (const issuerAt of [
      'http://evil.example/r2m01.cer',
      'http://crt.r2m01.amazontrust.com.evil.example/r2m01.cer',
      'http://169.254.169.254/latest.cer',
    ]) {
      const issuer = makeCertificate(scratch.directory, cast.authority, { names: ['I'], isAuthority: true });
      const below = makeCertificate(scratch.directory, issuer, { issuerAt });
      const bench = await openBench(t, { certificate: below.cert });
      await assertForged(bench, signed(notification(inSns(), NOW), below.key), /nobody that is believed/);
      assert.equal(bench.connections.asked.length, 1);
    }
  });

  it('counts for nothing before it is valid and after', async (t) => {
    for (const days of [-2, 31]) {
      const now = Date.now() + days * 86_400_000;
      const bench = await openBench(t, { now: () => now });
      await assertForged(bench, signed(notification(inSns(), now), cast.signer.key), /is valid from/);
    }
  });

  it('is not taken from a redirect, nor where it is no PEM, is huge or is not there', async (t) => {
    const elsewhere = await serveHttp(t, (_request, response) => response.end(cast.signer.cert));
    const listeners: readonly (readonly [RequestListener, RegExp])[] = [
      [
        (_, response) => response.writeHead(302, { location: elsewhere + CERTIFICATE_PATH }).end(),
        /answers 302/,
      ],
      [(_, response) => response.writeHead(403).end(), /answers 403/],
      [(_, response) => response.end('<html>hello</html>'), /no certificate/],
      [
        (_, response) => response.end('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'),
        /no certificate/,
      ],
      [(_, response) => response.end(cast.signer.cert + ' '.repeat(20_000)), /larger than/],
    ];
    for (const [sns, reason] of listeners) await assertForged(await openBench(t, { sns }), genuine(), reason);
  });

  it('that cannot be fetched now makes the message wait', async (t) => {
    const bench = await openBench(t, { sns: (_, response) => response.writeHead(500).end() });
    assert.equal((await bench.take(genuine())).kind, 'later');
    const cut = await openBench(t, { sns: (request) => request.socket.destroy() });
    assert.equal((await cut.take(genuine())).kind, 'later');
  });

  it('is fetched once by calls that wait together, and again after a day', async (t) => {
    let now = NOW;
    const bench = await openBench(t, { now: () => now });
    const call = genuine();
    const given = await Promise.all(Array.from({ length: 20 }, () => bench.take(call)));
    assert.ok(given.every(({ kind }) => kind === 'mail'));
    assert.equal(bench.connections.asked.length, 1);
    now += 25 * 3_600_000;
    const next = signed(notification(inSns(), now), cast.signer.key);
    assert.equal((await bench.take(next)).kind, 'mail');
    assert.equal(bench.connections.asked.length, 2);
  });

  it('under a name that a stranger made up is asked for once a minute, and drives none out that is believed', async (t) => {
    let now = NOW;
    const bench = await openBench(t, { now: () => now });
    assert.equal((await bench.take(genuine())).kind, 'mail');
    const made = (n: number): string =>
      `https://${SNS_HOST}/SimpleNotificationService-${n.toString(16).padStart(32, '0')}.pem`;
    for (let n = 0; n < 60; n += 1)
      await assertForged(bench, genuine({ SigningCertURL: made(n) }), /answers 403/);
    const asked = bench.connections.asked.length;
    await assertForged(bench, genuine({ SigningCertURL: made(59) }), /answers 403/);
    assert.equal((await bench.take(genuine())).kind, 'mail');
    assert.equal(bench.connections.asked.length, asked);
    now += 61_000;
    await assertForged(bench, genuine({ SigningCertURL: made(59) }), /answers 403/);
    assert.equal(bench.connections.asked.length, asked + 1);
  });
});

describe('a mail in S3', () => {
  const PATH = '/bucket/mail/d6iitobk75ur44p8';
  const action = {
    type: 'S3',
    topicArn: TOPIC_ARN,
    bucketName: 'bucket',
    objectKey: 'mail/d6iitobk75ur44p8',
  };
  const pointer = (change: Fields = {}): Fields =>
    signed(notification(received({ action: { ...action, ...change } }), NOW), cast.signer.key);

  async function openS3(
    t: TestContext,
    listener: RequestListener,
    choice: Choice & { readonly secret?: string } = {},
  ): Promise<Bench> {
    const keyFile = testScratch(t).path('key');
    const { secret = S3_KEY.secret } = choice;
    writeFileSync(keyFile, `aws_access_key_id = ${S3_KEY.id}\naws_secret_access_key = ${secret}\n`, {
      mode: 0o600,
    });
    const endpoint = await serveHttp(t, listener);
    const settings = `s3_key_file = "${keyFile}"\ns3_endpoint = "${endpoint}"\n`;
    return openBench(t, { settings, places: { [endpoint]: endpoint }, ...choice });
  }

  const s3 = (found: Buffer | string = MAIL, at = NOW, extra: Record<string, string> = {}): RequestListener =>
    s3Listener(new Map([[PATH, found]]), () => ({ ...S3_KEY, at }), extra);

  it('is fetched by a signature that S3 takes, octet by octet', async (t) => {
    const given = await (await openS3(t, s3())).take(pointer());
    assert.ok(given.kind === 'mail', JSON.stringify(given));
    assert.deepEqual(Buffer.from(given.raw), MAIL);
    assert.deepEqual([given.isTooBig, given.id], [false, '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324']);
  });

  it('is fetched again where a person publishes no more than its place', async (t) => {
    const bench = await openS3(t, s3());
    const message = { notificationType: 'Received', receipt: { recipients: [], action } };
    const given = await bench.take(signed(notification(message, NOW), cast.signer.key));
    assert.ok(given.kind === 'mail', JSON.stringify(given));
    assert.deepEqual([given.recipients, given.reversePath], [[], undefined]);
    assert.deepEqual(Buffer.from(given.raw), MAIL);
  });

  it('is fetched in the region of the topic, by the name of the bucket or its path', async (t) => {
    const keyFile = testScratch(t).path('key');
    writeFileSync(keyFile, `aws_access_key_id = A\naws_secret_access_key = B\n`, { mode: 0o600 });
    const bench = await openBench(t, { settings: `s3_key_file = "${keyFile}"\n` });
    for (const bucketName of ['my-mail', 'my.mail']) {
      const given = await bench.take(pointer({ bucketName, objectKey: 'a b/c' }));
      assert.equal(given.kind, 'later');
    }
    assert.deepEqual(bench.connections.asked.slice(1), [
      'https://my-mail.s3.eu-west-1.amazonaws.com/a%20b/c',
      'https://s3.eu-west-1.amazonaws.com/my.mail/a%20b/c',
    ]);
  });

  it('is fetched with three others at a time at most, and all come', async (t) => {
    const serve = s3();
    const held: (() => void)[] = [];
    let most = 0;
    const bench = await openS3(t, (request, response) => {
      held.push(() => {
        serve(request, response);
      });
      most = Math.max(most, held.length);
      // Whoever waits for the full number lets all of them go.
      if (held.length === 4) for (const go of held.splice(0)) go();
    });
    const given = await Promise.all(Array.from({ length: 12 }, () => bench.take(pointer())));
    assert.ok(given.every(({ kind }) => kind === 'mail'));
    assert.equal(most, 4);
  });

  it('is taken up to the size of a message, and begun where it is larger', async (t) => {
    const mail = Buffer.concat([MAIL, Buffer.alloc(20_000, 'x')]);
    for (const [mostBytes, isTooBig] of [
      [mail.length, false],
      [mail.length - 1, true],
      [5_000, true],
    ] as const) {
      const given = await (await openS3(t, s3(mail), { mostBytes })).take(pointer());
      assert.ok(given.kind === 'mail', JSON.stringify(given));
      assert.equal(given.isTooBig, isTooBig);
      assert.deepEqual(Buffer.from(given.raw), mail.subarray(0, mostBytes));
    }
  });

  it('that is not to be had now comes later, with what has to change', async (t) => {
    const late = await openS3(t, s3(MAIL, NOW + 3_600_000));
    const wrong = await openS3(t, s3(), { secret: 'x' });
    const cut = await openS3(t, (_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('From: ', () => response.destroy());
    });
    for (const [bench, reason] of [
      [await openS3(t, s3('NoSuchKey')), /NoSuchKey; .*lifecycle/],
      [await openS3(t, s3('AccessDenied')), /AccessDenied; the key needs s3:GetObject/],
      [await openS3(t, s3('SlowDown')), /SlowDown/],
      [await openS3(t, s3('constructor')), /403 constructor; the key needs s3:GetObject/],
      [await openS3(t, (_, response) => response.writeHead(500).end()), /answers 500/],
      [
        await openS3(t, (_, response) => response.writeHead(307, { location: 'http://x/' }).end()),
        /answers 307/,
      ],
      [late, /RequestTimeTooSkewed; the clock/],
      [wrong, /SignatureDoesNotMatch; the secret/],
      [cut, /broke off/],
      [await openS3(t, s3(Buffer.alloc(0))), /is empty/],
      [await openS3(t, s3(MAIL, NOW, { 'x-amz-meta-x-amz-key-v2': 'AAAA' })), /encrypted by SES/],
    ] as const) {
      const given = await bench.take(pointer());
      assert.equal(given.kind, 'later', JSON.stringify(given));
      assert.match('reason' in given ? given.reason : '', reason);
    }
  });

  it('waits for the operator where no key is given', async (t) => {
    const given = await (await openBench(t)).take(pointer());
    assert.deepEqual(given, { kind: 'unusable', reason: 'the mail is in S3, and s3_key_file is missing' });
  });

  it('ends with the signal of the call', async (t) => {
    let say = (): void => undefined;
    const asked = new Promise<void>((resolve) => {
      say = resolve;
    });
    const bench = await openS3(t, () => {
      say();
    });
    const verified = await bench.provider.verify(callOf(pointer(), {}));
    assert.ok(verified.kind === 'verified');
    const ending = new AbortController();
    const giving = verified.give(ending.signal);
    await asked;
    ending.abort(new Error('the daemon stops'));
    assert.equal((await giving).kind, 'later');
  });
});

describe('a subscription', () => {
  const question = (change: Fields = {}): Fields => signed(confirmation(NOW, change), cast.signer.key);
  const topic = readTopic(TOPIC_ARN) ?? assert.fail();

  it('is kept for the operator, and no address of the call is visited', async (t) => {
    const bench = await openBench(t);
    for (const Type of ['SubscriptionConfirmation', 'UnsubscribeConfirmation']) {
      const call = question({ Type, SubscribeURL: 'https://evil.example/' });
      assert.equal((await bench.take(call)).kind, 'no-mail');
      const pending = await readPending(pendingFile(bench.storePath, 'ses'));
      assert.deepEqual(pending, { topicArn: TOPIC_ARN, token: call.Token, at: NOW });
    }
    assert.deepEqual(bench.connections.asked, [`https://${SNS_HOST}${CERTIFICATE_PATH}`]);
    assert.deepEqual(
      bench.events.map(({ event, fields }) => [event, fields?.type]),
      [
        ['subscription_pending', 'SubscriptionConfirmation'],
        ['subscription_pending', 'UnsubscribeConfirmation'],
      ],
    );
  });

  it('that is forged leaves nothing behind', async (t) => {
    const bench = await openBench(t);
    const call = question();
    for (const name of ['Token', 'SubscribeURL', 'Message', 'MessageId', 'Timestamp', 'TopicArn']) {
      await assertForged(bench, { ...call, [name]: `${String(call[name])}1` }, /./);
      const rest = without(call, name);
      await assertForged(bench, rest, /./);
    }
    await assertForged(bench, { ...call, Type: 'UnsubscribeConfirmation' }, /Signature/);
    await assertForged(bench, { ...call, Type: 'Notification' }, /Signature/);
    await assertForged(bench, question({ TopicArn: 'arn:aws:sns:eu-west-1:210987654321:evil' }), /TopicArn/);
    assert.equal(await readPending(pendingFile(bench.storePath, 'ses')), undefined);
  });

  it("is confirmed at the topic's own host by its token, and forgotten", async (t) => {
    const token = 'a/b&Action=Publish';
    const arn = `${TOPIC_ARN}:2bcfbf39-05c3-41de-beaa-fcfcc21c8f55`;
    const seen: string[] = [];
    const bench = await openBench(t, {
      sns: (request, response) => {
        seen.push(request.url ?? '');
        if (request.url === CERTIFICATE_PATH) response.end(cast.signer.cert);
        else
          response.end(
            `<ConfirmSubscriptionResponse><ConfirmSubscriptionResult><SubscriptionArn>${arn}</SubscriptionArn>`,
          );
      },
    });
    await bench.take(question({ Token: token }));
    const file = pendingFile(bench.storePath, 'ses');
    const pending = (await readPending(file)) ?? assert.fail();
    assert.deepEqual(await confirm(pending, topic, bench.connections.get), {
      ok: true,
      subscriptionArn: arn,
    });
    const query = new URL(seen.at(-1) ?? '', 'https://x').searchParams;
    assert.deepEqual(
      [...query],
      [
        ['Action', 'ConfirmSubscription'],
        ['TopicArn', TOPIC_ARN],
        ['Token', token],
      ],
    );
    await forgetPending(file);
    assert.equal(await readPending(file), undefined);
  });

  it('is not confirmed for another topic, nor where SNS says no', async (t) => {
    const other = { topicArn: 'arn:aws:sns:eu-west-1:210987654321:evil', token: 't', at: NOW };
    const bench = await openBench(t, {
      sns: (_, response) =>
        response.writeHead(400).end('<ErrorResponse><Error><Code>InvalidParameter</Code>'),
    });
    const { get } = bench.connections;
    assert.equal((await confirm(other, topic, get)).ok, false);
    assert.deepEqual(bench.connections.asked, []);
    assert.deepEqual(await confirm({ ...other, topicArn: TOPIC_ARN }, topic, get), {
      ok: false,
      problem: `${SNS_HOST} answers 400 InvalidParameter`,
    });
  });
});

describe('a certificate that does not come', () => {
  it('makes the message wait when its time is over', async (t) => {
    const sns = await serveHttps(t, cast.tls, (_request, response) => {
      response.writeHead(200).write('-----BEGIN');
    });
    const connections = openTo({ [`https://${SNS_HOST}`]: sns }, cast.authority.cert);
    const { get } = connections;
    t.after(() => connections.close());
    const topic = readTopic(TOPIC_ARN) ?? assert.fail();
    const certificates = new Certificates({
      topic,
      authorities: undefined,
      get,
      now: () => NOW,
      withinMs: 100,
    });
    assert.equal((await certificates.keyAt(CERTIFICATE_PATH)).kind, 'forged');
    const silent = openTo(
      { [`https://${SNS_HOST}`]: await serveHttps(t, cast.tls, () => undefined) },
      cast.authority.cert,
    );
    t.after(() => silent.close());
    const others = new Certificates({
      topic,
      authorities: undefined,
      get: silent.get,
      now: () => NOW,
      withinMs: 100,
    });
    assert.equal((await others.keyAt(CERTIFICATE_PATH)).kind, 'later');
  });
});

describe('the settings of ses', () => {
  it('are refused with the key and what was expected', () => {
    const table = '[[webhook]]\nname = "ses"\nkind = "ses"\n';
    for (const [lines, problem] of [
      ['', /webhook\[0\]\.topic_arn.*is missing/],
      ['topic_arn = "arn:aws:sqs:eu-west-1:123456789012:replies"', /topic_arn.*ARN of an SNS topic/],
      [`topic_arn = "${TOPIC_ARN}"\ns3_endpoint = "minio.example.org"`, /s3_endpoint.*an origin/],
      [`topic_arn = "${TOPIC_ARN}"\ns3_endpoint = "http://minio.example.org/x"`, /s3_endpoint.*an origin/],
    ] as const)
      assert.match(problemsOf(`${LISTENING}\n${table}${lines}\n`).join('\n'), problem);
  });

  it('name files that are read, or said to be wrong', (t) => {
    const own = testScratch(t);
    writeFileSync(own.path('ca.pem'), 'no certificate');
    writeFileSync(own.path('key'), 'AKIA:secret', { mode: 0o600 });
    const table = `[[webhook]]\nname = "ses"\nkind = "ses"\ntopic_arn = "${TOPIC_ARN}"\n`;
    const files = `ca_file = "${own.path('ca.pem')}"\ns3_key_file = "${own.path('key')}"\n`;
    const [config] = configOf(`${LISTENING}\n${table}${files}`).webhook.each;
    const read = readOptions(config ?? assert.fail(), 'webhook[0]');
    assert.ok(!read.ok);
    assert.match(read.problems[0] ?? '', /^webhook\[0\]\.ca_file: .*holds no certificate/);
    assert.match(read.problems[1] ?? '', /^webhook\[0\]\.s3_key_file: .*holds no key; expected lines/);
  });
});

describe('mail of SES and the gate', () => {
  it('is accepted once over all attempts of SNS, and nothing forged is', async (t) => {
    const bench = await openBench(t);
    const listening = await listenTo(
      t,
      `[[webhook]]\nname = "ses"\nkind = "ses"\ntopic_arn = "${TOPIC_ARN}"\n`,
    );
    const { test, config, origin } = listening;
    const [webhook] = config.webhook.each;
    const shared = {
      gate: () => test.gate,
      log: () => undefined,
      count: () => undefined,
      meter: new Meter(),
    };
    const recipients = [await test.sealed()];
    const raw = message();
    const call = signed(
      notification(received({ content: raw.toString('base64'), recipients }), NOW),
      cast.signer.key,
    );
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const given = await bench.take(call);
      assert.ok(given.kind === 'mail');
      await takeMail(shared, webhook ?? assert.fail(), given, NOW);
    }
    const items = await test.store.list({});
    assert.equal(items.length, 1);
    assert.deepEqual(Buffer.from((await test.store.content(items[0]?.id ?? '')) ?? []), raw);

    const other = signed(
      notification(received({ content: message().toString('base64'), recipients }), NOW, {
        MessageId: '33b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
        SigningCertURL: 'https://sns.evil.example/SimpleNotificationService-0123456789abcdef.pem',
      }),
      cast.signer.key,
    );
    for (const forged of [
      other,
      { ...other, TopicArn: `${TOPIC_ARN}2` },
      { ...other, Signature: 'AAAA' },
      {},
    ]) {
      const answer = await fetch(`${origin}/in/ses`, { method: 'POST', body: JSON.stringify(forged) });
      assert.equal(answer.status, 403);
      assert.equal(await answer.text(), 'refused\n');
    }
    assert.equal((await test.store.list({})).length, 1);
  });
});
