// Forged senders end to end: a real Postfix from postfix-examples/, real filters, mailgw under "strict", and a platform that
// gets the genuine replies alone. What a filter refuses is as good as what mailgw does not post.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Chance } from '../fault/rounds.ts';
import { sign } from '../support/dkim.ts';
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
import { type Forgery, forgeries } from '../support/forgeries.ts';
import {
  type Cast,
  castZone,
  GENUINE_ADDRESS,
  HOSTILE_ADDRESS,
  keyRecords,
  makeKeys,
  VICTIMS,
} from '../support/forgery-cast.ts';
import { replyMessage } from '../support/message.ts';
import { type PostfixOptions, postfixUnavailable, readExample } from '../support/postfix.ts';
import { run } from '../support/process.ts';
import { roundsOf } from '../support/rounds.ts';
import { rspamdUnavailable, startRspamd } from '../support/rspamd.ts';
import type { Scratch } from '../support/scratch.ts';
import { ALICE, freshAddress, type Site, suiteSite } from '../support/site.ts';
import { SmtpSession } from '../support/smtp.ts';

/** Through each of the set-ups; all of a run are repeated by its seed. */
const FORGERIES = roundsOf(400, 100);
const BY_SENDMAIL = 24;
const SESSIONS = 4;
const SEED = 20_261_128;

/** Filters as a site has them, and how its Postfix asks them. */
interface SetUp {
  readonly name: string;
  readonly skip: string | false;
  /** How many Received of our own stand above what the filters write. */
  readonly ownReceived: number;
  readonly start: (scratch: Scratch, zone: Zone) => Promise<PostfixOptions>;
}

/** The lines of main-milter.cf, with these milters. */
const milters = (...all: readonly string[]): PostfixOptions => ({
  variants: ['main-milter.cf'],
  tables: { header_checks: readExample('header_checks', '') },
  settings: { smtpd_milters: all.join(' ') },
});

const SET_UPS: readonly SetUp[] = [
  {
    name: 'rspamd',
    skip: rspamdUnavailable(),
    ownReceived: 1,
    start: async (scratch, zone) => {
      const port = await startDns(scratch, zone);
      return milters((await startRspamd(scratch, port)).milter);
    },
  },
  {
    name: 'OpenDKIM and OpenDMARC',
    skip: programUnavailable('/usr/sbin/opendkim') || opendmarcUnavailable(),
    ownReceived: 1,
    start: async (scratch, zone) => {
      const port = await startDns(scratch, zone);
      return milters(await startOpenDkim(scratch, keyRecords(zone)), await startOpendmarc(scratch, port));
    },
  },
  {
    name: 'policyd-spf and OpenDKIM',
    skip: programUnavailable('/usr/sbin/opendkim') || programUnavailable('/usr/bin/policyd-spf'),
    ownReceived: 0,
    start: async (scratch, zone) => {
      const asked = policydSpf(scratch, await startDns(scratch, zone));
      const milter = milters(await startOpenDkim(scratch, keyRecords(zone)));
      // The second line would take out what policyd-spf has Postfix put on top.
      const table = readExample('header_checks', '').replace(/^\/\^Authentication-Results.*\n/m, '');
      return {
        ...milter,
        ...asked,
        tables: { header_checks: table },
        settings: { ...milter.settings, ...asked.settings },
      };
    },
  },
];

/** One session of a client whose address is as given. */
async function sessionFrom(port: number, address: string): Promise<SmtpSession> {
  const session = await SmtpSession.open(port);
  await session.say('EHLO client');
  await session.say(`XCLIENT ADDR=${address} NAME=[UNAVAILABLE]`);
  return session;
}

/** Sends one message; whether it was taken. */
async function send(session: SmtpSession, to: string, { helo, from, data }: Forgery): Promise<boolean> {
  const said = [
    await session.say(`HELO ${helo}`),
    await session.say(`MAIL FROM:<${from}>`),
    await session.say(`RCPT TO:<${to}>`),
    await session.content(Buffer.from(data, 'latin1')),
  ];
  const refused = said.find(({ code }) => code >= 400);
  assert.ok((refused?.code ?? 500) >= 500, refused?.text);
  if (refused !== undefined) await session.say('RSET');
  return refused === undefined;
}

/** A reply that alice wrote, as a host sends it on for her. */
function genuine({ alice }: Cast, to: string, number: number): Forgery {
  const message = replyMessage({ to, body: `genuine ${number}\n` });
  const data = sign(message, { key: alice, domain: 'example.com', selector: 's1' });
  return { kind: 'genuine', helo: 'mail.example.com', from: ALICE.address, data };
}

