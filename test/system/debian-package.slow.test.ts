// The Debian package in the life of a machine: installed, used, upgraded, downgraded, removed and purged, by the real
// dpkg in a root of its own: this machine's under an overlay, of which nothing is left.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import type { SinkAddress } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { startPlatform } from '../support/platform.ts';
import { DaemonProcess, type RunResult, runOk } from '../support/process.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { buildPackage, packageUnavailable, provideNode } from './debian-package.ts';
import { Machine } from './machine.ts';
import { readLinks } from './package-links.ts';
import { socketServes } from './serving.ts';

const skip = await packageUnavailable();

/** The package's file copied into the machine and installed, over an older or newer one too. */
async function install(machine: Machine, file: string): Promise<RunResult> {
  writeFileSync(machine.path('root', basename(file)), readFileSync(file));
  return await machine.try('dpkg', '--install', join('/root', basename(file)));
}

/** Starts the daemon as systemd would, as its own user; it ends with the scratch. */
function startDaemon(scratch: Scratch, machine: Machine): DaemonProcess {
  const words = ['--userspec=mailgw:mailgw', machine.root, 'mailgwd'];
  const daemon = new DaemonProcess('chroot', words, scratch.path('log'));
  scratch.defer(() => daemon.end('SIGTERM').then(() => undefined));
  return daemon;
}

/** The states of the items in the queue. */
async function statesIn(machine: Machine): Promise<string[]> {
  const lines = (await machine.run('mailgw-ctl', '--json', 'queue', 'list')).trimEnd().split('\n');
  return lines.map((line) => (JSON.parse(line) as { state: string }).state);
}

async function makeMachine(scratch: Scratch): Promise<Machine> {
  const machine = await Machine.make(scratch);
  await machine.mountProc(scratch);
  await provideNode(scratch, machine);
  return machine;
}

/** The same package as a later release would be: of a higher version, and with one migration more. */
async function withMigration(scratch: Scratch, file: string): Promise<string> {
  const tree = scratch.path('tree');
  await runOk('dpkg-deb', ['--raw-extract', file, tree]);
  const schema = join(tree, 'usr/lib/mailgw/dist/src/store/sqlite/migrations.js');
  const text = readFileSync(schema, 'utf8');
  const later = text.replace(
    /(export const MIGRATIONS = \[[^]*?)\n\];/,
    "$1\n    'ALTER TABLE item ADD COLUMN later INTEGER NOT NULL DEFAULT 7',\n];",
  );
  assert.notEqual(later, text);
  writeFileSync(schema, later);
  const built = file.replace(/-2_/, '-3_');
  for (const name of ['control', 'postinst']) {
    const path = join(tree, 'DEBIAN', name);
    writeFileSync(path, readFileSync(path, 'utf8').replace(/(\d+\.\d+\.\d+)-2\b/g, '$1-3'));
  }
  await runOk('dpkg-deb', ['--build', '--root-owner-group', tree, built]);
  return built;
}

/** Sets the site up and gets one reply into the queue, which is paused. */
async function queueReply(
  t: TestContext,
  scratch: Scratch,
  machine: Machine,
  { url, secret }: SinkAddress,
): Promise<void> {
  const where = ['--authserv-id', 'mx.example.org', '--url', url];
  await machine.run('mailgw-ctl', 'init', '--domain', 'reply.example.org', ...where);
  writeFileSync(machine.path('etc/mailgw/webhook.secret'), `${secret}\n`);
  await machine.run('mailgw-ctl', 'user', 'add', 'alice', '--address', 'alice@example.com');
  await machine.run('mailgw-ctl', 'queue', 'pause');
  const mint = ['address', 'mint', '--user', 'alice', '--thread', 'acme/7'];
  const minted = JSON.parse(await machine.run('mailgw-ctl', '--json', ...mint)) as { reply_to: string };
  const daemon = startDaemon(scratch, machine);
  const socket = machine.path('var/spool/postfix/mailgw/lmtp.sock');
  const client = await LmtpClient.open(t, await socketServes(socket, daemon));
  const vouched =
    'Authentication-Results: mx.example.org; dmarc=pass header.from=example.com\r\nReceived: from a by mx.example.org\r\n';
  const message = `${vouched}${replyMessage({ to: minted.reply_to })}\r\n`;
  assert.match((await client.deliver(message, minted.reply_to)).join(), /^250 2\.0\.0 queued/);
  assert.equal(await daemon.end('SIGTERM'), 'exit 0');
  assert.deepEqual(await statesIn(machine), ['ready']);
}

/** The schema of the store, and what the column of {@link withMigration} holds for the mail in it. */
function schemaOf(machine: Machine): { version: number; later: unknown } {
  const store = new Sqlite(machine.path('var/lib/mailgw/mailgw.db'), { readonly: true });
  try {
    const version = store.pragma('user_version', { simple: true }) as number;
    const columns = store.pragma('table_info(item)') as { name: string }[];
    const isLater = columns.some(({ name }) => name === 'later');
    return { version, later: isLater ? store.prepare('SELECT later FROM item').pluck().all() : undefined };
  } finally {
    store.close();
  }
}

