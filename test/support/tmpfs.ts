// A small file system of its own for a test: a tmpfs inside its scratch directory.
//
// Contract: mounted until the scratch closes. Where this process may not mount, tmpfsUnavailable says why.

import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { runOk } from './process.ts';
import { Scratch } from './scratch.ts';

let reason: string | false | undefined;

/** Why no tmpfs can be mounted here, in words for `skip`; false when it can. */
export function tmpfsUnavailable(): string | false {
  reason ??= tryMount();
  return reason;
}

function tryMount(): string | false {
  const directory = new Scratch().directory;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory], { stdio: 'pipe' });
    execFileSync('umount', [directory]);
    return false;
  } catch (error) {
    return `unavailable: mount: ${error instanceof Error ? (error.message.split('\n').at(1) ?? error.message) : ''}`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Mounts a tmpfs of so many bytes at `name` in the scratch directory; its path. */
export async function mountTmpfs(scratch: Scratch, name: string, bytes: number): Promise<string> {
  const path = scratch.path(name);
  mkdirSync(path);
  await runOk('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0755`, 'tmpfs', path]);
  scratch.defer(async () => {
    await runOk('umount', ['--lazy', path]);
  });
  return path;
}

/** Writes a file until its file system has no byte left. */
export function fillUp(file: string): void {
  const descriptor = openSync(file, 'w');
  try {
    for (let chunk = Buffer.alloc(1024 * 1024, 1); chunk.length > 0; ) {
      try {
        const written = writeSync(descriptor, chunk);
        if (written < chunk.length) chunk = chunk.subarray(0, chunk.length >> 1);
      } catch {
        chunk = chunk.subarray(0, chunk.length >> 1);
      }
    }
  } finally {
    closeSync(descriptor);
  }
}
