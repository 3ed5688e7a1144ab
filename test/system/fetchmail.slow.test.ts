// The zero-code way of docs/mailboxes.md: Debian's fetchmail takes mail out of a real Dovecot and hands it to the real
// daemon's LMTP socket, by the file that the page shows.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import {
  type Dovecot,
  dovecotUnavailable,
  mail,
  PROVIDED,
  startDovecot,
} from '../support/dovecot-mailbox.ts';
import { eventually } from '../support/eventually.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { type RunResult, repositoryRoot, run } from '../support/process.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

const PROGRAM = '/usr/bin/fetchmail';

const unavailable = (): string | false =>
  existsSync(PROGRAM) ? dovecotUnavailable() : 'unavailable: fetchmail is not installed';

/** The file of the page, with what is another here. */
function rcOf(scratch: Scratch, dovecot: Dovecot, socket: string): string {
  const page = readFileSync(join(repositoryRoot, 'docs', 'mailboxes.md'), 'utf8');
  const block = /^```text\n(set no bouncemail\n[^`]*)```$/m.exec(page)?.[1] ?? assert.fail('no fetchmailrc');
  const changes: readonly (readonly [from: string, to: string])[] = [
    ['poll imap.example.net', `poll 127.0.0.1 port ${dovecot.port}`],
    ['/run/mailgw/lmtp.sock', socket],
    ['"replies@example.net"', `"${dovecot.user}"`],
    ['"the password"', `"${dovecot.password}"`],
    ['ssl sslcertck', "sslproto ''"],
  ];
  const text = changes.reduce((before, [from, to]) => {
    assert.ok(before.includes(from), from);
    return before.replace(from, () => to);
  }, block);
  writeFileSync(scratch.path('fetchmailrc'), text, { mode: 0o600 });
  return scratch.path('fetchmailrc');
}

interface Site {
  readonly daemon: Daemon;
  readonly dovecot: Dovecot;
  readonly platform: Platform;
  readonly fetch: () => Promise<RunResult>;
  readonly mint: (thread: string) => Promise<string>;
}

/** What the provider's filter and hosts write above the message; fetchmail's own Received comes on top. */
const TRUST = { policy: 'strict', authserv_id: 'mx.example.net', own_received: 3, addressed: 'off' };

async function siteOf(scratch: Scratch): Promise<Site> {
  const platform = await startPlatform(scratch);
  const daemon = await startDaemon(scratch, { sink: platform.sink, settings: { sender: TRUST } });
  const dovecot = await startDovecot(scratch);
  await daemon.addUser('alice');
  const rc = rcOf(scratch, dovecot, daemon.socket);
  const words = [
    ...[`FETCHMAILHOME=${scratch.directory}`, PROGRAM, '-v', '-f', rc, '--nodetach', '--nosyslog'],
    ...['--pidfile', scratch.path('fetchmail.pid')],
  ];
  return {
    ...{ daemon, dovecot, platform },
    fetch: () => run('env', words),
    mint: async (thread) => (await daemon.mint({ user: 'alice', thread })).reply_to,
  };
}

/** A message as the provider has it, with the reverse-path that fetchmail hands on. */
const provided = (to: string, envelope: string): string =>
  mail(to, [...PROVIDED(envelope), 'Return-Path: <alice@example.com>']);

/** Waits until so many replies were posted. */
async function posted({ platform, daemon }: Site, count: number, told: RunResult): Promise<void> {
  await eventually(
    () => (platform.posts.length >= count ? true : undefined),
    () => `${told.stdout}${told.stderr}\n${daemon.log()}`,
  );
  assert.equal(platform.posts.length, count);
}

describe('fetchmail, by the file of the page', { skip: unavailable() }, () => {
  it('hands over whom the Delivered-To names, also of a blind copy, and leaves the rest in the mailbox', async (t) => {
    const site = await siteOf(testScratch(t));
    const { dovecot, platform, fetch, mint } = site;
    const [first, blind] = [await mint('acme/1'), await mint('acme/2')];
    const forged = first.replace(/.@/, (end) => (end === 'a@' ? 'b@' : 'a@'));
    await dovecot.deliver(provided(first, first));
    await dovecot.deliver(provided('team@example.com', blind));
    await dovecot.deliver(provided('replies@example.net', 'replies@example.net'));
    await dovecot.deliver(provided(forged, forged));
    await posted(site, 2, await fetch());
    const threads = platform.posts.map(({ data }) => [data.thread, data.user]);
    assert.deepEqual(threads.sort(), [
      ['acme/1', 'alice'],
      ['acme/2', 'alice'],
    ]);
    // The two that nobody here is for were not even marked, and are asked about again.
    assert.deepEqual(await dovecot.flags(), [[], []]);
    await fetch();
    assert.deepEqual(await dovecot.flags(), [[], []]);
    assert.equal(platform.posts.length, 2);
  });

  it('leaves a reply in the mailbox while no daemon serves, and hands it over once', async (t) => {
    const site = await siteOf(testScratch(t));
    const { daemon, dovecot, platform, fetch, mint } = site;
    const address = await mint('acme/3');
    await dovecot.deliver(provided(address, address));
    await daemon.stop();
    assert.notEqual((await fetch()).code, 0);
    assert.deepEqual(await dovecot.flags(), [[]]);
    await daemon.start();
    await posted(site, 1, await fetch());
    assert.deepEqual(await dovecot.flags(), []);
    assert.equal((await fetch()).code, 1, 'there is no mail');
    assert.equal(platform.posts.length, 1);
  });

  it('keeps a forger out: results below those of the provider prove nothing', async (t) => {
    const site = await siteOf(testScratch(t));
    const { daemon, dovecot, platform, fetch, mint } = site;
    const address = await mint('acme/4');
    const own = 'Authentication-Results: mx.example.net; dkim=pass header.d=example.com';
    const [delivered = '', inner = '', outer = ''] = PROVIDED(address);
    const fields = [
      delivered,
      inner,
      outer,
      'Received: from liar.example by liar.example with SMTP id 3',
      own,
    ];
    await dovecot.deliver(mail(address, fields));
    const told = await fetch();
    await eventually(
      () => (daemon.log().includes('"reason":"spoofed"') ? true : undefined),
      () => `${told.stdout}${told.stderr}\n${daemon.log()}`,
    );
    assert.equal(platform.posts.length, 0);
  });
});
