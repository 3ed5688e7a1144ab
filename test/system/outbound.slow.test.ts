// A platform's own notifications, stamped on their way out by way of a real Postfix, and the replies to them.

import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { runTool } from '../ctl/tool.ts';
import { makeDkimKey, verifies } from '../support/dkim.ts';
import { programUnavailable, startSigner } from '../support/filters.ts';
import { freePort } from '../support/free-port.ts';
import { fieldsOf, type ReceivedMail } from '../support/mailbox.ts';
import { replyMessage } from '../support/message.ts';
import {
  type OutboundSite,
  outboundSocketIn,
  plainNotification,
  startOutboundSite,
} from '../support/outbound.ts';
import { postfixUnavailable, readExample } from '../support/postfix.ts';
import { runOk } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { ALICE } from '../support/site.ts';
import { submit } from '../support/smtp.ts';

const skip = postfixUnavailable();

/** Sends mail as the platform does. */
async function notify(
  { port }: OutboundSite,
  data: string | Buffer,
  to: readonly string[] = [ALICE.address],
) {
  const { queueId } = await submit(port, { from: 'tracker@example.org', to, data });
  return queueId ?? assert.fail('Postfix refused');
}

/** The reply address that a mail came with. */
function replyAddressOf(mail: ReceivedMail): string {
  const [replyTo = '', ...more] = fieldsOf(mail, 'Reply-To');
  assert.deepEqual(more, []);
  return /^<(reply\+[a-z2-7]{48}@reply\.example\.org)>$/.exec(replyTo)?.[1] ?? assert.fail(replyTo);
}

