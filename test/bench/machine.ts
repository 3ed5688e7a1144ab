/** Says on what the figures were taken: machine, system, disk, and the versions of what was measured. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { findCommand } from './peers/command.ts';
import { dovecotVersion } from './peers/dovecot.ts';
import { pythonVersion } from './peers/python.ts';

/** Returns one line per fact. */
export function describeMachine(scratch: string, root: string): string[] {
  const processors = cpus();
  return [
    `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}; client, server and sink share it`,
    `scratch directory on ${fileSystem(scratch)}; load average at the start ${loadavg()[0]?.toFixed(2) ?? '?'}`,
    `Node ${process.versions.node}, ${packageVersions(['smtp-server', 'mailparser', 'better-sqlite3', 'undici']).join(', ')}`,
    [pythonVersion(), dovecotLine(), postfixLine()].filter((line) => line !== undefined).join('; '),
    `mailgw ${commit(root)}`,
  ].filter((line) => line !== '');
}

function fileSystem(directory: string): string {
  const ran = spawnSync('df', ['--output=fstype,source', directory], { encoding: 'utf8' });
  return ran.status === 0 ? (ran.stdout.trim().split('\n').at(-1)?.replace(/\s+/, ' on ') ?? '?') : '?';
}

function packageVersions(names: readonly string[]): string[] {
  const require = createRequire(import.meta.url);
  return names.map((name) => {
    const manifest: unknown = JSON.parse(readFileSync(require.resolve(`${name}/package.json`), 'utf8'));
    const known = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
    return `${name} ${known ? String(manifest.version) : '?'}`;
  });
}

function dovecotLine(): string | undefined {
  const version = dovecotVersion();
  return version === undefined ? undefined : `Dovecot ${version}`;
}

function postfixLine(): string | undefined {
  const command = findCommand('postconf');
  if (command === undefined) return undefined;
  const ran = spawnSync(command, ['-d', '-h', 'mail_version'], { encoding: 'utf8' });
  return ran.status === 0 ? `Postfix ${ran.stdout.trim()}` : 'Postfix';
}

function commit(root: string): string {
  try {
    return `at ${execFileSync('git', ['-C', root, 'describe', '--always', '--dirty'], { encoding: 'utf8' }).trim()}`;
  } catch {
    return 'of no known commit';
  }
}
