// What mailgw-ctl does on a terminal: questions, bars, interruptions, the live picture.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { BackupError, backupStore, vacuumStore } from '../../src/store/sqlite/maintenance.ts';
import type { Store } from '../../src/store/store.ts';
import { cells } from '../../src/system/printable.ts';
import { eventually } from '../support/eventually.ts';
import { repositoryRoot } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { Terminal } from './terminal.ts';
import { initialise, newItem, type Tool } from './tool.ts';

const USUAL = { columns: 80, rows: 24 };
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';

/** A store with so many held items. */
async function holding(t: TestContext, held: number): Promise<{ tool: Tool; store: Store }> {
  const tool = await initialise(testScratch(t));
  const store = await tool.open();
  tool.scratch.defer(() => store.close());
  const items = Array.from({ length: held }, (_, index) =>
    newItem({ hold: 'spam', thread: `acme/site/issue/${index}` }),
  );
  await store.accept(items, Buffer.from('Subject: x\r\n\r\nx\r\n'));
  return { tool, store };
}

describe('the question of a bulk action', () => {
  it('is answered with no by Ctrl-C and Ctrl-D', async (t) => {
    const { tool, store } = await holding(t, 3);
    for (const key of [CTRL_C, CTRL_D]) {
      const terminal = Terminal.run(tool, USUAL, ['queue', 'drop', '--all']);
      await terminal.until(/\[y\/N\] /);
      terminal.type(key);
      assert.equal(await terminal.ended(), 65, terminal.shown);
      assert.match(terminal.shown, /\r\nmailgw-ctl: queue drop: 3 items match; nothing was done\r\n$/);
      assert.equal((await store.counts()).byState.held, 3);
    }
  });
});

describe('Ctrl-C', () => {
  it('ends a bulk action between two batches, and it says how far it came', async (t) => {
    const { tool, store } = await holding(t, 450);
    const other = new Sqlite(tool.scratch.path('mailgw.db'));
    other.exec('BEGIN IMMEDIATE'); // keeps the first batch waiting
    const terminal = Terminal.run(tool, USUAL, ['queue', 'release', '--all']);
    await terminal.until(/\[y\/N\] /);
    terminal.type('y\r');
    await terminal.until(/0 % 0 of 450 items/);
    terminal.type(CTRL_C);
    await terminal.until(/\^C/);
    other.exec('ROLLBACK');
    other.close();
    assert.equal(await terminal.ended(), 130, terminal.shown);
    assert.match(
      terminal.shown,
      /\r\nmailgw-ctl: queue release: interrupted after 200 of 450 items, 200 of them ready to be posted; the same command goes on with the rest\r\n$/,
    );
    const { ready, held } = (await store.counts()).byState;
    assert.deepEqual([ready, held], [200, 250]);
  });

  it('leaves nothing of a backup, and the store of a vacuum whole', async (t) => {
    const { tool, store } = await holding(t, 3);
    const [path, copy] = [tool.scratch.path('mailgw.db'), tool.scratch.path('copy.db')];
    const end = new AbortController();
    await assert.rejects(
      backupStore(
        path,
        copy,
        () => {
          end.abort();
        },
        end.signal,
      ),
      (error) => error instanceof BackupError && error.kind === 'interrupted',
    );
    assert.deepEqual([copy, `${copy}.part-${process.pid}`].map(existsSync), [false, false]);
    assert.equal((await vacuumStore(path, () => undefined, new AbortController().signal)).isWhole, true);
    await store.accept([newItem({ id: 'big' })], Buffer.alloc(4_000_000, 'x'));
    await store.operate('drop', 'big', Date.now());
    assert.equal((await vacuumStore(path, () => undefined, end.signal)).isWhole, false);
    assert.match(await tool.text('db', 'check'), /3 items, no problem found/);
  });
});

