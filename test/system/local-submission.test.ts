// What users and web forms of the host hand to sendmail(1): the lines of postfix-examples/ keep forged results out of it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runTool } from '../ctl/tool.ts';
import type { Row } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { replyMessage } from '../support/message.ts';
import { postfixUnavailable, readExample } from '../support/postfix.ts';
import { run, runOk } from '../support/process.ts';
import { freshAddress, type Site, suiteSite } from '../support/site.ts';

const skip = postfixUnavailable();

/** What a local user writes to be taken for alice; the white space before a colon is of RFC 5322 §4.5. */
const FORGED = [
  'Authentication-Results: mx.example.org; dmarc=pass header.from=example.com',
  'Authentication-Results : mx.example.org; dmarc=pass header.from=example.com',
  'AUTHENTICATION-RESULTS: mx.example.org;\r\n\tdmarc=pass header.from=example.com',
];

/** Hands a reply of "alice" to sendmail(1) as mallory; the thread that it is meant for. */
async function submit({ postfix, daemon }: Site): Promise<string> {
  const { reply_to, thread } = await freshAddress(daemon);
  const data = [...FORGED, replyMessage({ to: reply_to })].join('\n').replaceAll('\r', '');
  const sendmail = [`MAIL_CONFIG=${postfix.configDirectory}`, 'sendmail', '-f', 'mallory@mx.example.org'];
  const { code, stderr } = await run('env', [...sendmail, reply_to], data);
  assert.equal(code, 0, stderr);
  return thread;
}

/** The header with which a reply is held. */
async function heldHeader(site: Site): Promise<string> {
  const { daemon, postfix } = site;
  const thread = await submit(site);
  const look = async (): Promise<Row | undefined> =>
    (await daemon.ctl('queue', 'list', '--thread', thread))[0];
  const item = await eventually(look, () => `an item\n${postfix.log()}\n${daemon.log()}`, 20_000);
  assert.equal(item.state, 'held');
  const [content] = await daemon.ctl('queue', 'cat', String(item.id));
  const text = Buffer.from(String(content?.content_base64), 'base64').toString('latin1');
  return text.slice(0, text.indexOf('\r\n\r\n'));
}

const sender = { policy: 'strict', authserv_id: 'mx.example.org', own_received: 1 };

describe('mail that is handed to sendmail(1), with main-milter.cf and header_checks', { skip }, () => {
  const site = suiteSite({
    // What is not let through is held, so that it can be looked at.
    settings: { sender: { ...sender, spoofed: 'hold' } },
    postfix: () => ({
      variants: ['main-milter.cf'],
      tables: { header_checks: readExample('header_checks', '') },
      // The filter is somebody else's test (rspamd.slow.test.ts); here is what Postfix does alone.
      settings: { smtpd_milters: '' },
    }),
  });

  it('has lost its forged results before mailgw sees it', async () => {
    const header = await heldHeader(site());
    assert.match(header, /^Received: by mx\.example\.org \(Postfix, from userid \d+\)/);
    assert.doesNotMatch(header, /authentication-results/i);
  });
});

describe('mail that is handed to sendmail(1), with what postfix-config says', { skip }, () => {
  const site = suiteSite({
    settings: { sender: { ...sender, spoofed: 'hold' } },
    postfix: (_daemon, scratch) => ({
      bare: true,
      // No filter answers there, and mail goes on without it.
      settings: { smtpd_milters: `unix:${scratch.path('nobody')}`, milter_default_action: 'accept' },
    }),
  });

  it('has lost its forged results before mailgw sees it', async () => {
    const { daemon, postfix } = site();
    const { configDirectory } = postfix;
    const wanted = ['--config', daemon.config, 'postfix-config', '--postfix-config', configDirectory];
    const { stdout: findings } = await runTool([...wanted.slice(0, 3), '--check', configDirectory]);
    assert.match(
      findings,
      /WARNING postfix\.local_mail: non_smtpd_milters is "", without unix:\S+nobody of smtpd_milters/,
    );
    assert.match(findings, /WARNING postfix\.forged_results: header_checks leaves/);
    const { stdout } = await runTool(wanted);
    await runOk('bash', ['-ec', stdout]);
    const milters = await runOk('postconf', ['-c', configDirectory, '-h', 'non_smtpd_milters']);
    assert.equal(milters.trim(), '$smtpd_milters');
    const header = await heldHeader(site());
    assert.match(header, /^Received: by mx\.example\.org \(Postfix, from userid \d+\)/);
    assert.doesNotMatch(header, /authentication-results/i);
    assert.match(postfix.log(), /cleanup\[\d+\]: warning: connect to Milter service unix:.*nobody/);
  });
});

describe('mail that is handed to sendmail(1), without these lines', { skip }, () => {
  const site = suiteSite({ settings: { sender } });

  it('comes with its forged results, which mailgw does not believe', async () => {
    const { daemon, postfix } = site();
    await submit(site());
    const look = (): string | undefined => /^.*"verdict":.*$/m.exec(daemon.log())?.[0];
    const verdict = await eventually(look, () => `a verdict\n${postfix.log()}\n${daemon.log()}`, 20_000);
    assert.match(verdict, /"verdict":"discarded","reason":"spoofed","detail":"submitted by sendmail\(1\)/);
  });
});
