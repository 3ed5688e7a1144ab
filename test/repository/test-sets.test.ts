// The two sets of test files, npm test and npm run test:rest: no file of tests is in neither of them, or in both.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { repositoryRoot, runOk } from '../support/process.ts';

/** The files that a set runs. */
async function filesOf(set: string): Promise<string[]> {
  const printed = await runOk(join(repositoryRoot, 'test/run'), [set, '--list']);
  return printed.split('\n').slice(0, -1);
}

/** The files of tests below test/, by their name or by what they hold; not those that others import, as the tests of a contract. */
function filesToRun(): string[] {
  const files = readdirSync(join(repositoryRoot, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[cm]?[jt]sx?$/.test(name))
    .map((name) => ({
      path: join('test', name),
      text: readFileSync(join(repositoryRoot, 'test', name), 'utf8'),
    }));
  const imported = new Set(
    files.flatMap(({ path, text }) =>
      [...text.matchAll(/from '(\.[^']*)'/g)].map(([, to = '']) => join(dirname(path), to)),
    ),
  );
  const holdsTests = /^ *(?:describe|it|test|suite)(?:\.\w+)?\(/m;
  return files
    .filter(({ path, text }) => /\btest\.ts$/.test(path) || (holdsTests.test(text) && !imported.has(path)))
    .map(({ path }) => path);
}

describe('the sets of tests', () => {
  it('have every file with tests, each in one of them', async () => {
    const inSets = [...(await filesOf('quick')), ...(await filesOf('slow'))];
    assert.deepEqual(inSets.toSorted(), filesToRun().sort());
  });

  it('are told apart by the name of the file', async () => {
    for (const file of await filesOf('slow')) assert.match(file, /\.slow\.test\.ts$/);
    for (const file of await filesOf('quick')) assert.doesNotMatch(file, /\.slow\./);
  });
});
