// docs/examples/sending/, run with the interpreters that Debian has: each has mailgw send a notification, and sends one
// itself, and both are mails whose answers would be posted.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { simpleParser } from 'mailparser';
import { startApi } from '../api/api.ts';
import type { Daemon } from '../support/daemon.ts';
import { fieldsOf, type Mailbox, type ReceivedMail, startMailbox } from '../support/mailbox.ts';
import { repositoryRoot, run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { ALICE } from '../support/site.ts';
import { SENDING_PAGE, sendingPage } from './sending-page.ts';

const DIRECTORY = join(repositoryRoot, 'docs', 'examples', 'sending');

/** A stand-in for Postfix's sendmail(1). */
const SENDMAIL = join(repositoryRoot, 'test', 'docs', 'sendmail.py');

/** The command that runs each example, and the one that says whether it can be run. */
const INTERPRETERS: Readonly<
  Record<string, { readonly command: readonly string[]; readonly ask: readonly string[] }>
> = {
  'send.mjs': { command: [process.execPath], ask: [process.execPath, '--version'] },
  'send.py': { command: ['python3'], ask: ['python3', '--version'] },
  'send.php': { command: ['php', '-d', `sendmail_path=${SENDMAIL} -t -i`], ask: ['php', '--version'] },
  'send.rb': { command: ['ruby'], ask: ['ruby', '-e', 'require "net/smtp"'] },
  'send.go': { command: ['go', 'run'], ask: ['go', 'version'] },
};

/** Why an example cannot be run here, or false if it can. */
async function missing(ask: readonly string[]): Promise<string | false> {
  const [program = '', ...words] = ask;
  const { code } = await run('env', [program, ...words]);
  return code === 0 ? false : `unavailable: ${ask.join(' ')} does not run here`;
}

interface SendingSite {
  readonly daemon: Daemon;
  readonly mailbox: Mailbox;
  /** Runs an example; what it printed. */
  send(name: string, way: 'api' | 'own'): Promise<string>;
}

/** Starts a site for an example whose interpreter runs; where it does not, skips the test. */
async function startSite(t: TestContext, ask: readonly string[]): Promise<SendingSite | undefined> {
  const reason = await missing(ask);
  if (reason !== false) {
    t.skip(reason);
    return undefined;
  }
  const mailbox = await startMailbox(testScratch(t));
  const { daemon, port } = await startApi(t, { outbound: { relay: mailbox.server } });
  await daemon.addUser(ALICE.user, ALICE.address);
  const [token] = await daemon.ctl('token', 'create', 'tracker', '--scope', 'mint,send');
  const environment = [
    `MAILGW_API=http://127.0.0.1:${port}`,
    `MAILGW_TOKEN=${String(token?.token)}`,
    `SMTP=${mailbox.server}`,
    `SENDMAIL=${SENDMAIL}`,
    `POSTED_AT=${new Date(Date.now() - 60_000).toISOString()}`,
    'GOFLAGS=-mod=mod',
  ];
  return {
    daemon,
    mailbox,
    send: async (name, way) => {
      const { command } = INTERPRETERS[name] ?? assert.fail(`no interpreter for ${name}`);
      const { code, stdout, stderr } = await run('env', [
        ...environment,
        ...command,
        join(DIRECTORY, name),
        way,
      ]);
      assert.equal(code, 0, `${stdout}${stderr}`);
      return stdout.trim();
    },
  };
}

/** Holds a mail to what the page says of it. */
async function check({ daemon }: SendingSite, mail: ReceivedMail, messageId: string): Promise<void> {
  const field = (name: string): string => fieldsOf(mail, name).join().trim();
  const replyTo = field('Reply-To').replace(/[<>]/g, '');
  assert.equal(field('Message-ID'), messageId);
  assert.ok(mail.mailFrom.startsWith(`<${replyTo}>`), `${mail.mailFrom} is not ${replyTo}`);
  assert.deepEqual(
    mail.recipients.map((path) => path.replace(/ .*/, '')),
    ['<alice@example.com>'],
  );
  const root = '<acme/website/issue/7@reply.example.org>';
  assert.deepEqual(
    [field('In-Reply-To'), field('References'), field('Auto-Submitted')],
    [root, root, 'auto-generated'],
  );
  const [meaning] = await daemon.ctl('address', 'explain', replyTo);
  assert.deepEqual(
    [meaning?.user, meaning?.thread, meaning?.verdict],
    ['alice', 'acme/website/issue/7', 'valid'],
  );
  const parsed = await simpleParser(mail.raw);
  assert.equal(parsed.subject, 'Die Größe des Logos');
  assert.equal(parsed.from?.value[0]?.name, 'Bob via Tracker');
  assert.equal(parsed.text?.trimEnd(), 'Bob wrote:\n\nThe logo is blurred – on my phone at least.');
  assert.ok(Math.abs(Number(parsed.date) - Date.now()) < 60_000, field('Date'));
}

describe('docs/examples/sending/', () => {
  it('has an interpreter for each example', () => {
    assert.deepEqual(readdirSync(DIRECTORY).toSorted(), Object.keys(INTERPRETERS).toSorted());
  });

  it('is what docs/sending.md shows', () => {
    const page = readFileSync(SENDING_PAGE, 'utf8');
    assert.equal(page, sendingPage(page), 'npm run docs');
  });

  for (const [name, { ask }] of Object.entries(INTERPRETERS)) {
    it(`${name} sends a notification itself, as its answer's fields say`, async (t) => {
      const site = await startSite(t, ask);
      if (site === undefined) return;
      const messageId = await site.send(name, 'own');
      await check(site, await site.mailbox.nthMail(1), messageId);
      assert.equal(site.mailbox.mails.length, 1);
    });

    it(`${name} has mailgw send a notification, and twice is once`, async (t) => {
      const site = await startSite(t, ask);
      if (site === undefined) return;
      const messageId = await site.send(name, 'api');
      assert.equal(await site.send(name, 'api'), messageId);
      const mail = await site.mailbox.nthMail(1);
      await check(site, mail, messageId);
      assert.deepEqual(fieldsOf(mail, 'List-ID'), ['<website.tracker.example.org>']);
      assert.deepEqual(fieldsOf(mail, 'List-Unsubscribe-Post'), ['List-Unsubscribe=One-Click']);
      assert.equal((await site.daemon.ctl('notification', 'list')).length, 1);
    });
  }
});
