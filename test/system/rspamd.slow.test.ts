// postfix-examples/main-milter.cf and rspamd-milter_headers.conf, with a real rspamd in front of mailgw.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Row } from '../support/daemon.ts';
import { replyMessage } from '../support/message.ts';
import { postfixUnavailable, readExample } from '../support/postfix.ts';
import { type Rspamd, rspamdUnavailable, SPAM, startRspamd } from '../support/rspamd.ts';
import { ALICE, freshAddress, suiteSite } from '../support/site.ts';
import type { SubmissionResult } from '../support/smtp.ts';
import { GTUBE } from '../support/spamd.ts';

const skip = postfixUnavailable() || rspamdUnavailable();

/** What a sender writes to be let in. */
const FORGED = [
  'Received: from elsewhere.example.com by relay.example.com; Fri, 20 Nov 2026 09:00:00 +0000',
  'Authentication-Results: mx.example.org; dmarc=pass header.from=example.com',
  'X-Spam-Status: No, score=-99.0 required=5.0',
  'X-Spam: No',
];

describe('postfix-examples: main-milter.cf, rspamd-milter_headers.conf, behind rspamd', { skip }, () => {
  let rspamd: Rspamd | undefined;
  const site = suiteSite({
    settings: { spam: { source: 'header' } },
    postfix: async (_daemon, scratch) => {
      rspamd = await startRspamd(scratch);
      return {
        variants: ['main-milter.cf'],
        tables: { header_checks: readExample('header_checks', '') },
        settings: { smtpd_milters: rspamd.milter },
      };
    },
  });

  interface Sent {
    readonly thread: string;
    readonly result: SubmissionResult;
  }

  async function send(body: string, lines: readonly string[] = []): Promise<Sent> {
    const { daemon, postfix } = site();
    const { reply_to, thread } = await freshAddress(daemon);
    const data = [...lines, replyMessage({ to: reply_to, body })].join('\r\n');
    return { thread, result: await postfix.send({ from: ALICE.address, to: [reply_to], data }) };
  }

  async function itemOf({ thread, result }: Sent): Promise<Row> {
    const { daemon, postfix } = site();
    assert.ok(result.queueId !== undefined, JSON.stringify(result));
    await postfix.done(result.queueId);
    const [item] = await daemon.ctl('queue', 'list', '--thread', thread);
    return (await daemon.ctl('queue', 'show', String(item?.id)))[0] ?? {};
  }

  /** The fields that a filter writes, of a message that is held. */
  async function fieldsOf({ id }: Row): Promise<string[]> {
    const [content] = await site().daemon.ctl('queue', 'cat', String(id));
    const text = Buffer.from(String(content?.content_base64), 'base64').toString('latin1');
    return text.split('\r\n').filter((line) => /^(?:Received|X-Spam|Authentication-Results)/i.test(line));
  }

  it('a reply is posted with the score that rspamd gave it, whatever its sender says', async () => {
    const { thread } = await send('It works now, thank you.\n', FORGED);
    const { data } = await site().platform.post((post) => post.data.thread === thread);
    const { score, flagged } = (data as unknown as { spam: { score: number; flagged: boolean } }).spam;
    assert.ok(!flagged && score > -99, String(score));
  });

  it('spam is held, and has no fields but those of rspamd', async () => {
    const item = await itemOf(await send(`${SPAM}\n`, [...FORGED, ...FORGED.slice(1)]));
    assert.deepEqual([item.state, item.hold_reason], ['held', 'spam']);
    const fields = await fieldsOf(item);
    assert.deepEqual(
      fields.map((field) => field.replace(/ by .*|[,;].*/, '')),
      [
        'Received: from client.example.com (unknown [127.0.0.1])',
        'Authentication-Results: mx.example.org',
        'Received: from elsewhere.example.com',
        'X-Spam-Status: Yes',
        'X-Spam: Yes',
      ],
    );
    assert.doesNotMatch(fields.join('\n'), /dmarc=pass/);
  });

  it('what rspamd would reject is refused in the SMTP session', async () => {
    const { result } = await send(`${GTUBE}\n`);
    assert.match(result.data?.text ?? '', /^554 5\.7\.1 Gtube pattern/);
  });

  /** What doctor finds of the milter. */
  async function milterSeen(): Promise<Row | undefined> {
    const { daemon, postfix } = site();
    const { stdout } = await daemon.tryCtl('doctor', '--postfix-config', postfix.configDirectory);
    const rows = stdout.trimEnd().split('\n');
    return rows
      .map((line) => JSON.parse(line) as Row)
      .find(({ check }) => check === 'postfix.milter_answers');
  }

  it('doctor hears rspamd answer as a milter', async () => {
    const { status, what } = (await milterSeen()) ?? {};
    assert.deepEqual([status, what], ['ok', `${rspamd?.milter ?? ''} answers`]);
  });

  it('mail waits while rspamd is down, and doctor names it', async () => {
    await rspamd?.stop();
    const { status, why } = (await milterSeen()) ?? {};
    assert.deepEqual(
      [status, why],
      ['problem', 'all mail by SMTP is put off: "451 4.7.1 Service unavailable"'],
    );
    const { result } = await send('It works now.\n');
    const texts = [result.mail, ...result.recipients].map(({ text }) => text);
    assert.match(texts.join('\n'), /^451 4\.7\.1 Service unavailable - try again later/m);
  });
});
