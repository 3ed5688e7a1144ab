// Mail without one author, through a real Postfix and a real rspamd with SPF on: who sent it gets a bounce, and whoever
// was imitated gets none.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startDns } from '../support/dns.ts';
import { replyMessage } from '../support/message.ts';
import { postfixUnavailable, readExample } from '../support/postfix.ts';
import { rspamdUnavailable, startRspamd } from '../support/rspamd.ts';
import { ALICE, freshAddress, suiteSite } from '../support/site.ts';
import { SmtpSession } from '../support/smtp.ts';

const skip = postfixUnavailable() || rspamdUnavailable();
const OWN_HOST = '192.0.2.10';
const EVIL_HOST = '192.0.2.66';

describe('mail without one author', { skip, concurrency: false }, () => {
  const site = suiteSite({
    settings: { sender: { policy: 'strict', authserv_id: 'mx.example.org', own_received: 1 } },
    postfix: async (_daemon, scratch) => {
      const port = await startDns(scratch, {
        'example.com': `v=spf1 ip4:${OWN_HOST} -all`,
        'out.example.com': `v=spf1 ip4:${OWN_HOST} -all`,
        'soft.example': `v=spf1 ip4:${OWN_HOST} ~all`,
        'evil.example': `v=spf1 ip4:${EVIL_HOST} -all`,
        'mail.evil.example': `v=spf1 ip4:${EVIL_HOST} -all`,
      });
      return {
        variants: ['main-milter.cf'],
        tables: { header_checks: readExample('header_checks', '') },
        settings: {
          smtpd_milters: (await startRspamd(scratch, port)).milter,
          smtpd_authorized_xclient_hosts: '127.0.0.1',
        },
      };
    },
  });

  it('is bounced to the user whose it is, and to nobody who was imitated', async () => {
    const { daemon, postfix } = site();
    const known = [ALICE.address, 'alice@soft.example'];
    await daemon.ctl('user', 'set', ALICE.user, ...known.flatMap((address) => ['--address', address]));
    const { reply_to } = await freshAddress(daemon);
    const send = async (host: string, helo: string, from: string): Promise<string> => {
      const session = await SmtpSession.open(postfix.port);
      await session.say('EHLO client');
      await session.say(`XCLIENT ADDR=${host} NAME=[UNAVAILABLE]`);
      await session.say(`EHLO ${helo}`);
      await session.say(`MAIL FROM:<${from}>`);
      await session.say(`RCPT TO:<${reply_to}>`);
      const data = replyMessage({ to: reply_to }).replace(/^From: .*$/m, 'From: Friends: alice@example.com;');
      const { code, text } = await session.content(data);
      session.close();
      assert.equal(code, 250, text);
      return /queued as (\w+)/.exec(text)?.[1] ?? '';
    };
    const own = await send(OWN_HOST, 'out.example.com', ALICE.address);
    const forged = [
      await send(EVIL_HOST, 'mail.evil.example', ALICE.address),
      await send(EVIL_HOST, 'mail.evil.example', 'alice@soft.example'),
      await send(EVIL_HOST, 'mail.evil.example', 'eve@evil.example'),
    ];
    await postfix.queueEmpty(60_000);
    const log = postfix.log();
    assert.match(
      log,
      new RegExp(`${own}: .*dsn=5\\.6\\.0, status=bounced .* 554 5\\.6\\.0 message is malformed`),
    );
    assert.match(log, new RegExp(`${own}: sender non-delivery notification`));
    for (const id of forged) assert.match(log, new RegExp(`${id}: .*status=sent \\(250 2\\.0\\.0 discarded`));
    assert.equal(log.match(/non-delivery notification/g)?.length, 1, log);
  });
});
