// What `npm run check` says of package-lock.json.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { repositoryRoot, run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';

interface Lock {
  readonly packages: Record<string, { integrity?: string }>;
}

const check = (file: string): ReturnType<typeof run> =>
  run(process.execPath, [join(repositoryRoot, '.ci', 'lock.mjs'), file]);

const real = join(repositoryRoot, 'package-lock.json');

it('every package of the lock file has a sha512', async () => {
  assert.equal((await check(real)).code, 0);
});

for (const [what, integrity] of [
  ['no integrity', undefined],
  ['a weaker one', 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk='],
] as const) {
  it(`an entry with ${what} fails the check and is named`, async (t) => {
    const lock = JSON.parse(readFileSync(real, 'utf8')) as Lock;
    const entry = lock.packages['node_modules/better-sqlite3'];
    assert.ok(entry?.integrity);
    if (integrity === undefined) delete entry.integrity;
    else entry.integrity = integrity;
    const file = testScratch(t).path('package-lock.json');
    writeFileSync(file, JSON.stringify(lock));
    const { code, stderr } = await check(file);
    assert.equal(code, 1);
    assert.match(stderr, /node_modules\/better-sqlite3 12\.11\.1: no sha512 integrity/);
  });
}
