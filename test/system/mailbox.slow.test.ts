// docs/mailboxes.md followed on a real Dovecot and the real daemon: its table for Dovecot, what `source test` prints, a
// reply that is posted, what an operator sees of it, and the program that fetches a token.

import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
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
import { Place } from '../support/place.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { repositoryRoot, run } from '../support/process.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

const page = readFileSync(join(repositoryRoot, 'docs', 'mailboxes.md'), 'utf8');

/** A block of the page after a heading. */
function blockAfter(heading: string, language: string): string {
  const section = page.slice(page.indexOf(`\n## ${heading}\n`));
  return new RegExp(`\`\`\`${language}\n([^\`]*)\`\`\``).exec(section)?.[1] ?? assert.fail(heading);
}

/** Replaces texts that must be there. */
const replaced = (before: string, changes: readonly (readonly [from: string, to: string])[]): string =>
  changes.reduce((source, [from, to]) => {
    assert.ok(source.includes(from), from);
    return source.replaceAll(from, () => to);
  }, before);

interface Site {
  readonly daemon: Daemon;
  readonly dovecot: Dovecot;
  readonly platform: Platform;
}

/** A site with the table of the page for Dovecot; the daemon has taken it by a reload. */
async function siteOf(scratch: Scratch): Promise<Site> {
  const platform = await startPlatform(scratch);
  const daemon = await startDaemon(scratch, {
    sink: platform.sink,
    settings: { sender: { policy: 'strict', authserv_id: 'mx.nobody.example' } },
  });
  const dovecot = await startDovecot(scratch);
  await daemon.addUser('alice');
  const table = replaced(blockAfter('Dovecot on the own host', 'toml'), [
    ['host = "127.0.0.1"', `host = "127.0.0.1"\nport = ${dovecot.port}`],
    ['/etc/mailgw/replies.password', dovecot.passwordFile],
    ['mx.example.org', 'mx.example.net'],
    ['own_received = 1', 'own_received = 2'],
  ]);
  appendFileSync(daemon.config, `\n${table}`);
  return { daemon, dovecot, platform };
}

/** Waits until the daemon reads the mailbox; what `source list` says of it. */
async function serving(daemon: Daemon): Promise<Record<string, unknown>> {
  let row: Record<string, unknown> = {};
  const look = async (): Promise<true | undefined> => {
    row = (await daemon.ctl('source', 'list', 'replies'))[0] ?? {};
    return row.state === 'serving' ? true : undefined;
  };
  await eventually(look, () => `${JSON.stringify(row)}\n${daemon.log()}`);
  return row;
}

