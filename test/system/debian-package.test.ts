// The Debian package in the life of a machine: installed, used, upgraded, downgraded, removed and purged, by the real
// dpkg in a root of its own: this machine's under an overlay, of which nothing is left.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { DaemonProcess, type RunResult } from '../support/process.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { buildPackage, packageUnavailable, provideNode } from './debian-package.ts';
import { Machine } from './machine.ts';
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

/** Sets the site up and gets one reply into the queue, which no platform takes. */
async function queueReply(t: TestContext, scratch: Scratch, machine: Machine): Promise<void> {
  const where = ['--authserv-id', 'mx.example.org', '--url', 'http://127.0.0.1:1/'];
  await machine.run('mailgw-ctl', 'init', '--domain', 'reply.example.org', ...where);
  await machine.run('mailgw-ctl', 'user', 'add', 'alice', '--address', 'alice@example.com');
  const mint = ['address', 'mint', '--user', 'alice', '--thread', 'acme/7'];
  const minted = JSON.parse(await machine.run('mailgw-ctl', '--json', ...mint)) as { reply_to: string };
  const daemon = startDaemon(scratch, machine);
  const socket = machine.path('var/spool/postfix/mailgw/lmtp.sock');
  const client = await LmtpClient.open(t, await socketServes(socket, daemon));
  const vouched = 'Authentication-Results: mx.example.org; dmarc=pass header.from=example.com\r\n';
  const message = `${vouched}${replyMessage({ to: minted.reply_to })}\r\n`;
  assert.match((await client.deliver(message, minted.reply_to)).join(), /^250 2\.0\.0 queued/);
  assert.equal(await daemon.end('SIGTERM'), 'exit 0');
  assert.equal((await statesIn(machine)).length, 1);
}

describe('the Debian package', { skip, concurrency: false }, () => {
  it('is installed, upgraded with mail in the queue, downgraded, removed and purged', async (t) => {
    const scratch = testScratch(t);
    const older = await buildPackage(scratch, '1');
    const newer = await buildPackage(scratch, '2');
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
    await queueReply(t, scratch, machine);
    const config = readFileSync(machine.path('etc/mailgw/mailgw.toml'), 'utf8');

    assert.equal((await install(machine, newer)).code, 0);
    assert.equal(readFileSync(machine.path('etc/mailgw/mailgw.toml'), 'utf8'), config);
    assert.equal((await statesIn(machine)).length, 1);

    // What a version with one more migration would leave.
    const store = new Sqlite(machine.path('var/lib/mailgw/mailgw.db'));
    const schema = store.pragma('user_version', { simple: true }) as number;
    store.pragma(`user_version = ${schema + 1}`);
    store.close();
    const downgraded = await install(machine, older);
    assert.notEqual(downgraded.code, 0);
    const refusal = `has schema ${schema + 1}, this mailgw knows ${schema}; run the newer mailgw, or restore an older backup`;
    assert.ok(downgraded.stderr.includes(refusal), downgraded.stderr);
    const daemon = startDaemon(scratch, machine);
    assert.equal(await daemon.gone('its start'), 'exit 69');
    assert.ok(daemon.output().includes(refusal), daemon.output());
    const again = new Sqlite(machine.path('var/lib/mailgw/mailgw.db'));
    again.pragma(`user_version = ${schema}`);
    again.close();
    assert.equal((await install(machine, newer)).code, 0);
    assert.equal((await statesIn(machine)).length, 1);

    await machine.run('dpkg', '--remove', 'mailgw');
    assert.ok(!existsSync(machine.path('usr/lib/mailgw')));
    const purged = await machine.run('dpkg', '--purge', 'mailgw');
    assert.match(purged, /\/etc\/mailgw and \/var\/lib\/mailgw are kept/);
    assert.ok(readdirSync(machine.path('var/lib/mailgw')).includes('mailgw.db'));
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
