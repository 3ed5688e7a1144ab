// The Debian package in the life of a machine: installed, used, upgraded, downgraded, removed and purged, by the real
// dpkg in a root of its own: this machine's under an overlay, of which nothing is left.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { DaemonProcess, type RunResult, repositoryRoot, run, runOk } from '../support/process.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { mountTmpfs, tmpfsUnavailable } from '../support/tmpfs.ts';
import { socketServes } from './serving.ts';

const MIB = 1024 * 1024;

async function unavailable(): Promise<string | false> {
  if (process.getuid?.() !== 0) return 'unavailable: a root of its own wants root';
  if ((await run('which', ['dpkg-deb', 'systemd-sysusers'])).code !== 0)
    return 'unavailable: no Debian with systemd';
  const node = await run('dpkg-query', ['-W', '-f', '${Status}', 'nodejs']);
  if (!node.stdout.includes('ok installed')) return 'unavailable: nodejs is not installed as a package';
  return tmpfsUnavailable();
}

const skip = await unavailable();

/** Builds the package of a revision; its path. */
async function build(scratch: Scratch, revision: string): Promise<string> {
  const script = join(repositoryRoot, 'packaging/build-deb.mjs');
  const args = [script, '--revision', revision, '--output', scratch.directory];
  return (await runOk(process.execPath, args)).trim();
}

/** This machine's root under an overlay, and programs run in it. */
class Machine {
  readonly #scratch: Scratch;
  readonly root: string;

  private constructor(scratch: Scratch, root: string) {
    this.#scratch = scratch;
    this.root = root;
  }

  /** Mounts the overlay; it goes with the scratch. */
  static async boot(scratch: Scratch): Promise<Machine> {
    const layer = await mountTmpfs(scratch, 'layer', 256 * MIB);
    const root = scratch.path('root');
    for (const path of [join(layer, 'upper'), join(layer, 'work'), root]) mkdirSync(path);
    const layers = `lowerdir=/,upperdir=${join(layer, 'upper')},workdir=${join(layer, 'work')}`;
    await runOk('mount', ['-t', 'overlay', 'overlay', '-o', layers, root]);
    scratch.defer(() => runOk('umount', ['--lazy', root]).then(() => undefined));
    await runOk('mount', ['-t', 'proc', 'proc', join(root, 'proc')]);
    scratch.defer(() => runOk('umount', ['--lazy', join(root, 'proc')]).then(() => undefined));
    return new Machine(scratch, root);
  }

  /** The path of a file of this machine. */
  path(...names: string[]): string {
    return join(this.root, ...names);
  }

  /** Runs a program to its end. */
  async try(...words: string[]): Promise<RunResult> {
    return await run('env', ['-C', '/', 'DEBIAN_FRONTEND=noninteractive', 'chroot', this.root, ...words]);
  }

  /** Runs a program that must succeed; its standard output. */
  async run(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.try(...words);
    assert.equal(code, 0, `${words.join(' ')}\n${stdout}${stderr}`);
    return stdout;
  }

  /** Installs a package file, over an older or newer one too. */
  async install(file: string): Promise<RunResult> {
    const name = file.slice(file.lastIndexOf('/') + 1);
    writeFileSync(this.path('root', name), readFileSync(file));
    return await this.try('dpkg', '--install', join('/root', name));
  }

  /** Starts the daemon as systemd would, as its own user; it ends with the scratch. */
  daemon(): DaemonProcess {
    const words = ['--userspec=mailgw:mailgw', this.root, 'mailgwd'];
    const daemon = new DaemonProcess('chroot', words, this.#scratch.path('log'));
    this.#scratch.defer(() => daemon.end('SIGTERM').then(() => undefined));
    return daemon;
  }

  /** The states of the items in the queue. */
  async states(): Promise<string[]> {
    const lines = (await this.run('mailgw-ctl', '--json', 'queue', 'list')).trimEnd().split('\n');
    return lines.map((line) => (JSON.parse(line) as { state: string }).state);
  }
}

/** Sets the site up and gets one reply into the queue, which no platform takes. */
async function queueReply(t: TestContext, machine: Machine): Promise<void> {
  const where = ['--authserv-id', 'mx.example.org', '--url', 'http://127.0.0.1:1/'];
  await machine.run('mailgw-ctl', 'init', '--domain', 'reply.example.org', ...where);
  await machine.run('mailgw-ctl', 'user', 'add', 'alice', '--address', 'alice@example.com');
  const mint = ['address', 'mint', '--user', 'alice', '--thread', 'acme/7'];
  const minted = JSON.parse(await machine.run('mailgw-ctl', '--json', ...mint)) as { reply_to: string };
  const daemon = machine.daemon();
  const socket = machine.path('var/spool/postfix/mailgw/lmtp.sock');
  const client = await LmtpClient.open(t, await socketServes(socket, daemon));
  const vouched = 'Authentication-Results: mx.example.org; dmarc=pass header.from=example.com\r\n';
  const message = `${vouched}${replyMessage({ to: minted.reply_to })}\r\n`;
  assert.match((await client.deliver(message, minted.reply_to)).join(), /^250 2\.0\.0 queued/);
  assert.equal(await daemon.end('SIGTERM'), 'exit 0');
  assert.equal((await machine.states()).length, 1);
}

describe('the Debian package', { skip, concurrency: false }, () => {
  it('is installed, upgraded with mail in the queue, downgraded, removed and purged', async (t) => {
    const scratch = testScratch(t);
    const older = await build(scratch, '1');
    const newer = await build(scratch, '2');
    const machine = await Machine.boot(scratch);

    const installed = await machine.install(older);
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
    await queueReply(t, machine);
    const config = readFileSync(machine.path('etc/mailgw/mailgw.toml'), 'utf8');

    assert.equal((await machine.install(newer)).code, 0);
    assert.equal(readFileSync(machine.path('etc/mailgw/mailgw.toml'), 'utf8'), config);
    assert.equal((await machine.states()).length, 1);

    // What a version with one more migration would leave.
    const store = new Sqlite(machine.path('var/lib/mailgw/mailgw.db'));
    const schema = store.pragma('user_version', { simple: true }) as number;
    store.pragma(`user_version = ${schema + 1}`);
    store.close();
    const downgraded = await machine.install(older);
    assert.notEqual(downgraded.code, 0);
    const refusal = `has schema ${schema + 1}, this mailgw knows ${schema}; run the newer mailgw, or restore an older backup`;
    assert.ok(downgraded.stderr.includes(refusal), downgraded.stderr);
    const daemon = machine.daemon();
    assert.equal(await daemon.gone('its start'), 'exit 69');
    assert.ok(daemon.output().includes(refusal), daemon.output());
    const again = new Sqlite(machine.path('var/lib/mailgw/mailgw.db'));
    again.pragma(`user_version = ${schema}`);
    again.close();
    assert.equal((await machine.install(newer)).code, 0);
    assert.equal((await machine.states()).length, 1);

    await machine.run('dpkg', '--remove', 'mailgw');
    assert.ok(!existsSync(machine.path('usr/lib/mailgw')));
    const purged = await machine.run('dpkg', '--purge', 'mailgw');
    assert.match(purged, /\/etc\/mailgw and \/var\/lib\/mailgw are kept/);
    assert.ok(readdirSync(machine.path('var/lib/mailgw')).includes('mailgw.db'));
  });

  it('removes the store with a purge that was told to', async (t) => {
    const scratch = testScratch(t);
    const file = await build(scratch, '1');
    const machine = await Machine.boot(scratch);
    for (const told of ['by the environment', 'by a file']) {
      assert.equal((await machine.install(file)).code, 0);
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
