// Who may write as Alice by each way in: the forgeries of forgeries.ts through every source and every kind of provider, by its
// own code and in the form that its mail has. Not one of them may be posted or held.
//
// A source or a kind that is new has no row here, and then the last test fails. What is peculiar to a provider's header is
// tried in test/gate/source-trust.test.ts, what the site's own filter writes in test/gate/identity.test.ts.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Meter } from '../../src/observe/meter.ts';
import { SOURCES } from '../../src/sources/catalogue.ts';
import { readNotification } from '../../src/sources/webhook/ses/notification.ts';
import { WEBHOOK_KINDS, type WebhookKind } from '../../src/sources/webhook/settings.ts';
import { takeMail } from '../../src/sources/webhook/take.ts';
import { configOf, LEAST } from '../config/least.ts';
import { bring, fateOf, rulesOf, type Told } from '../gate/arriving.ts';
import { FORGED_AUTHORS, FORGED_RESULTS, GENUINE, ID } from '../gate/forgeries.ts';
import { openGate, send, type TestGate } from '../gate/gate.ts';
import {
  below,
  DISCARDED,
  FORMS,
  type Form,
  GENUINE_WITHOUT_ID,
  inForm,
  OTHERWISE,
  SILENT,
} from '../gate/provider-forms.ts';
import { addUser } from '../support/mint.ts';
import { testScratch } from '../support/scratch.ts';
import { received, TOPIC_ARN } from '../support/sns.ts';
import { EMAIL, resendTable, serveResend } from './resend-api.ts';
import { type DirectKind, openBench, type WebhookBench } from './webhook-bench.ts';
import { newSecret, resendEvent, signStandard } from './webhook-calls.ts';

/** A mail on its way in. */
interface Sent {
  readonly raw: Buffer;
  readonly to: string;
  /** The reverse-path of its envelope. */
  readonly from: string;
  readonly number: number;
}

/** A site by one source: what became of a mail, in words. */
interface Site {
  readonly test: TestGate;
  readonly bring: (sent: Sent) => Promise<string>;
}

type Open = (t: TestContext, form: Form) => Promise<Site>;

/** A source in one of its forms. */
interface Row {
  readonly form: Form;
  readonly open: Open;
  /** Whether anybody is believed: where the provider writes no results, a strict site posts nothing at all. */
  readonly isBelieved: boolean;
}

const STRICT = { senderPolicy: 'strict', authservId: ID } as const;

/** The keys of a source's table, in TOML. */
function lines({ authservId = '', ownReceived = 0, ownHosts = [] }: Told): string {
  return `authserv_id = "${authservId}"\nown_received = ${ownReceived}\nown_hosts = ${JSON.stringify(ownHosts)}\n`;
}

const byLmtp: Open = async (t) => {
  const test = await openGate(t, STRICT);
  return { test, bring: ({ raw, to }) => send(test, to, raw) };
};

const byMailbox: Open = async (t, { told }) => {
  const test = await openGate(t, STRICT);
  const rules = rulesOf(told);
  return { test, bring: async ({ raw, number }) => fateOf(await bring(test, { rules, raw, uid: number })) };
};

/** What a bench logged last of a mail. */
function fateIn({ events }: WebhookBench): string {
  const fates = events.splice(0).filter(({ event }) => event === 'verdict');
  return fates.map(({ fields: { verdict, reason } }) => `${String(verdict)}: ${String(reason)}`).join(', ');
}

/** Calls of a kind that has the mail in them. */
const byCall =
  (kind: DirectKind): Open =>
  async (t, { told }) => {
    const bench = await openBench(t, { gate: STRICT });
    const secret = bench.scratch.path(`${kind}.secret`);
    await bench.reload(
      `[[webhook]]\nname = "${kind}"\nkind = "${kind}"\nsecret_file = "${secret}"\n${lines(told)}`,
    );
    const bringIt = async ({ raw, to, from }: Sent): Promise<string> => {
      // The signature is of whoever sent it, as the envelope says.
      const dkim = `{@${from.slice(from.indexOf('@') + 1)} : pass}`;
      assert.equal((await bench.post(bench.genuine(kind, { raw, to: [to], from, dkim }))).status, 200);
      return fateIn(bench);
    };
    return { test: bench.test, bring: bringIt };
  };

