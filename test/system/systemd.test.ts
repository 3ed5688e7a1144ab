// The unit files, judged by systemd's own tools; no running systemd is needed.

import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { repositoryRoot, run } from '../support/process.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

const skip = ['systemd-analyze', 'systemd-sysusers', 'systemd-tmpfiles'].every((tool) =>
  existsSync(join('/usr/bin', tool)),
)
  ? false
  : 'unavailable: systemd is not installed';

const skipMaking = skip === false && process.getuid?.() !== 0 ? 'unavailable: chown wants root' : skip;

/** Lines of the unit that a site may take out of their comments. */
const OPTIONAL = /^#(?=IPAddress\w+=)/gm;

/** Copies the units to where systemd-analyze finds them, with the daemon's path in this checkout. */
function installUnits(scratch: Scratch, edit: (unit: string) => string = (unit) => unit): string[] {
  return ['mailgw.service', 'mailgw.socket', 'mailgw-policy.socket', 'mailgw-outbound.socket'].map((name) => {
    const unit = readFileSync(join(repositoryRoot, 'systemd', name), 'utf8');
    const installed = unit.replaceAll(/(?<=^ExecReload=|^ {2})mailgw(d|-ctl)(?= --config)/gm, (program) =>
      join(repositoryRoot, 'bin', program),
    );
    writeFileSync(scratch.path(name), edit(installed));
    return scratch.path(name);
  });
}

const withOptions = (unit: string): string => unit.replaceAll(OPTIONAL, '');

describe('systemd/', { concurrency: false }, () => {
  for (const [form, edit] of [
    ['as shipped', undefined],
    ['with its optional lines', withOptions],
  ] as const) {
    it(`systemd-analyze verify finds nothing to say about the units ${form}`, { skip }, async (t) => {
      const units = installUnits(testScratch(t), edit);
      const { stderr, ...result } = await run('systemd-analyze', ['verify', '--man=no', ...units]);
      // It reads every unit of this host, and other packages' are not ours to mend.
      const ours = stderr
        .split('\n')
        .filter((line) => line !== '' && !/^\/(?:usr\/)?lib\/systemd\//.test(line));
      assert.deepEqual({ ...result, ours }, { code: 0, stdout: '', ours: [] });
    });
  }

  for (const [form, edit, dropIn, threshold] of [
    ['1.1 as shipped', undefined, undefined, 11],
    ['0.9 with an IP allow list', withOptions, undefined, 9],
    ['0.3 with a sink on a Unix socket', undefined, 'mailgw-unix-sink.conf', 3],
  ] as const) {
    it(`the sandbox leaves an exposure of at most ${form}`, { skip }, async (t) => {
      const scratch = testScratch(t);
      const [service = ''] = installUnits(scratch, edit);
      if (dropIn !== undefined) {
        mkdirSync(`${service}.d`);
        copyFileSync(join(repositoryRoot, 'systemd', dropIn), join(`${service}.d`, dropIn));
      }
      const result = await run('systemd-analyze', [
        'security',
        '--offline=true',
        `--threshold=${threshold}`,
        service,
      ]);
      assert.equal(result.code, 0, result.stdout + result.stderr);
    });
  }

  it('the service never meets a start limit, which would take the socket down with it', () => {
    const unit = readFileSync(join(repositoryRoot, 'systemd/mailgw.service'), 'utf8');
    const [, unitSection = ''] = /^\[Unit\]$(.*?)^\[/ms.exec(unit) ?? [];
    assert.match(unitSection, /^StartLimitIntervalSec=0$/m);
  });

  it('the service sets nothing that kills V8', () => {
    const unit = readFileSync(join(repositoryRoot, 'systemd/mailgw.service'), 'utf8');
    assert.doesNotMatch(unit, /^MemoryDenyWriteExecute=|^SystemCallFilter=~.*@memlock/m);
  });

  it('systemd-sysusers and systemd-tmpfiles make the user and its directories', {
    skip: skipMaking,
  }, async (t) => {
    const scratch = testScratch(t);
    mkdirSync(scratch.path('etc'));
    writeFileSync(scratch.path('etc', 'group'), 'postfix:x:105:\n');
    for (const [tool, file] of [
      [['systemd-sysusers'], 'mailgw.sysusers'],
      [['systemd-tmpfiles', '--create'], 'mailgw.tmpfiles'],
    ] as const) {
      const [program, ...args] = tool;
      const lines = readFileSync(join(repositoryRoot, 'systemd', file), 'utf8');
      const result = await run(program, [...args, `--root=${scratch.directory}`, '-'], lines);
      assert.equal(result.code, 0, result.stderr);
      assert.doesNotMatch(result.stderr, /invalid|unknown|ignoring|bad/i);
    }
    assert.match(
      readFileSync(scratch.path('etc', 'passwd'), 'utf8'),
      /^mailgw:.*:\/var\/lib\/mailgw:.*nologin$/m,
    );
    const socketDirectory = statSync(scratch.path('var/spool/postfix/mailgw'));
    assert.equal(socketDirectory.mode & 0o7777, 0o2750);
    assert.equal(socketDirectory.gid, 105);
    assert.equal(statSync(scratch.path('etc/mailgw')).mode & 0o7777, 0o750);
  });
});
