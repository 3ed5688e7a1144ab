// Who else may write what is run or believed, on real files with real owners and modes.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { readSecretFile, readSecretText } from '../../src/config/secret-file.ts';
import { loadSink } from '../../src/sinks/catalogue.ts';
import { distrust } from '../../src/system/trusted-file.ts';
import { testScratch } from '../support/scratch.ts';

const MODULE =
  "export const createSink = () => ({ deliver: async () => ({ kind: 'posted', diagnostic: '' }), close: async () => {} });";
const AS_ROOT = process.getuid?.() === 0 ? false : 'only root can give files away';

interface Site {
  readonly file: string;
  readonly path: (...names: string[]) => string;
}

function site(t: TestContext): Site {
  const scratch = testScratch(t);
  mkdirSync(scratch.path('etc'), { mode: 0o755 });
  const file = scratch.path('etc', 'sink.mjs');
  writeFileSync(file, MODULE, { mode: 0o644 });
  return { file, path: (...names) => scratch.path(...names) };
}

describe('a file that is run', () => {
  it('is trusted when root and this user alone may write it', (t) => {
    assert.equal(distrust(site(t).file, 'run'), undefined);
  });

  const everybody: readonly (readonly [string, (site: Site) => string])[] = [
    ['that everybody may write', ({ file }) => (chmodSync(file, 0o646), file)],
    ['in a directory that everybody may write', ({ file, path }) => (chmodSync(path('etc'), 0o777), file)],
    [
      'behind a link, in a directory that everybody may write',
      ({ file, path }) => {
        chmodSync(path('etc'), 0o757);
        symlinkSync(file, path('link.mjs'));
        return path('link.mjs');
      },
    ],
  ];
  for (const [what, plant] of everybody) {
    it(`${what} is not, and the sink is refused before a line of it runs`, async (t) => {
      const file = plant(site(t));
      assert.match(distrust(file, 'run') ?? '', /has mode 07?\d\d7|has mode 0646: everybody may write it/);
      const loaded = await loadSink({ type: file }, { now: Date.now, readSecretFile, readSecretText });
      assert.match(
        loaded.ok ? '' : (loaded.problems[0] ?? ''),
        /^sink\.type: .*everybody may write it \(chmod o-w /,
      );
    });
  }

  it('of another user is not, for root either', { skip: AS_ROOT }, async (t) => {
    const { file } = site(t);
    chownSync(file, 12_345, 0);
    const loaded = await loadSink({ type: file }, { now: Date.now, readSecretFile, readSecretText });
    assert.match(loaded.ok ? '' : (loaded.problems[0] ?? ''), /belongs to user 12345.*\(chown root /);
  });

  it('that a group of others may write is not', { skip: AS_ROOT }, (t) => {
    const { file } = site(t);
    chownSync(file, 0, 12_345);
    chmodSync(file, 0o664);
    assert.match(distrust(file, 'run') ?? '', /group 12345 may write it/);
  });

  it('in a sticky directory is trusted, since nobody can replace it there', (t) => {
    const { file, path } = site(t);
    chmodSync(path('etc'), 0o1777);
    assert.equal(distrust(file, 'run'), undefined);
  });
});

describe('a file that is believed', () => {
  it('may belong to somebody else, but not be open to everybody', { skip: AS_ROOT }, (t) => {
    const { file } = site(t);
    chownSync(file, 12_345, 12_345);
    assert.equal(distrust(file, 'believed'), undefined);
    chmodSync(file, 0o666);
    assert.match(distrust(file, 'believed') ?? '', /everybody may write it/);
  });
});