describe('a mailbox on Dovecot, by the page', { skip: dovecotUnavailable() }, () => {
  it('is tried out, taken by a reload, and its reply is posted once', async (t) => {
    const { daemon, dovecot, platform } = await siteOf(testScratch(t));
    const address = (await daemon.mint({ user: 'alice', thread: 'acme/7' })).reply_to;
    await dovecot.deliver(mail(address, PROVIDED(address)));
    await dovecot.deliver(mail('replies@example.net', PROVIDED('replies@example.net')));
    const [look = {}] = await daemon.ctl('source', 'test', 'replies');
    assert.deepEqual([look.messages, look.would_take, look.ours], [2, 2, 1]);
    assert.deepEqual([look.authserv_id, look.own_received], ['mx.example.net', 2]);
    const changes = await daemon.ctl('reload');
    assert.deepEqual(
      changes.map(({ key, to, effect }) => [key, to, effect]),
      [['imap.replies', '[[imap]]', 'now']],
    );
    await eventually(
      () => (platform.posts.length > 0 ? true : undefined),
      () => daemon.log(),
    );
    const row = await serving(daemon);
    assert.deepEqual([row.waiting, row.failed, row.high_water], [0, 0, 2]);
    assert.equal(typeof row.owner, 'string');
    // One more, which the server tells of; the operator's word is not waited for.
    await dovecot.deliver(mail(address, PROVIDED(address)));
    const [synced = {}] = await daemon.ctl('source', 'sync', 'replies', '--retry');
    assert.deepEqual([synced.name, synced.retried], ['replies', 0]);
    await eventually(
      () => (platform.posts.length > 1 ? true : undefined),
      () => daemon.log(),
    );
    assert.deepEqual(
      platform.posts.map(({ data }) => [data.thread, data.user]),
      [
        ['acme/7', 'alice'],
        ['acme/7', 'alice'],
      ],
    );
    // What was taken is seen, and bears the keyword of the installation.
    const marked = ['$Mailgw-', '\\Seen'];
    let flags: readonly (readonly string[])[] = [];
    const looked = async (): Promise<true | undefined> => {
      flags = (await dovecot.flags()).map((each) =>
        each.map((flag) => flag.replace(/^(\$Mailgw-)[a-z2-7]{8}$/i, '$1')).toSorted(),
      );
      return JSON.stringify(flags) === JSON.stringify([marked, [], marked]) ? true : undefined;
    };
    await eventually(looked, () => `${JSON.stringify(flags)}\n${daemon.log()}`);
    const [stats = {}] = await daemon.ctl('stats');
    const [figures] = stats.sources as Record<string, unknown>[];
    assert.deepEqual([figures?.source, figures?.failed], ['replies', 0]);
  });

  it('tells of a password that changed in its file, and of a mailbox that went', async (t) => {
    const { daemon, dovecot } = await siteOf(testScratch(t));
    await daemon.ctl('reload');
    await serving(daemon);
    writeFileSync(dovecot.passwordFile, 'another\n');
    const rows = await daemon.ctl('reload');
    assert.deepEqual(
      rows.map(({ key, from, to }) => [key, from, to]),
      [['imap.replies.password_file', null, null]],
    );
    assert.ok(!daemon.log().includes('another'), 'the password is in the log');
    writeFileSync(daemon.config, readFileSync(daemon.config, 'utf8').replace(/\n\[\[imap\]\][^[]*$/, '\n'));
    assert.deepEqual(
      (await daemon.ctl('reload')).map(({ key, to }) => [key, to]),
      [['imap.replies', 'nothing']],
    );
    const left = (await daemon.ctl('source', 'list')).find(({ name }) => name === 'replies');
    assert.equal(left?.state, 'removed');
  });
});

describe('the program of the page that prints a token for Microsoft 365', () => {
  const skip =
    existsSync('/usr/bin/curl') && existsSync('/usr/bin/python3') ? false : 'unavailable: no curl or python3';

  it('asks with the secret of its file, and prints the token alone', { skip }, async (t) => {
    const scratch = testScratch(t);
    const bodies: string[] = [];
    const place = new Place();
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        bodies.push(body);
        response.end(JSON.stringify({ token_type: 'Bearer', expires_in: 3599, access_token: 'eyJ.token' }));
      });
    });
    await place.up(server);
    scratch.defer(() =>
      place.down(() => {
        server.closeAllConnections();
      }),
    );
    writeFileSync(scratch.path('m365.secret'), 's3cr~t');
    const script = replaced(blockAfter('Microsoft 365', 'text'), [
      ['https://login.microsoftonline.com', `http://127.0.0.1:${place.port}`],
      ['/etc/mailgw/m365.secret', scratch.path('m365.secret')],
    ]);
    writeFileSync(scratch.path('m365-token'), script);
    chmodSync(scratch.path('m365-token'), 0o755);
    const { code, stdout, stderr } = await run(scratch.path('m365-token'), []);
    assert.deepEqual([code, stdout, stderr], [0, 'eyJ.token\n', '']);
    const asked = new URLSearchParams(bodies[0]);
    assert.deepEqual(Object.fromEntries(asked), {
      grant_type: 'client_credentials',
      client_id: '11111111-2222-3333-4444-555555555555',
      client_secret: 's3cr~t',
      scope: 'https://outlook.office365.com/.default',
    });
  });
});