describe('a plain notification of a platform that nobody changed', { concurrency: false }, () => {
  it('comes out with a reply address, signed behind the stamp, and the reply to it is posted', {
    skip: skip || programUnavailable('/usr/sbin/opendkim'),
  }, async (t) => {
    const scratch = testScratch(t);
    const key = makeDkimKey();
    const site = await startOutboundSite(scratch, {
      signer: await startSigner(scratch, 'example.org', key.key),
    });
    await notify(site, plainNotification('42', ['Reply-To: noreply@example.org']));
    const mail = await site.mailbox.nthMail(1);
    const address = replyAddressOf(mail);
    assert.match(mail.mailFrom, new RegExp(`^<${address.replace('+', '\\+')}>`));
    const [signature = ''] = fieldsOf(mail, 'DKIM-Signature');
    assert.match(signature, /\bh=[^;]*Reply-To/i);
    const text = mail.raw.toString('latin1');
    assert.ok(verifies(text, key), text);
    assert.equal(verifies(text.replace('<reply+', '<other+'), key), false);

    const reply = replyMessage({ to: address, subject: 'Re: [tracker] Issue 42', body: 'It works.\n' });
    await site.postfix.accept({ from: ALICE.address, to: [address], data: reply });
    const { data } = await site.platform.post((post) => post.data.thread === 'issue/42');
    assert.deepEqual([data.user, data.body.text.trim()], [ALICE.user, 'It works.']);
    assert.match(site.daemon.log(), /"user":"alice","thread":"issue\/42".*"event":"stamped"/);
  });

  it('goes to each of several recipients as it should, whoever they are', { skip }, async (t) => {
    const site = await startOutboundSite(testScratch(t));
    const queueId = await notify(site, plainNotification('7'), [
      'x@example.com',
      ALICE.address,
      'y@example.net',
    ]);
    await site.postfix.done(queueId);
    await site.postfix.queueEmpty();
    const replyTo = (mail: ReceivedMail): string => fieldsOf(mail, 'Reply-To').join();
    const seen = site.mailbox.mails
      .flatMap((mail) => mail.recipients.map((path) => [/<(.*)>/.exec(path)?.[1], replyTo(mail)] as const))
      .sort();
    assert.deepEqual(
      seen.map(([to, address]) => [to, address.startsWith('<reply+')]),
      [
        [ALICE.address, true],
        ['x@example.com', false],
        ['y@example.net', false],
      ],
    );
  });

  it('handed to sendmail(1) makes the detour too, and other mail comes out as it went in', {
    skip,
  }, async (t) => {
    const site = await startOutboundSite(testScratch(t), {
      postfix: { settings: { content_filter: 'mailgw_out:unix:mailgw/outbound.sock' } },
    });
    const sendmail = async (data: string): Promise<void> => {
      const args = ['-C', site.postfix.configDirectory, '-f', 'tracker@example.org', ALICE.address];
      await runOk('/usr/sbin/sendmail', args, data.replaceAll('\r\n', '\n'));
    };
    await sendmail(plainNotification('9'));
    assert.ok(replyAddressOf(await site.mailbox.nthMail(1)));
    const body = `8-bit: äöü\r\n.\r\n..\r\n${'x'.repeat(5000)}\r\n`;
    await sendmail(
      `From: cron@example.org\r\nSubject: a report\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${body.replace('\r\n.\r\n', '\r\n. \r\n')}`,
    );
    const other = await site.mailbox.nthMail(2);
    assert.deepEqual(fieldsOf(other, 'Reply-To'), []);
    assert.equal(
      other.body.toString('utf8').replaceAll(/\r\n (?=x)/g, ''),
      body.replace('\r\n.\r\n', '\r\n. \r\n'),
    );
    assert.match(other.mailFrom, /^<tracker@example\.org>/);
  });

  it('waits in Postfix while mailgw is down, and comes out stamped when it is back', { skip }, async (t) => {
    const site = await startOutboundSite(testScratch(t));
    await site.daemon.stop();
    const queueId = await notify(site, plainNotification('11'));
    await site.postfix.waitForLog(new RegExp(`${queueId}: to=<alice@example\\.com>.*status=deferred`));
    assert.equal(site.mailbox.mails.length, 0);
    await site.daemon.start();
    await site.postfix.done(queueId, 60_000);
    assert.ok(replyAddressOf(await site.mailbox.nthMail(1)));
  });

  it('waits in Postfix while the relay is down: 451, and nothing is bounced', { skip }, async (t) => {
    const site = await startOutboundSite(testScratch(t), { relayPort: await freePort() });
    const queueId = await notify(site, plainNotification('12'));
    const deferred = new RegExp(`${queueId}: .*dsn=4\\.4\\.1, status=deferred \\(.* 451 4\\.4\\.1 relay 127`);
    await site.postfix.waitForLog(deferred);
    assert.equal((await site.postfix.queue()).length, 1);
    assert.doesNotMatch(site.postfix.log(), /status=bounced/);
  });

  it('has what Postfix warns of in no line of the example', { skip }, async (t) => {
    const site = await startOutboundSite(testScratch(t));
    const queueId = await notify(site, plainNotification('13'));
    await site.postfix.done(queueId);
    await site.mailbox.nthMail(1);
    assert.doesNotMatch(site.postfix.log(), /warning|error|fatal|panic/);
    // By XFORWARD the second smtpd(8) knows whose mail it is.
    const log = new RegExp(`postfix/stamped/smtpd.*: client=\\S+, orig_queue_id=${queueId}, orig_client=`);
    assert.match(site.postfix.log(), log);
  });

  it('makes the detour of the lines that postfix-config adds to a Postfix in use', { skip }, async (t) => {
    const site = await startOutboundSite(testScratch(t), { isBare: true });
    const { daemon, postfix } = site;
    const words = ['--config', daemon.config, 'postfix-config'];
    const beside = ['--postfix-config', postfix.configDirectory];
    const examine = ['--config', daemon.config, '--json', 'doctor', ...beside];
    const ill = await runTool(examine);
    assert.match(ill.stdout, /"check":"outbound\.relay","status":"problem".*451 4\.4\.1/);
    assert.match(ill.stdout, /"check":"postfix\.outbound","status":"warning"/);
    const { stdout, code } = await runTool([...words, ...beside]);
    assert.equal(code, 0);
    await runOk('bash', ['-ec', stdout]);
    assert.ok(await notify(site, plainNotification('15')));
    assert.ok(replyAddressOf(await site.mailbox.nthMail(1)));
    const doctor = await runTool(examine);
    assert.match(doctor.stdout, /"check":"outbound\.relay","status":"ok".*reaches 127\.0\.0\.1/);
    assert.match(doctor.stdout, /"check":"postfix\.outbound","status":"ok"/);
    const again = await runTool([...words, ...beside]);
    assert.equal(again.stdout, `# Postfix in ${postfix.configDirectory} has what it needs.\n`);
    const file = await runTool([...words, '--file', 'master.cf', '--queue-directory', site.queueDirectory]);
    const options = (text: string): string[] => text.match(/(?<=^ *-o )\S+=.*$/gm) ?? [];
    const example = options(readExample('master-outbound.cf', ''));
    const printed = options(file.stdout);
    assert.deepEqual(
      example.filter((option) => !printed.includes(option)),
      [],
    );
  });

  it('comes back to mailgwd where it is a probe of doctor, who is not root by then, and goes to nobody', {
    skip,
  }, async (t) => {
    const scratch = testScratch(t);
    const path = scratch.path('store', 'mailgw.db');
    mkdirSync(dirname(path));
    const site = await startOutboundSite(scratch, { settings: { store: { path } } });
    // As under systemd: the store is the service user's, the socket root's.
    const nobody = Number(await runOk('id', ['-u', 'nobody']));
    for (const name of ['', ...readdirSync(dirname(path))])
      chownSync(scratch.path('store', name), nobody, nobody);
    assert.equal(statSync(outboundSocketIn(scratch)).uid, 0);
    const { daemon, postfix } = site;
    const where = ['--smtp', `127.0.0.1:${postfix.port}`, '--postfix-config', postfix.configDirectory];
    const { stdout } = await daemon.tryCtl('doctor', ...where);
    assert.match(
      stdout,
      /"check":"outbound\.circle","status":"ok","what":"[^"]*reply address of alice, whom alice@example\.com finds; the rule for X-Tracker-Issue fits it"/,
    );
    await postfix.queueEmpty();
    assert.match(postfix.log(), /postfix\/stamped\/smtpd/);
    assert.doesNotMatch(postfix.log(), /status=(?:bounced|deferred)/);
    assert.deepEqual([site.mailbox.mails, site.platform.posts], [[], []]);
    assert.deepEqual(await daemon.ctl('queue', 'list'), []);
  });

  it('is in the metrics', { skip }, async (t) => {
    const scratch = testScratch(t);
    const socket = scratch.path('metrics.sock');
    const site = await startOutboundSite(scratch, { settings: { metrics: { listen: `unix:${socket}` } } });
    await site.postfix.done(await notify(site, plainNotification('14'), [ALICE.address, 'x@example.com']));
    assert.ok(existsSync(socket));
    const page = await runOk('curl', ['-s', '--unix-socket', socket, 'http://localhost/metrics']);
    assert.match(page, /^mailgw_outbound_messages_total\{outcome="stamped"\} 1$/m);
    assert.match(page, /^mailgw_outbound_messages_total\{outcome="relayed"\} 1$/m);
    assert.match(page, /^mailgw_connections\{service="outbound"\} /m);
  });
});
