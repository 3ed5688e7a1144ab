// What `.ci/run` says of the size of the code: every figure with its bound, and which one is out of it.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { repositoryRoot, run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';

type Tree = Readonly<Record<string, string>>;

const body = (lines: number): string => '  go();\n'.repeat(lines - 2);
const functionOf = (lines: number, name = 'long'): string => `function ${name}() {\n${body(lines)}}\n`;

/** A small tree within all bounds. */
const SOUND: Tree = {
  '.ci/rooms.json': '[{ "mail": "nouns" }, { "daemon": "the process" }]',
  'src/main.ts': '// Starts.\n',
  'src/mail/address.ts': '// An address.\n',
  'src/daemon/serve.ts': `${'// Serves.\n'.repeat(30)}${functionOf(40, 'serve')}`,
  'test/one.test.ts': functionOf(217),
};

async function figuresOf(
  t: TestContext,
  change: Tree,
): Promise<{ code: number | null; over: string[]; printed: string }> {
  const scratch = testScratch(t);
  for (const [name, text] of Object.entries({ ...SOUND, ...change })) {
    const path = scratch.path(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  const script = join(repositoryRoot, '.ci', 'figures.mjs');
  const { code, stdout, stderr } = await run(process.execPath, [script, scratch.directory]);
  return { code, over: stderr.split('\n').slice(0, -1), printed: stdout };
}

describe('the figures of a tree', () => {
  it('within their bounds are printed with them', async (t) => {
    const { code, over, printed } = await figuresOf(t, {});
    assert.deepEqual([code, over], [0, []]);
    assert.match(printed, /^floors: 2 \(at most 9\)/m);
    assert.match(printed, /^src: lines of serve: 40 \(at most 40\) {2}src\/daemon\/serve\.ts:31$/m);
    assert.match(printed, /^src: lines: 72$/m);
  });

  it('end with 1 where they are out of bounds, and name figure, amount and place', async (t) => {
    const floors = [...'12345678'].map((name) => ({ [name]: '' })).concat([{ mail: '' }, { daemon: '' }]);
    const lines = 'go();\n'.repeat(120);
    const { code, over } = await figuresOf(t, {
      '.ci/rooms.json': JSON.stringify(floors),
      'src/loose.ts': lines,
      'src/attic/old.ts': lines,
      'src/mail/address.ts': '// Why.\n'.repeat(100) + functionOf(61) + functionOf(70, 'longer'),
      'src/mail/large.ts': 'go();\n'.repeat(351),
      'src/daemon/serve.ts': functionOf(41, 'serve'),
      'test/one.test.ts': functionOf(218),
      'test/two.test.ts': '// Why.\n'.repeat(849),
    });
    assert.equal(code, 1);
    assert.deepEqual(
      over,
      [
        'floors: 10, by 1, at .ci/rooms.json',
        'rooms without a floor: 1, by 1, at src/attic',
        'files directly in src/ that are no main file: 1, by 1, at src/loose.ts',
        'src: comment lines, %: 11.6, by 3.4',
        'src: median of files, lines: 120, by 10',
        'src: longest file, lines: 351, by 1, at src/mail/large.ts',
        'src: longest function, lines: 70, by 10, at src/mail/address.ts:162, src/mail/address.ts:101 (61)',
        'src: lines of serve: 41, by 1, at src/daemon/serve.ts:1',
        'test: longest file, lines: 849, by 1, at test/two.test.ts',
        'test: longest function, lines: 218, by 1, at test/one.test.ts:1',
      ].map((line) => `OUT OF BOUNDS: ${line}`),
    );
  });

  it('miss serve where it is gone', async (t) => {
    const { code, over } = await figuresOf(t, { 'src/daemon/serve.ts': '// Gone.\n' });
    assert.equal(code, 1);
    assert.deepEqual(over, ['OUT OF BOUNDS: functions "serve" that are not in src/daemon/serve.ts: 1, by 1']);
  });
});
