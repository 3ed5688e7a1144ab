import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { VERDICT_HOURS } from '../../src/store/figures.ts';
import type { Store } from '../../src/store/store.ts';
import { testScratch } from '../support/scratch.ts';
import { Terminal } from './terminal.ts';
import { initialise, newItem, onTerminal, type Tool } from './tool.ts';

const HOUR = 3_600_000;

/** A store with `held` held items of alice's and one of bob's, of as many ages as there are, by the hour. */
async function holding(t: TestContext, held: number): Promise<{ tool: Tool; store: Store; now: number }> {
  const tool = await initialise(testScratch(t));
  const store = await tool.open();
  tool.scratch.defer(() => store.close());
  const now = Date.now();
  const items = Array.from({ length: held + 1 }, (_, age) =>
    newItem({
      user: age === held ? 'bob' : 'alice',
      thread: `acme/site/issue/${age}`,
      receivedAt: now - age * HOUR - 1000,
      hold: 'spam',
    }),
  );
  await store.accept(items, Buffer.from('Subject: x\r\n\r\nx\r\n'));
  return { tool, store, now };
}

/** Answers the question of a bulk action on a terminal, once it is asked; what was shown. */
async function answering(tool: Tool, answer: string, ...args: string[]): Promise<string> {
  const terminal = Terminal.run(tool, { columns: 80, rows: 24 }, args);
  await terminal.until(/Go on\? \[y\/N\]/);
  terminal.type(answer);
  await terminal.ended();
  return terminal.shown;
}

describe('mailgw-ctl queue release --all', () => {
  it('says how many match and refuses where nobody can be asked', async (t) => {
    const { tool, store } = await holding(t, 3);
    await tool.fails(
      64,
      'queue release: 4 items match; nothing was done, because nobody can be asked; --yes does it',
      ...['queue', 'release', '--all'],
    );
    assert.equal((await store.counts()).byState.held, 4);
  });

  it('acts on what the filters leave, and prints one object for each with --json', async (t) => {
    const { tool, store } = await holding(t, 3);
    assert.equal(await tool.text('queue', 'drop', '--user', 'bob', '--yes'), '1 item dropped\n');
    assert.equal((await tool.rows('queue', 'release', '--all', '--since', '90m', '--yes')).length, 2);
    assert.equal(await tool.text('queue', 'release', '--all', '--yes'), '1 item ready to be posted\n');
    assert.equal(await tool.text('queue', 'release', '--all', '--yes'), 'No item matches.\n');
    assert.equal((await store.counts()).byState.ready, 3);
  });

  it('leaves alone what the action is not for, which is no failure', async (t) => {
    const { tool } = await holding(t, 1);
    assert.equal(
      await tool.text('queue', 'retry', '--state', 'held', '--yes'),
      '0 items changed; 2 items left alone: only ready, waiting, failed and posted items can be tried again\n',
    );
  });

  it('asks on a terminal, takes only a yes for one, and shows how far it has come', async (t) => {
    const { tool, store } = await holding(t, 450);
    for (const answer of ['n\n', '\n', 'no\n', '\u0004']) {
      assert.match(await answering(tool, answer, 'queue', 'drop', '--all'), /451 items match/);
      assert.equal((await store.counts()).byState.held, 451);
    }
    const shown = await answering(tool, 'y\n', 'queue', 'drop', '--all');
    assert.match(shown, /queue drop: 451 items match\. Go on\? \[y\/N\]/);
    assert.match(shown, /\r\[#{10}-{14}\] {2}44 % 200 of 451 items.*\r\[#{24}\] 100 % 451 of 451 items/s);
    assert.match(shown, /^451 items dropped\r$/m);
    assert.equal((await store.counts()).byState.held, 0);
  });
});

describe('mailgw-ctl progress', () => {
  it('is shown of a backup and of pruning on a terminal', async (t) => {
    const { tool } = await holding(t, 3);
    const copy = tool.scratch.path('copy.db');
    assert.match(
      await onTerminal(tool, 80, '', 'db', 'backup', copy),
      /\r\[#{24}\] 100 % \d+ of \d+ pages copied/,
    );
    assert.match(await onTerminal(tool, 80, '', 'db', 'prune'), /\r\[#{24}\] 100 % 0 of 0 rows removed/);
  });
});

describe('mailgw-ctl queue shape', () => {
  it('counts items by state and age', async (t) => {
    const { tool, store } = await holding(t, 3);
    await store.accept([newItem({ receivedAt: Date.now() - 8 * 24 * HOUR })], Buffer.from('x'));
    const ages = { until_1m: 0, until_10m: 0, until_1h: 0, until_6h: 0, until_1d: 0, until_7d: 0, older: 0 };
    assert.deepEqual(await tool.rows('queue', 'shape'), [
      { state: 'ready', items: 1, ...ages, older: 1, bytes: 1 },
      { state: 'held', items: 4, ...ages, until_1m: 1, until_6h: 3, bytes: 4 * 17 },
    ]);
    assert.equal((await tool.row('queue', 'shape', '--user', 'bob')).items, 1);
    assert.deepEqual(await tool.rows('queue', 'shape', '--state', 'failed'), []);
    assert.match(await tool.text('queue', 'shape'), /^STATE +ITEMS +UNTIL 1M +UNTIL 10M/);
    assert.equal(await tool.text('queue', 'shape', '--state', 'failed'), 'No item matches.\n');
  });
});

describe('mailgw-ctl stats --since', () => {
  it('counts what was received and judged since then', async (t) => {
    const { tool, store, now } = await holding(t, 3);
    const verdict = { verdict: 'rejected', reason: 'expired' };
    await store.addVerdicts([{ ...verdict, count: 5, lastAt: now - 3 * HOUR }]);
    await store.addVerdicts([{ ...verdict, count: 2, lastAt: now }]);
    const all = await tool.row('stats');
    assert.deepEqual(
      [all.held, all.verdicts],
      [4, [{ ...verdict, cause: null, count: 7, last_at: new Date(now).toISOString() }]],
    );
    const recent = await tool.row('stats', '--since', '90m');
    assert.deepEqual(
      [recent.held, recent.hard_bounces, recent.verdicts],
      [2, null, [{ ...verdict, cause: null, count: 2, last_at: new Date(now).toISOString() }]],
    );
    const future = new Date(now + 2 * HOUR).toISOString();
    assert.deepEqual((await tool.row('stats', '--since', future)).verdicts, []);
    await tool.fails(65, /^mailgw-ctl: --since "soon": is not a time/, 'stats', '--since', 'soon');
  });

  it('adds up what is older than the hours that are kept, and says so', async (t) => {
    const { tool, store, now } = await holding(t, 0);
    const verdict = { verdict: 'accepted', reason: 'new' };
    const old = now - (VERDICT_HOURS + 2) * HOUR;
    for (const lastAt of [old - HOUR, old, now]) await store.addVerdicts([{ ...verdict, count: 1, lastAt }]);
    const counts = async (...since: number[]): Promise<unknown[]> =>
      (await store.verdicts(...since)).map(({ count }) => count);
    assert.deepEqual([await counts(), await counts(old - HOUR)], [[3], [1]]);
    const { code, stderr } = await tool.run('stats', '--since', '91d');
    assert.deepEqual(
      [code, stderr],
      [0, 'mailgw-ctl: note: verdicts are told apart by the hour for 90 days only\n'],
    );
  });
});
