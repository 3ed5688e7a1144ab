// No From that we take for one author names another domain to a filter.
//
// Every value goes over SMTP through the real filter, from a sender whose own domain passes SPF and has a DMARC record: a
// filter that reads that domain in From says so, in header.from.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { headerValue, headerValues, scanHeader } from '../../src/mail/header.ts';
import { parseFrom } from '../../src/mail/mailbox.ts';
import { makeDkimKey } from '../support/dkim.ts';
import { startDns, type Zone } from '../support/dns.ts';
import { eventually } from '../support/eventually.ts';
import {
  opendmarcUnavailable,
  programUnavailable,
  startOpenDkim,
  startOpendmarc,
} from '../support/filters.ts';
import { fromForms } from '../support/from-forms.ts';
import { startMailbox } from '../support/mailbox.ts';
import { replyMessage } from '../support/message.ts';
import { postfixUnavailable, startPostfix } from '../support/postfix.ts';
import { rspamdUnavailable, startRspamd } from '../support/rspamd.ts';
import { type Scratch, suiteScratch } from '../support/scratch.ts';
import { SmtpSession } from '../support/smtp.ts';

const SESSIONS = 4;
const SENDER = '192.0.2.66';
const ZONE: Zone = {
  'example.com': `v=spf1 ip4:${SENDER} -all`,
  '_dmarc.example.com': 'v=DMARC1; p=none',
  'evil.example': `v=spf1 ip4:${SENDER} -all`,
  '_dmarc.evil.example': 'v=DMARC1; p=none',
};

interface Reader {
  readonly name: string;
  readonly skip: string | false;
  start(scratch: Scratch): Promise<readonly string[]>;
}

const READERS: readonly Reader[] = [
  {
    name: 'rspamd',
    skip: rspamdUnavailable(),
    start: async (scratch) => [(await startRspamd(scratch, await startDns(scratch, ZONE))).milter],
  },
  {
    name: 'OpenDMARC',
    skip: programUnavailable('/usr/sbin/opendkim') || opendmarcUnavailable(),
    start: async (scratch) => {
      const resolver = await startDns(scratch, ZONE);
      const records = `m._domainkey.evil.example ${makeDkimKey().record}\n`;
      return [await startOpenDkim(scratch, records), await startOpendmarc(scratch, resolver)];
    },
  },
];

const messageFrom = (value: string): string =>
  replyMessage({ to: 'reply+x@reply.example.org' }).replace(/^From: .*$/m, () => `From: ${value}`);

/** Sends them one after the other; how many were taken. */
async function sendEach(port: number, values: readonly string[]): Promise<number> {
  const session = await SmtpSession.open(port);
  await session.say('EHLO client');
  await session.say(`XCLIENT ADDR=${SENDER} NAME=[UNAVAILABLE]`);
  await session.say('HELO mail.evil.example');
  let taken = 0;
  for (const value of values) {
    await session.say('MAIL FROM:<mallory@evil.example>');
    await session.say('RCPT TO:<reply+x@reply.example.org>');
    const { code } = await session.content(messageFrom(value));
    if (code < 400) taken += 1;
    else await session.say('RSET');
  }
  session.close();
  return taken;
}

/** Sends them all, over a few connections at a time; how many were taken. */
async function sendAll(port: number, values: readonly string[]): Promise<number> {
  const shares = Array.from({ length: SESSIONS }, (_, share) =>
    values.filter((__, number) => number % SESSIONS === share),
  );
  const taken = await Promise.all(shares.map((share) => sendEach(port, share)));
  return taken.reduce((sum, count) => sum + count, 0);
}

/** What the filter took for the domain of From; undefined where it says nothing. */
function domainsRead(raw: Buffer): { readonly from: string; readonly domains: readonly string[] } {
  const scan = scanHeader(raw);
  assert.ok(scan.ok);
  const written = headerValues(scan.header, 'authentication-results').join(';');
  const domains = [...written.matchAll(/header\.from="?([^\s;")]+)/g)].map(([, domain = '']) =>
    domain.slice(domain.lastIndexOf('@') + 1).toLowerCase(),
  );
  return { from: headerValue(scan.header, 'from') ?? '', domains };
}

for (const reader of READERS) {
  describe(`From as ${reader.name} reads it`, { skip: postfixUnavailable() || reader.skip }, () => {
    const scratch = suiteScratch();
    after(() => scratch.close());

    it('has the domain that we read, wherever we read one author', async (t) => {
      const mailbox = await startMailbox(scratch);
      const settings = {
        relay_transport: `smtp:[127.0.0.1]:${mailbox.port}`,
        smtpd_authorized_xclient_hosts: '127.0.0.1',
        // As for mail from elsewhere: Postfix would complete addresses of the host's own.
        local_header_rewrite_clients: '',
        smtpd_hard_error_limit: '100000',
        smtpd_soft_error_limit: '100000',
        smtpd_milters: (await reader.start(scratch)).join(' '),
      };
      const { port } = await startPostfix(scratch, { settings });
      const values = fromForms();
      const taken = await sendAll(port, values);
      const look = (): true | undefined => (mailbox.mails.length >= taken ? true : undefined);
      await eventually(look, () => `${taken} mails, ${mailbox.mails.length} came`, 120_000);
      const read = mailbox.mails.map(({ raw }) => domainsRead(raw));
      const accepted = read.flatMap(({ from, domains }) => {
        const ours = parseFrom(from);
        return ours.ok ? [{ from, domains, ours: ours.mailbox.domain }] : [];
      });
      const other = accepted.filter(({ domains, ours }) => domains.some((domain) => domain !== ours));
      const said = read.filter(({ domains }) => domains.length > 0).length;
      const agreed = accepted.filter(({ domains, ours }) => domains.includes(ours)).length;
      t.diagnostic(
        `${values.length} values, ${said} with header.from; ${accepted.length} accepted, ${agreed} agreed`,
      );
      assert.deepEqual(other, []);
      assert.ok(accepted.length >= 250, 'the new forms are accepted, and came as they were sent');
      assert.ok(said > values.length / 4, 'the filter says what it read');
    });
  });
}