const byResend: Open = async (t, { told }) => {
  const scratch = testScratch(t);
  const [api, secret] = [await serveResend(t, scratch), newSecret()];
  const tables = (): string => `${resendTable(scratch, api, secret)}${lines(told)}`;
  const bench = await openBench(t, { gate: STRICT, tables });
  const bringIt = async ({ raw, to }: Sent): Promise<string> => {
    api.raw = raw;
    const event = resendEvent('/in/resend', EMAIL, { to: [to] });
    const call = signStandard(event, secret, bench.clock.now, { prefix: 'svix' });
    assert.equal((await bench.post(call)).status, 200);
    return fateIn(bench);
  };
  return { test: bench.test, bring: bringIt };
};

/** What a notification of SES says, which was verified before (webhook-ses.test.ts). */
const bySes: Open = async (t, { told }) => {
  const test = await openGate(t, STRICT);
  const table = `[[webhook]]\nname = "ses"\nkind = "ses"\ntopic_arn = "${TOPIC_ARN}"\n${lines(told)}`;
  const config = configOf(`${LEAST}\n[inbound]\nlisten = "127.0.0.1:8026"\n${table}`);
  const [webhook] = config.webhook.each;
  const fates: string[] = [];
  const intake = {
    ...{ config: () => config, gate: () => test.gate, meter: new Meter(), mailboxes: test.store },
    ...{ log: () => undefined, follow: () => undefined },
    count: (verdict: string, reason: string) => fates.push(`${verdict}: ${reason}`),
  };
  const bringIt = async ({ raw, to, from, number }: Sent): Promise<string> => {
    const content = raw.toString('base64');
    const read = readNotification(JSON.stringify(received({ content, recipients: [to], source: from })));
    assert.ok(read.ok && read.mail.content instanceof Uint8Array);
    const { recipients, sender: reversePath, content: octets } = read.mail;
    const mail = { kind: 'mail', raw: octets, isTooBig: false, recipients, reversePath } as const;
    await takeMail(intake, webhook ?? assert.fail(), { ...mail, id: `message-${number}` }, 1_700_000_000_000);
    return fates.splice(0).join(', ');
  };
  return { test, bring: bringIt };
};

/** The site's own Postfix and filter: the cases as they are. */
const SITE: Form = {
  told: {},
  field: (text, id = ID) => `Authentication-Results: ${id}; ${text}`,
  head: (filter) => [...filter, `Received: from out.example.net by ${ID} (Postfix) with ESMTPS id 4Xabc`],
  isMarked: true,
};

/** A provider that writes no results: whatever stands there is a sender's. */
const UNTOLD: Form = {
  told: {},
  field: (text, id = 'mx.provider.example') => `Authentication-Results: ${id}; ${text}`,
  head: () => ['Received: from out.example.net by mx.provider.example with ESMTPS id 4Xabc'],
  isMarked: false,
};

/** A provider that tells of the sender beside the message: nothing of the header counts. */
const BESIDE: Form = { ...UNTOLD, head: (filter) => [...filter, ...UNTOLD.head([], '')] };

const form = (name: string): Form => FORMS[name] ?? assert.fail(name);
const ofMailboxes = Object.entries(FORMS).filter(([, { hasEnvelope }]) => hasEnvelope !== true);