describe('a progress bar', () => {
  const lastOf = (shown: string): string => shown.split('\r').find((line) => line.includes('100 %')) ?? '';

  it('fits a narrow terminal, down to its figures', async (t) => {
    const { tool } = await holding(t, 3);
    for (const [columns, bar] of [
      [80, /^\[#{24}\] 100 %/],
      [45, /^\[#{8,23}\] 100 %/],
      [30, /^100 % \d+ of \d+ pages/],
    ] as const) {
      const copy = tool.scratch.path(`${columns}.db`);
      const terminal = Terminal.run(tool, { columns, rows: 24 }, ['db', 'backup', copy]);
      assert.equal(await terminal.ended(), 0);
      const line = lastOf(terminal.shown).replace('\u001b[K', '');
      assert.match(line, bar);
      assert.ok(cells(line) < columns, line);
    }
  });

  it('is not drawn with --json, nor on a terminal that cannot', async (t) => {
    const { tool } = await holding(t, 3);
    const backup = (name: string): string[] => ['db', 'backup', tool.scratch.path(name)];
    const json = Terminal.run(tool, USUAL, ['--json', ...backup('json.db')]);
    assert.equal(await json.ended(), 0);
    assert.match(json.shown, /^\{[^\r]*\}\r\n$/);
    const dumb = Terminal.run(tool, USUAL, backup('dumb.db'), ['TERM=dumb']);
    assert.equal(await dumb.ended(), 0);
    assert.doesNotMatch(dumb.shown, /%|\u001b/);
  });
});

describe('mailgw-ctl top', () => {
  /** The lines of the last picture. */
  const pictureOf = (shown: string): string[] => {
    const [picture = ''] = shown.split('\u001b[H\u001b[2J').slice(-1);
    return picture.replaceAll(/\u001b\[[?\d]*[a-zA-Z]/g, '').split('\r\n');
  };

  it('opens no debugger on SIGUSR1, and goes on', async (t) => {
    const { tool } = await holding(t, 1);
    const terminal = Terminal.run(tool, USUAL, ['top', '--interval', '1h']);
    await terminal.until(/q ends/);
    await terminal.signal('SIGUSR1');
    terminal.type('q');
    assert.equal(await terminal.ended(), 0);
    assert.doesNotMatch(terminal.shown, /Debugger/);
  });

  it('fits the window, and follows its size', async (t) => {
    const { tool, store } = await holding(t, 30);
    for (const id of await store.ids({})) await store.operate('release', id, Date.now());
    const narrow = { columns: 40, rows: 12 };
    const wide = { columns: 100, rows: 30 };
    const terminal = Terminal.run(tool, narrow, ['top', '--interval', '1h']);
    await terminal.until(/q ends/);
    const small = pictureOf(terminal.shown);
    assert.ok(small.length <= narrow.rows, JSON.stringify(small));
    assert.ok(
      small.every((line) => cells(line) <= narrow.columns),
      JSON.stringify(small),
    );
    for (const figure of ['ready 30', 'held 0', 'failed 0', 'q ends'])
      assert.ok(
        small.some((line) => line.includes(figure)),
        `${figure}: ${JSON.stringify(small)}`,
      );
    await terminal.resize(wide);
    // stty(1) sets columns and rows one after the other: there may be a picture of each.
    const large = await eventually(
      () => {
        const picture = pictureOf(terminal.shown);
        return picture.filter((line) => line.startsWith('acme/')).length === 10 ? picture : undefined;
      },
      () => JSON.stringify(terminal.shown),
    );
    assert.ok(large.some((line) => /ready 30 .* oldest/.test(line)));
    terminal.type('q');
    assert.equal(await terminal.ended(), 0);
    assert.ok(terminal.shown.endsWith('\u001b[?1049l'));
  });
});

describe('mailgwd', () => {
  it('writes its log for people on a terminal, and stops on Ctrl-C', async (t) => {
    const tool = await initialise(testScratch(t));
    const terminal = Terminal.run(tool, USUAL, [], [], join(repositoryRoot, 'bin', 'mailgwd'));
    await terminal.until(/ info {2}ready pid=\d+\r\n/);
    terminal.type(CTRL_C);
    assert.equal(await terminal.ended(), 0, terminal.shown);
    const lines = terminal.shown.replace('^C', '').trimEnd().split('\r\n');
    for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT\S+Z (?:info |warn |error) \w+/);
    assert.match(lines.at(-1) ?? '', / stopped$/);
  });
});
