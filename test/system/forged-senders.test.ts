// Forged senders end to end: a real Postfix from postfix-examples/, a real rspamd with SPF, DKIM and DMARC on, mailgw under
// "strict", and a platform that gets the genuine reply alone.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeDkimKey, sign } from '../support/dkim.ts';
import { startDns } from '../support/dns.ts';
import { eventually } from '../support/eventually.ts';
import { type Hostile, hostileMessages } from '../support/hostile.ts';
import { replyMessage } from '../support/message.ts';
import { postfixUnavailable, readExample } from '../support/postfix.ts';
import { rspamdUnavailable, startRspamd } from '../support/rspamd.ts';
import { ALICE, freshAddress, suiteSite } from '../support/site.ts';
import { SmtpSession } from '../support/smtp.ts';

const skip = postfixUnavailable() || rspamdUnavailable();
const FORGERIES = 100;

/** What got through before fields with two readings were a fail. */
const KNOWN: readonly Hostile[] = [
  'x) smtp.mailfrom=evil.example; dmarc=pass header.from=nodmarc.example; a=b (y',
  'x) ; dmarc=pass header.from=nodmarc.example; a=b (y',
  'x) ; spf=pass smtp.mailfrom=alice@nodmarc.example; a=b (y',
].map((text) => ({
  from: `"${text}"@evil.example`,
  helo: 'mail.evil.example',
  signatures: [],
  author: 'alice@nodmarc.example',
}));

describe('forged senders, through rspamd under "strict"', { skip, concurrency: false }, () => {
  const key = makeDkimKey();
  const site = suiteSite({
    settings: { sender: { policy: 'strict', authserv_id: 'mx.example.org', own_received: 1 } },
    postfix: async (_daemon, scratch) => {
      const port = await startDns(scratch, {
        'example.com': 'v=spf1 -all',
        '_dmarc.example.com': 'v=DMARC1; p=none',
        's1._domainkey.example.com': key.record,
        'nodmarc.example': 'v=spf1 -all',
        'evil.example': 'v=spf1 ip4:192.0.2.66 -all',
        'mail.evil.example': 'v=spf1 ip4:192.0.2.66 -all',
      });
      return {
        variants: ['main-milter.cf'],
        tables: { header_checks: readExample('header_checks', '') },
        settings: {
          smtpd_milters: (await startRspamd(scratch, port)).milter,
          smtpd_authorized_xclient_hosts: '127.0.0.1',
          smtpd_soft_error_limit: '10000',
          smtpd_hard_error_limit: '10000',
        },
      };
    },
  });

  it(`${FORGERIES} are discarded, and the genuine reply beside them is posted`, async () => {
    const { daemon, postfix, platform } = site();
    await daemon.ctl(
      'user',
      'set',
      ALICE.user,
      '--address',
      ALICE.address,
      '--address',
      'alice@nodmarc.example',
    );
    const { reply_to, thread } = await freshAddress(daemon);
    const session = await SmtpSession.open(postfix.port);
    await session.say('EHLO client');
    await session.say('XCLIENT ADDR=192.0.2.66 NAME=[UNAVAILABLE]');
    const send = async (helo: string, from: string, data: string): Promise<void> => {
      await session.say(`HELO ${helo}`);
      await session.say(`MAIL FROM:<${from}>`);
      await session.say(`RCPT TO:<${reply_to}>`);
      const { code, text } = await session.content(data);
      assert.ok(code === 250 || code >= 500, text);
    };
    for (const { helo, from, author, signatures } of [
      ...KNOWN,
      ...hostileMessages(FORGERIES - KNOWN.length),
    ]) {
      const fields = signatures.map((signature) => `DKIM-Signature: ${signature}\r\n`).join('');
      await send(helo, from, `${fields}${replyMessage({ to: reply_to, from: author, body: 'forged\n' })}`);
    }
    await send(
      'mail.example.com',
      ALICE.address,
      sign(replyMessage({ to: reply_to }), key, 'example.com', 's1'),
    );
    session.close();
    const post = await platform.post((each) => each.data.thread === thread);
    assert.equal(post.data.user, ALICE.user);
    await postfix.queueEmpty(60_000);
    const verdicts = (): string[] => daemon.log().match(/^.*"verdict":"(?:discarded|accepted)".*$/gm) ?? [];
    const look = (): true | undefined => (verdicts().length > FORGERIES ? true : undefined);
    await eventually(look, () => `${verdicts().length} verdicts\n${daemon.log()}`, 30_000);
    assert.deepEqual(
      verdicts().filter((line) => line.includes('"accepted"')).length,
      1,
      'the genuine one alone is accepted',
    );
    assert.equal((await daemon.ctl('queue', 'list', '--thread', thread)).length, 1);
    const doubted = verdicts().filter((line) => line.includes('can be read in two ways'));
    assert.ok(doubted.length > FORGERIES / 2, `${doubted.length} of two readings`);
  });
});