/** Sends them all over a few connections, and between them what alice wrote; how many of hers and mallory's were taken. */
async function sendAll(port: number, cast: Cast, messages: readonly Forgery[]): Promise<number> {
  const waiting = [...messages.entries()];
  let taken = 0;
  const work = async (worker: number): Promise<void> => {
    const sendGenuine = async (number: number, address: string): Promise<void> => {
      const session = await sessionFrom(port, address);
      assert.ok(await send(session, cast.to, genuine(cast, cast.to, number)));
      session.close();
    };
    await sendGenuine(2 * worker, GENUINE_ADDRESS);
    const session = await sessionFrom(port, HOSTILE_ADDRESS);
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (await send(session, cast.to, next[1])) taken += 1;
    }
    session.close();
    // Forwarded by a stranger's host: the signature alone speaks for it.
    await sendGenuine(2 * worker + 1, HOSTILE_ADDRESS);
  };
  await Promise.all(Array.from({ length: SESSIONS }, (_, worker) => work(worker)));
  return taken;
}

/** Hands them to sendmail(1), as a local user and web forms do. */
async function sendLocally({ postfix }: Site, to: string, messages: readonly Forgery[]): Promise<number> {
  const results = await Promise.all(
    messages.map(({ data }) => {
      const command = [`MAIL_CONFIG=${postfix.configDirectory}`, 'sendmail', '-i', '-f', ALICE.address, to];
      return run('env', command, data.replaceAll('\r\n', '\n'));
    }),
  );
  return results.filter(({ code }) => code === 0).length;
}

for (const { name, skip: missing, ownReceived, start } of SET_UPS) {
  describe(`forged senders, through ${name} under "strict"`, {
    skip: postfixUnavailable() || missing,
    concurrency: false,
  }, () => {
    const keys = makeKeys();
    const site = suiteSite({
      settings: { sender: { policy: 'strict', authserv_id: AUTHSERV_ID, own_received: ownReceived } },
      postfix: async (_daemon, scratch) => {
        const options = await start(scratch, castZone(keys));
        const limits = { smtpd_soft_error_limit: '100000', smtpd_hard_error_limit: '100000' };
        const settings = { ...options.settings, ...limits, smtpd_authorized_xclient_hosts: '127.0.0.1' };
        return { ...options, settings };
      },
    });

    it(`${FORGERIES + BY_SENDMAIL} are not posted, and the genuine replies among them are`, async (t) => {
      const { daemon, postfix, platform } = site();
      await daemon.ctl('user', 'set', ALICE.user, ...VICTIMS.flatMap((address) => ['--address', address]));
      const [{ reply_to: to }, { reply_to: other }] = [
        await freshAddress(daemon),
        await freshAddress(daemon),
      ];
      const cast = { ...keys, to, other };
      const messages = forgeries(FORGERIES + BY_SENDMAIL, cast, new Chance(SEED));
      const taken = await sendAll(postfix.port, cast, messages.slice(0, FORGERIES));
      const local = await sendLocally(site(), to, messages.slice(FORGERIES));
      await postfix.queueEmpty(90_000);

      const verdicts = (): string[] => daemon.log().match(/^.*"event":"verdict".*$/gm) ?? [];
      const all = taken + local + 2 * SESSIONS;
      const isJudged = (): true | undefined => (verdicts().length >= all ? true : undefined);
      await eventually(isJudged, () => `${verdicts().length} verdicts of ${all}`, 30_000);
      const wanted = Array.from({ length: 2 * SESSIONS }, (_, number) => `genuine ${number}`);
      const isPosted = async (): Promise<true | undefined> =>
        (await daemon.ctl('queue', 'list')).every(({ state }) => state === 'posted') ? true : undefined;
      await eventually(isPosted, () => daemon.log());
      // A bounce is told as one, and is nobody's post.
      const replies = platform.posts.filter(({ type }) => type === 'reply.created');
      const texts = replies.map(({ data }) => data.body.text.trim());
      const forged = texts.flatMap((text) => /forged (\d+)$/.exec(text)?.[1] ?? []);
      assert.deepEqual(
        forged.map((number) => messages[Number(number)]),
        [],
      );
      assert.deepEqual(texts.sort(), wanted);
      t.diagnostic(`${taken}, and ${local} of sendmail(1), came to mailgw`);
      assert.ok(taken > FORGERIES / 2, 'most of them reach mailgw');
    });
  });
}
