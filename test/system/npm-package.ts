// The npm package of this checkout, for the tests that install it.
//
// SQLite's binding is this checkout's own: compiling it again would take minutes and prove npm, not us.

import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot, run, runOk } from '../support/process.ts';
import type { Scratch } from '../support/scratch.ts';

const BINDING = 'node_modules/better-sqlite3/build/Release/better_sqlite3.node';

/** What npm says when it can reach no registry and has nothing in its cache. */
const NO_REGISTRY = /ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH/;

/** Packs and installs it globally below a prefix; why it cannot be installed here, in words for a skip. */
export async function installPackage(scratch: Scratch, prefix: string): Promise<string | undefined> {
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', scratch.directory];
  const packed = await runOk('npm', [...pack, repositoryRoot]);
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
  const where = ['--global', '--prefix', prefix];
  const installed = await run('npm', ['install', ...where, ...quiet, scratch.path(packed.trim())]);
  if (NO_REGISTRY.test(installed.stderr))
    return 'unavailable: npm reaches no registry, and its cache lacks a package';
  assert.equal(installed.code, 0, installed.stderr);
  cpSync(join(repositoryRoot, BINDING), join(prefix, 'lib/node_modules/mailgw', BINDING));
  return undefined;
}
