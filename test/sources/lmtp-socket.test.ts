// The socket of the real daemon: made, replaced, refused, given a mode and a group, inherited from systemd.

import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startDaemon, writeConfig } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { NO_SINK } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { PolicyClient } from '../support/policy.ts';
import { DaemonProcess, type RunResult, repositoryRoot, run } from '../support/process.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

const MAILGWD = join(repositoryRoot, 'bin', 'mailgwd');
const SYSTEMD_SOCKET_ACTIVATE = '/usr/bin/systemd-socket-activate';

/** Runs a daemon that is expected to refuse its start: its own store, this socket, these settings. */
async function refusedStart(
  scratch: Scratch,
  socket: string,
  lmtp: Record<string, string> = {},
): Promise<RunResult> {
  const store = { path: scratch.path('refused.db') };
  const config = writeConfig(scratch, socket, { sink: NO_SINK, settings: { store, lmtp } });
  return await run(process.execPath, [MAILGWD, '--config', config]);
}

/** The start ended with EX_CANTCREAT and one line for people. */
function assertCannotListen(result: RunResult, problem: RegExp): void {
  assert.equal(result.code, 73);
  assert.match(result.stderr, /^mailgwd: lmtp\.(socket|group): [^\n]*\n$/);
  assert.match(result.stderr, problem);
}

describe('what is at the path already', () => {
  it('a socket that a killed daemon left is replaced', async (t) => {
    const daemon = await startDaemon(testScratch(t), { sink: NO_SINK });
    await daemon.kill9();
    assert.ok(lstatSync(daemon.socket).isSocket());
    await daemon.start();
    assert.equal(await daemon.stop(), 'exit 0');
    assert.equal(existsSync(daemon.socket), false);
  });

  it('a socket that another daemon serves is refused and goes on serving', async (t) => {
    const scratch = testScratch(t);
    const daemon = await startDaemon(scratch, { sink: NO_SINK });
    const result = await refusedStart(scratch, daemon.socket);
    assertCannotListen(result, /another process serves this socket/);
    const client = await LmtpClient.open(t, daemon.socket);
    assert.equal(await client.say('NOOP'), '250 2.0.0 OK');
  });

  it('a socket of some other program is refused', async (t) => {
    const scratch = testScratch(t);
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(scratch.path('other.sock'), resolve));
    t.after(() => server.close());
    assertCannotListen(await refusedStart(scratch, scratch.path('other.sock')), /another process serves/);
    assert.ok(existsSync(scratch.path('other.sock')));
  });

  it('a regular file or a directory is refused and left alone', async (t) => {
    const scratch = testScratch(t);
    writeFileSync(scratch.path('file'), 'precious');
    mkdirSync(scratch.path('directory'));
    for (const name of ['file', 'directory']) {
      assertCannotListen(await refusedStart(scratch, scratch.path(name)), /exists and is no socket/);
    }
    assert.equal(readFileSync(scratch.path('file'), 'utf8'), 'precious');
  });

  it('a path too long for a socket is refused in plain words', async (t) => {
    const scratch = testScratch(t);
    const result = await refusedStart(scratch, scratch.path('x'.repeat(100)));
    assertCannotListen(result, /at most 107 bytes/);
  });
});

describe('mode and group', () => {
  it('are 0660 and our own group by default', async (t) => {
    const daemon = await startDaemon(testScratch(t), { sink: NO_SINK });
    const { mode, gid } = statSync(daemon.socket);
    assert.equal(mode & 0o777, 0o660);
    assert.equal(gid, process.getgid?.());
  });

  it('are those of the configuration, by name or by number', async (t) => {
    // Any group of this system will do for root; others may only use their own.
    const mine = String(process.getgid?.());
    const groups = process.getuid?.() === 0 ? ['mail', '65534'] : [mine];
    for (const group of groups) {
      const daemon = await startDaemon(testScratch(t), {
        sink: NO_SINK,
        settings: { lmtp: { mode: '0620', group } },
      });
      const { mode, gid } = statSync(daemon.socket);
      assert.equal(mode & 0o777, 0o620);
      assert.equal(gid, /^\d+$/.test(group) ? Number(group) : numberOfGroup(group));
      await daemon.stop();
    }
  });

  it('an unknown group is refused by name, and no socket is left', async (t) => {
    const scratch = testScratch(t);
    const result = await refusedStart(scratch, scratch.path('lmtp.sock'), { group: 'no-such-group' });
    assertCannotListen(result, /"no-such-group" is no group of this system/);
    assert.equal(existsSync(scratch.path('lmtp.sock')), false);
  });
});

function numberOfGroup(name: string): number {
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  return Number(line?.split(':')[2]);
}

describe('a socket that systemd passes (sd_listen_fds(3))', () => {
  const skip = existsSync(SYSTEMD_SOCKET_ACTIVATE)
    ? false
    : 'unavailable: systemd-socket-activate is not installed';

  for (const name of [['--fdname=lmtp'], []]) {
    it(`is served and left in place, ${name.join('') || 'unnamed'}`, { skip }, async (t) => {
      const scratch = testScratch(t);
      const inherited = scratch.path('inherited.sock');
      const config = writeConfig(scratch, scratch.path('unused.sock'), { sink: NO_SINK });
      const program = [process.execPath, MAILGWD, '--config', config];
      const args = ['--listen', inherited, ...name, ...program];
      const daemon = new DaemonProcess(SYSTEMD_SOCKET_ACTIVATE, args, scratch.path('mailgwd.log'));
      scratch.defer(async () => {
        await daemon.end('SIGTERM');
      });
      // The file is there when the socket is bound, a moment before anybody listens on it.
      await eventually(
        () => (daemon.output().includes('Listening on') ? true : undefined),
        () => daemon.output(),
      );
      const client = await LmtpClient.open(t, inherited);
      assert.equal(await client.say('NOOP'), '250 2.0.0 OK');
      assert.equal(await client.say('QUIT'), '221 2.0.0 bye');
      assert.equal(existsSync(scratch.path('unused.sock')), false);
      assert.equal(await daemon.end('SIGTERM'), 'exit 0', daemon.output());
      assert.ok(lstatSync(inherited).isSocket());
    });
  }

  it('two are told apart by their names, whatever their order', { skip }, async (t) => {
    for (const names of [
      ['lmtp', 'policy'],
      ['policy', 'lmtp'],
    ]) {
      const scratch = testScratch(t);
      const paths = names.map((name) => scratch.path(`${name}.inherited`));
      const config = writeConfig(scratch, scratch.path('unused.sock'), { sink: NO_SINK });
      const listens = paths.flatMap((path) => ['--listen', path]);
      const args = [...listens, `--fdname=${names.join(':')}`, process.execPath, MAILGWD, '--config', config];
      const daemon = new DaemonProcess(SYSTEMD_SOCKET_ACTIVATE, args, scratch.path('mailgwd.log'));
      scratch.defer(async () => {
        await daemon.end('SIGTERM');
      });
      await eventually(
        () => (paths.every((path) => existsSync(path)) ? true : undefined),
        () => daemon.output(),
      );
      const policy = await PolicyClient.open(t, scratch.path('policy.inherited'));
      assert.equal(await policy.ask('someone@example.com'), 'DUNNO');
      const client = await LmtpClient.open(t, scratch.path('lmtp.inherited'));
      assert.equal(await client.say('QUIT'), '221 2.0.0 bye');
      assert.equal(await daemon.end('SIGTERM'), 'exit 0', daemon.output());
    }
  });
});
