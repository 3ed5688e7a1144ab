// The real daemon under "strict": a person whose reply it drops is told by mail, once, if they passed before.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { LATER_KINDS, NOTICE_KINDS } from '../../src/mail/notice.ts';
import { type Daemon, type Row, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { fieldsOf, fileOf, type Mailbox, startMailbox, textOf } from '../support/mailbox.ts';
import { replyMessage } from '../support/message.ts';
import { startPlatform } from '../support/platform.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

const RECEIVED = 'Received: from a by mx.example.org; Thu, 1 Jan 2026 00:00:00 +0000\r\n';
const PASS = `Authentication-Results: mx.example.org; dmarc=pass header.from=example.com\r\n${RECEIVED}`;

interface Site {
  readonly daemon: Daemon;
  readonly mailbox: Mailbox;
  /** Sends a reply of a user's, whose header begins like this; the answer. */
  send(name: string, header: string, change?: { reversePath?: string; headers?: string[] }): Promise<string>;
}

/** A strict site with the default kinds of notices, or others. */
async function strictSite(
  t: TestContext,
  notice: Record<string, string | readonly string[]> = {},
  scratch: Scratch = testScratch(t),
): Promise<Site> {
  const platform = await startPlatform(scratch);
  const mailbox = await startMailbox(scratch);
  const daemon = await startDaemon(scratch, {
    sink: platform.sink,
    settings: { sender: { policy: 'strict', authserv_id: 'mx.example.org' } },
    change: (settings) => ({ ...settings, notice: { server: mailbox.server, ...notice } }),
  });
  const addresses = new Map<string, string>();
  const addressOf = async (name: string): Promise<string> => {
    const known = addresses.get(name);
    if (known !== undefined) return known;
    await daemon.addUser(name);
    const { reply_to } = await daemon.mint({ user: name, thread: `acme/site/${name}` });
    addresses.set(name, reply_to);
    return reply_to;
  };
  return {
    daemon,
    mailbox,
    send: async (name, header, { reversePath = `${name}@example.com`, headers } = {}) => {
      const to = await addressOf(name);
      const client = await LmtpClient.open(t, daemon.socket);
      await client.sayAll(`MAIL FROM:<${reversePath}>`, `RCPT TO:<${to}>`, 'DATA');
      const from = `${name}@example.com`;
      const message = replyMessage({ to, from, subject: 'my words', ...(headers && { headers }) });
      client.write(`${header}${message}\r\n.\r\n`);
      return await client.reply();
    },
  };
}

/** Passes once and is dropped then. */
async function passAndDrop(site: Site, name: string): Promise<void> {
  assert.match(await site.send(name, PASS), /^250 2\.0\.0 queued/);
  assert.match(await site.send(name, RECEIVED), /^250 2\.0\.0 discarded/);
}

/** Has somebody told who is to be, and sees that nobody else was. */
async function onlyTold(site: Site, name: string): Promise<void> {
  await passAndDrop(site, name);
  const mail = await site.mailbox.nthMail(1);
  assert.deepEqual(mail.recipients, [`<${name}@example.com>`]);
  const notices = await site.daemon.ctl('notice', 'list');
  assert.deepEqual(
    notices.map(({ user, kind }) => [user, kind]),
    [[name, 'dropped']],
  );
}

describe('a person whose reply "strict" drops', () => {
  it('is told once a day, in a notice that no machine answers and that repeats nothing', async (t) => {
    const site = await strictSite(t);
    await passAndDrop(site, 'alice');
    await site.send('alice', RECEIVED);
    const mail = await site.mailbox.nthMail(1);
    assert.equal(mail.mailFrom, '<>');
    assert.deepEqual(mail.recipients, ['<alice@example.com>']);
    assert.deepEqual(fieldsOf(mail, 'Auto-Submitted'), ['auto-replied']);
    assert.deepEqual(fieldsOf(mail, 'X-Loop'), ['mailgw.reply.example.org']);
    assert.equal(fieldsOf(mail, 'In-Reply-To').length, 1);
    assert.match(textOf(mail), /^acme\/site\/alice$/m);
    assert.match(textOf(mail), /found no proof that you wrote it to this very address/);
    assert.doesNotMatch(mail.raw.toString(), /reply\+|my words|It works now/);
    assert.equal(fileOf(mail), undefined);
    // Whoever comes next is told next: nothing of alice's is on its way.
    await passAndDrop(site, 'bob');
    assert.deepEqual((await site.mailbox.nthMail(2)).recipients, ['<bob@example.com>']);
    const notices = await site.daemon.ctl('notice', 'list');
    assert.deepEqual(
      notices.map(({ user, kind }) => [user, kind]),
      [
        ['bob', 'dropped'],
        ['alice', 'dropped'],
      ],
    );
  });

  it('is not told where they never passed, where a machine wrote, or where another reverse-path stands', async (t) => {
    const site = await strictSite(t);
    assert.match(await site.send('never', RECEIVED), /discarded/);
    for (const name of ['robot', 'mallory']) assert.match(await site.send(name, PASS), /queued/);
    const headers = ['Auto-Submitted: auto-replied', 'Content-Type: text/plain'];
    assert.match(await site.send('robot', RECEIVED, { headers }), /discarded/);
    assert.match(await site.send('mallory', RECEIVED, { reversePath: 'm@evil.example' }), /discarded/);
    await onlyTold(site, 'alice');
  });

  it('is not told after they were removed', async (t) => {
    const site = await strictSite(t);
    await site.mailbox.down();
    await passAndDrop(site, 'gone');
    // Their notice waits for another attempt; one under way would be sent.
    await eventually(
      () => (site.daemon.log().includes('"event":"notice_deferred"') ? true : undefined),
      () => site.daemon.log(),
    );
    await site.daemon.ctl('user', 'remove', 'gone', '--yes');
    assert.match(await site.send('gone', RECEIVED), /^5|503/);
    await site.mailbox.up();
    await passAndDrop(site, 'alice');
    assert.deepEqual((await site.mailbox.nthMail(1)).recipients, ['<alice@example.com>']);
    assert.doesNotMatch(site.mailbox.commands.join('\n'), /gone@/);
  });

  it('is not told where the site does not want it', async (t) => {
    const site = await strictSite(t, { kinds: ['empty'] });
    await passAndDrop(site, 'alice');
    assert.deepEqual(await site.daemon.ctl('notice', 'list'), []);
  });
});

/** Texts in a language of the site's own, as it wrote them for the first release; their directory. */
function firstTexts(scratch: Scratch): string {
  const directory = scratch.path('texts');
  mkdirSync(directory, { mode: 0o755 });
  for (const kind of NOTICE_KINDS.filter((each) => !LATER_KINDS.includes(each))) {
    writeFileSync(`${directory}/${kind}.nl.txt`, 'Subject: s\n\nDag,\n', { mode: 0o644 });
  }
  return directory;
}

it('is told in English where the texts of the site are older than the kind, and the operator sees it', async (t) => {
  const scratch = testScratch(t);
  const texts = firstTexts(scratch);
  const site = await strictSite(t, { texts, language: 'nl' }, scratch);
  await passAndDrop(site, 'alice');
  assert.match(textOf(await site.mailbox.nthMail(1)), /^Hello,/);
  const note = `notice.texts: ${texts}: lacks dropped.nl.txt, unclear.nl.txt, oversize.nl.txt, which are new; users of "nl" get those texts in "en"`;
  const [checked] = await site.daemon.ctl('config', 'check');
  assert.deepEqual([checked?.ok, checked?.notes], [true, [note]]);
  const { stdout } = await site.daemon.tryCtl('doctor');
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
  const found = rows.find(({ check }) => check === 'notice.texts');
  assert.deepEqual([found?.status, found?.what], ['note', note]);
});
