// What real filters write of hostile senders, and that none of it makes anybody somebody else.
//
// Every message goes over SMTP into a real Postfix, from another address by XCLIENT, through the filter, and is judged as
// Postfix hands it on: by the gate's own rule. A filter's own refusals are as good as a fail.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { judgeSender } from '../../src/mail/authentication.ts';
import { scanHeader } from '../../src/mail/header.ts';
import { senderOf } from '../../src/mail/mailbox.ts';
import { placeResults } from '../../src/mail/results-place.ts';
import { type DkimKey, makeDkimKey, sign } from '../support/dkim.ts';
import { startDns, type Zone } from '../support/dns.ts';
import { eventually } from '../support/eventually.ts';
import {
  AUTHSERV_ID,
  opendmarcUnavailable,
  policydSpf,
  programUnavailable,
  startOpenDkim,
  startOpendmarc,
} from '../support/filters.ts';
import { GENUINE_ADDRESS, HOSTILE_ADDRESS } from '../support/forgery-cast.ts';
import { type Hostile, hostileMessages } from '../support/hostile.ts';
import { type Mailbox, type ReceivedMail, startMailbox } from '../support/mailbox.ts';
import { replyMessage } from '../support/message.ts';
import { type Postfix, type PostfixOptions, postfixUnavailable, startPostfix } from '../support/postfix.ts';
import { roundsOf } from '../support/rounds.ts';
import { rspamdUnavailable, startRspamd } from '../support/rspamd.ts';
import { type Scratch, suiteScratch } from '../support/scratch.ts';
import { SmtpSession } from '../support/smtp.ts';

const HOSTILE = roundsOf(240, 80);
const SESSIONS = 4;
const ALICE = 'alice@example.com';

function zoneOf({ record }: DkimKey): Zone {
  return {
    'example.com': `v=spf1 ip4:${GENUINE_ADDRESS} -all`,
    '_dmarc.example.com': 'v=DMARC1; p=reject',
    's1._domainkey.example.com': record,
    'nodmarc.example': `v=spf1 ip4:${GENUINE_ADDRESS} -all`,
    // Her own domain vouches for her, as anybody's does.
    'evil.example': `v=spf1 ip4:${HOSTILE_ADDRESS} -all`,
    'mail.evil.example': `v=spf1 ip4:${HOSTILE_ADDRESS} -all`,
    'm._domainkey.evil.example': record,
  };
}

interface Filter {
  readonly name: string;
  readonly skip: string | false;
  /** How many Received stand above its fields. */
  readonly ownReceived: number;
  /** The method by which it vouches for alice. */
  readonly method: 'dmarc' | 'dkim' | 'spf';
  start(scratch: Scratch, key: DkimKey): Promise<PostfixOptions>;
}

const milters = (...all: readonly string[]): PostfixOptions => ({
  settings: { smtpd_milters: all.join(' '), milter_default_action: 'tempfail' },
});

/** OpenDKIM's own table of records. */
const testRecords = ({ record }: DkimKey): string =>
  `s1._domainkey.example.com ${record}\nm._domainkey.evil.example ${record}\n`;

const FILTERS: readonly Filter[] = [
  {
    name: 'rspamd',
    skip: rspamdUnavailable(),
    ownReceived: 1,
    method: 'dmarc',
    start: async (scratch, key) => {
      const port = await startDns(scratch, zoneOf(key));
      return milters((await startRspamd(scratch, port)).milter);
    },
  },
  {
    name: 'OpenDKIM',
    skip: programUnavailable('/usr/sbin/opendkim'),
    ownReceived: 1,
    method: 'dkim',
    start: async (scratch, key) => milters(await startOpenDkim(scratch, testRecords(key))),
  },
  {
    name: 'OpenDMARC behind OpenDKIM',
    skip: programUnavailable('/usr/sbin/opendkim') || opendmarcUnavailable(),
    ownReceived: 1,
    method: 'dmarc',
    start: async (scratch, key) => {
      const port = await startDns(scratch, zoneOf(key));
      return milters(await startOpenDkim(scratch, testRecords(key)), await startOpendmarc(scratch, port));
    },
  },
  {
    name: 'policyd-spf',
    skip: programUnavailable('/usr/bin/policyd-spf'),
    ownReceived: 0,
    method: 'spf',
    start: async (scratch, key) => policydSpf(scratch, await startDns(scratch, zoneOf(key))),
  },
];

/** One session of a client whose address is as given. */
async function sessionFrom(port: number, address: string): Promise<SmtpSession> {
  const session = await SmtpSession.open(port);
  await session.say('EHLO client');
  await session.say(`XCLIENT ADDR=${address} NAME=[UNAVAILABLE]`);
  return session;
}