/** Every source, in every form of its mail. */
const ROWS: Readonly<Record<'lmtp' | 'imap' | WebhookKind, Readonly<Record<string, Row>>>> = {
  lmtp: { 'the own Postfix': { form: SITE, open: byLmtp, isBelieved: true } },
  imap: {
    ...Object.fromEntries(
      ofMailboxes.map(([name, each]) => [name, { form: each, open: byMailbox, isBelieved: true }]),
    ),
    'a hoster that writes no results': { form: UNTOLD, open: byMailbox, isBelieved: false },
  },
  sendgrid: { SendGrid: { form: BESIDE, open: byCall('sendgrid'), isBelieved: true } },
  mailgun: { Mailgun: { form: UNTOLD, open: byCall('mailgun'), isBelieved: false } },
  postmark: { Postmark: { form: UNTOLD, open: byCall('postmark'), isBelieved: false } },
  ses: {
    'Amazon SES': { form: form('a provider that posts, with an envelope'), open: bySes, isBelieved: true },
  },
  resend: {
    Resend: { form: form('a provider that posts, with an envelope'), open: byResend, isBelieved: true },
  },
  raw: {
    'a worker at Cloudflare': {
      form: form('a worker at Cloudflare'),
      open: byCall('raw'),
      isBelieved: true,
    },
    'a script': { form: UNTOLD, open: byCall('raw'), isBelieved: false },
  },
};

/** Opens a site where Alice has an address; gives it with a way to send header lines from somebody. */
async function siteOf(
  t: TestContext,
  row: Row,
): Promise<{ test: TestGate; attempt: (lines: readonly string[], from: string) => Promise<string> }> {
  const { test, bring } = await row.open(t, row.form);
  const addresses = ['alice@example.com', 'alice@work.example', 'alice@bücher.example'];
  await test.store.setUser('alice', { addresses });
  await addUser(test.store, 'bob');
  const to = await test.sealed();
  let number = 0;
  const attempt = async (header: readonly string[], from: string): Promise<string> => {
    number++;
    const last = [`To: ${to}`, `Message-ID: <reply-${number}@client.example>`, '', 'I agree.', ''];
    return await bring({ raw: Buffer.from([...header, ...last].join('\r\n')), to, from, number });
  };
  return { test, attempt };
}

const MALLORY = 'mallory@evil.example';

for (const [source, forms] of Object.entries(ROWS)) {
  for (const [name, row] of Object.entries(forms)) {
    it(`${source}, ${name}: nothing is posted or held of what somebody else wrote`, async (t) => {
      const { test, attempt } = await siteOf(t, row);
      let tried = 0;
      for (const [trick, header] of Object.entries({ ...FORGED_RESULTS, ...FORGED_AUTHORS })) {
        if (OTHERWISE.has(trick)) continue;
        if (trick === GENUINE_WITHOUT_ID && row.form.told.authservId === 'none') continue;
        assert.match(await attempt(inForm(row.form, header, MALLORY), MALLORY), DISCARDED, trick);
        tried++;
      }
      for (const [trick, header] of Object.entries(below(row.form))) {
        const mail = [
          ...row.form.head([row.form.field(SILENT)], MALLORY),
          ...header,
          'From: alice@example.com',
        ];
        assert.match(await attempt(mail, MALLORY), DISCARDED, `${trick}, below the provider's part`);
        tried++;
      }
      assert.ok(tried >= 145, `${tried} forgeries`);
      assert.deepEqual(await test.store.list({}), []);
      const alice = 'alice@example.com';
      const genuine = await attempt(inForm(row.form, GENUINE['a plain address'] ?? [], alice), alice);
      assert.match(genuine, row.isBelieved ? /queued$/ : DISCARDED);
    });
  }
}

describe('every way in', () => {
  it('has its row above', () => {
    // The policy service answers at RCPT, and brings no mail.
    const wanted = Object.keys(SOURCES).flatMap((source) => {
      if (source === 'policy') return [];
      return source === 'webhook' ? [...WEBHOOK_KINDS] : [source];
    });
    assert.deepEqual(Object.keys(ROWS).sort(), wanted.sort());
    for (const forms of Object.values(ROWS)) assert.ok(Object.keys(forms).length > 0);
  });
});
