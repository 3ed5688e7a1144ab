/**
 * Compiles fsync-shim.c and gives the environment that puts a process on a disk of fixed speed.
 *
 * Failure: without a C compiler there is no shim; the caller says so and leaves its comparisons out.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import type { Missing } from './peers/peer.ts';

/** Compiles the shim into `directory`; `env` preloads it. */
export function buildShim(
  sourceDirectory: string,
  directory: string,
): { readonly env: Readonly<Record<string, string>> } | Missing {
  const library = path.join(directory, 'fsync-shim.so');
  const source = path.join(sourceDirectory, 'fsync-shim.c');
  const built = spawnSync('cc', ['-O2', '-shared', '-fPIC', '-o', library, source], { encoding: 'utf8' });
  if (built.error !== undefined) return { missing: 'no C compiler (cc) for the fsync shim' };
  if (built.status !== 0) return { missing: `the fsync shim does not compile: ${built.stderr.trim()}` };
  return { env: { LD_PRELOAD: library } };
}