/** Sends one message; false when it was refused for good. */
async function send(session: SmtpSession, helo: string, from: string, data: string): Promise<boolean> {
  const said = [
    await session.say(`HELO ${helo}`),
    await session.say(`MAIL FROM:<${from}>`),
    await session.say('RCPT TO:<reply+x@reply.example.org>'),
    await session.content(data),
  ];
  const last = said.find(({ code }) => code >= 400);
  assert.ok((last?.code ?? 500) >= 500, last?.text);
  if (last !== undefined) await session.say('RSET');
  return last === undefined;
}

const messageOf = ({ author, signatures }: Hostile, number: number): string =>
  [
    `X-Case: ${number}`,
    ...signatures.map((signature) => `DKIM-Signature: ${signature}`),
    replyMessage({ to: 'reply+x@reply.example.org', from: author }),
  ].join('\r\n');

/** Sends them all, over a few connections at a time; how many were taken. */
async function sendAll(port: number, messages: readonly Hostile[]): Promise<number> {
  let next = 0;
  let taken = 0;
  const work = async (): Promise<void> => {
    const session = await sessionFrom(port, HOSTILE_ADDRESS);
    for (let number = next++; number < messages.length; number = next++) {
      const message = messages[number];
      if (message === undefined) continue;
      if (await send(session, message.helo, message.from, messageOf(message, number))) taken += 1;
    }
    session.close();
  };
  await Promise.all(Array.from({ length: SESSIONS }, work));
  return taken;
}

/** The gate's verdict on what came, and the fields that it goes by. */
function judge({ raw, mailFrom }: ReceivedMail, ownReceived: number) {
  const reversePath = /^<(.*)>/.exec(mailFrom)?.[1] ?? '';
  const trust = { authservId: AUTHSERV_ID, ownReceived, reversePath };
  const scan = scanHeader(raw);
  assert.ok(scan.ok);
  const from = senderOf(scan.header);
  assert.ok(from.ok);
  const { fields } = scan.header;
  const shown = fields.filter(({ name }) => /^(?:authentication-results|received|x-case)$/.test(name));
  const placed = placeResults(scan.header, trust);
  return {
    verdict: judgeSender(scan.header, from.mailbox, trust),
    isBelieved: placed.kind === 'believed',
    shown,
  };
}

for (const filter of FILTERS) {
  const skip = postfixUnavailable() || filter.skip;
  describe(`what ${filter.name} writes`, { skip, concurrency: false }, () => {
    const scratch = suiteScratch();
    after(() => scratch.close());
    const key = makeDkimKey();
    let running: { readonly postfix: Postfix; readonly mailbox: Mailbox } | undefined;

    const site = async () => {
      if (running !== undefined) return running;
      const mailbox = await startMailbox(scratch);
      const options = await filter.start(scratch, key);
      const settings = {
        relay_transport: `smtp:[127.0.0.1]:${mailbox.port}`,
        smtpd_authorized_xclient_hosts: '127.0.0.1',
        smtpd_hard_error_limit: '100000',
        smtpd_soft_error_limit: '100000',
        ...options.settings,
      };
      running = { mailbox, postfix: await startPostfix(scratch, { ...options, settings }) };
      return running;
    };

    it('vouches for a genuine sender', async () => {
      const { postfix, mailbox } = await site();
      const session = await sessionFrom(postfix.port, GENUINE_ADDRESS);
      const message = replyMessage({ to: 'reply+x@reply.example.org', from: ALICE });
      const data = sign(message, { key, domain: 'example.com', selector: 's1' });
      assert.ok(await send(session, 'mail.example.com', ALICE, data));
      session.close();
      const { verdict, shown } = judge(await mailbox.nthMail(1), filter.ownReceived);
      assert.deepEqual(
        [verdict.result, verdict.method],
        ['pass', filter.method],
        JSON.stringify(shown, null, 1),
      );
    });

    it(`vouches for none of ${HOSTILE} hostile ones`, async (t) => {
      const { postfix, mailbox } = await site();
      const before = mailbox.mails.length;
      const taken = await sendAll(postfix.port, hostileMessages(HOSTILE));
      const look = (): true | undefined => (mailbox.mails.length >= before + taken ? true : undefined);
      await eventually(look, () => `${taken} mails, ${mailbox.mails.length} came`, 60_000);
      const judged = mailbox.mails.slice(before).map((mail) => judge(mail, filter.ownReceived));
      const believed = judged.filter(({ verdict }) => verdict.result === 'pass');
      assert.deepEqual(believed, []);
      const doubted = judged.filter(({ verdict }) => verdict.cause === 'ambiguous');
      const written = judged.filter(({ isBelieved }) => isBelieved);
      t.diagnostic(
        `${taken} of ${HOSTILE} taken, results in ${written.length}, ${doubted.length} of two readings`,
      );
      assert.ok(written.length > HOSTILE / 2, 'most of them have results to judge');
    });
  });
}