describe('the Debian package', { skip, concurrency: false }, () => {
  it('is installed, upgraded with mail in the queue, downgraded, removed and purged', async (t) => {
    const scratch = testScratch(t);
    const older = await buildPackage(scratch, '1');
    const newer = await buildPackage(scratch, '2');
    const latest = await withMigration(scratch, newer);
    const platform = await startPlatform(scratch);
    const machine = await makeMachine(scratch);

    const installed = await install(machine, older);
    assert.equal(installed.code, 0, installed.stderr);
    assert.match(installed.stdout, /mailgw-ctl init/);
    assert.match(await machine.run('mailgwd', '--version'), /^\d+\.\d+\.\d+\n$/);
    assert.match(await machine.run('getent', 'passwd', 'mailgw'), /^mailgw:.*:\/var\/lib\/mailgw:/);
    assert.match(await machine.run('stat', '-c', '%U:%G %a', '/etc/mailgw'), /^root:mailgw 750$/m);
    for (const file of [
      'usr/lib/systemd/system/mailgw.service',
      'usr/share/man/man5/mailgw.toml.5.gz',
      'usr/share/bash-completion/completions/mailgw-ctl',
    ]) {
      assert.ok(existsSync(machine.path(file)), file);
    }
    await queueReply(t, scratch, machine, platform.sink);
    const kept = ['etc/mailgw/mailgw.toml', 'etc/mailgw/pepper'].map((file) => machine.path(file));
    writeFileSync(kept[0] ?? '', '\n# The admin was here.\n', { flag: 'a' });
    const contents = (): string[] => kept.map((file) => readFileSync(file, 'utf8'));
    const before = contents();

    assert.equal((await install(machine, newer)).code, 0);
    assert.deepEqual(contents(), before);
    assert.deepEqual(await statesIn(machine), ['ready']);

    const { version } = schemaOf(machine);
    assert.equal((await install(machine, latest)).code, 0);
    assert.deepEqual(await statesIn(machine), ['ready']);
    assert.deepEqual(schemaOf(machine), { version: version + 1, later: [7] });

    const downgraded = await install(machine, newer);
    assert.notEqual(downgraded.code, 0);
    const refusal = `has schema ${version + 1}, this mailgw knows ${version}; run the newer mailgw, or restore an older backup`;
    assert.ok(downgraded.stderr.includes(refusal), downgraded.stderr);
    const refused = startDaemon(scratch, machine);
    assert.equal(await refused.gone('its start'), 'exit 69');
    assert.ok(refused.output().includes(refusal), refused.output());
    assert.deepEqual(schemaOf(machine), { version: version + 1, later: [7] });

    assert.equal((await install(machine, latest)).code, 0);
    await machine.run('mailgw-ctl', 'queue', 'resume');
    const daemon = startDaemon(scratch, machine);
    assert.equal((await platform.nthPost(1)).data.user, 'alice');
    await eventually(
      async () => ((await statesIn(machine))[0] === 'posted' ? true : undefined),
      () => daemon.output(),
    );
    assert.equal(await daemon.end('SIGTERM'), 'exit 0');

    await machine.run('dpkg', '--remove', 'mailgw');
    assert.ok(!existsSync(machine.path('usr/lib/mailgw')));
    assert.deepEqual(contents(), before);
    const purged = await machine.run('dpkg', '--purge', 'mailgw');
    assert.match(purged, /\/etc\/mailgw and \/var\/lib\/mailgw are kept/);
    assert.deepEqual(contents(), before);
    assert.ok(readdirSync(machine.path('var/lib/mailgw')).includes('mailgw.db'));
  });

  it('has no page with a dead link', async (t) => {
    const scratch = testScratch(t);
    const tree = scratch.path('tree');
    await runOk('dpkg-deb', ['--raw-extract', await buildPackage(scratch, '1'), tree]);
    const { count, dead } = readLinks(join(tree, 'usr/share'));
    assert.ok(count > 50, String(count));
    assert.deepEqual(dead, []);
  });

  it('removes the store with a purge that was told to', async (t) => {
    const scratch = testScratch(t);
    const file = await buildPackage(scratch, '1');
    const machine = await makeMachine(scratch);
    for (const told of ['by the environment', 'by a file']) {
      assert.equal((await install(machine, file)).code, 0);
      await machine.run('mailgw-ctl', 'init', '--domain', 'reply.example.org');
      await machine.run('mailgw-ctl', 'user', 'add', 'alice', '--address', 'alice@example.com');
      if (told === 'by a file') writeFileSync(machine.path('etc/mailgw/purge-store'), '');
      const environment = told === 'by a file' ? [] : ['env', 'MAILGW_PURGE_STORE=yes'];
      await machine.run(...environment, 'dpkg', '--purge', 'mailgw');
      const left = ['etc/mailgw', 'var/lib/mailgw', 'var/spool/postfix/mailgw', 'usr/lib/mailgw'];
      assert.deepEqual(
        left.filter((path) => existsSync(machine.path(path))),
        [],
        told,
      );
    }
  });
});
