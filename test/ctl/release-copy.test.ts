// A reply that is there twice is posted once: mailgw-ctl queue release and retry of a copy.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import type { NewItem } from '../../src/store/item.ts';
import type { Settlement } from '../../src/store/leases.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { testScratch } from '../support/scratch.ts';
import { initialise, newItem, type Tool } from './tool.ts';

interface Place {
  readonly tool: Tool;
  readonly store: Store;
  /** Takes a copy of the one reply in. */
  readonly take: (id: string, change?: Partial<NewItem>) => Promise<void>;
  /** Takes in and posts `bbbb`, of which `aaaa` is a held copy; another reply, `cccc`, is held as well. */
  readonly takeStale: () => Promise<void>;
  /** Posts what is due; the ids. */
  readonly post: (settlement?: Settlement) => Promise<readonly string[]>;
}

async function place(t: TestContext): Promise<Place> {
  const tool = await initialise(testScratch(t));
  const store = await openSqliteStore({
    path: tool.scratch.path('mailgw.db'),
    mode: 'tool',
    keepContent: true,
  });
  tool.scratch.defer(() => store.close());
  const reply = {
    fingerprint: randomBytes(16).toString('latin1'),
    written: randomBytes(16).toString('latin1'),
  };
  const take: Place['take'] = async (id, change = {}) => {
    await store.accept([newItem({ id, ...reply, ...change })], Buffer.from('Subject: x\r\n\r\nI agree.\r\n'));
  };
  const post: Place['post'] = async (settlement = { kind: 'posted', at: Date.now() }) => {
    const leased = await store.lease({ now: Date.now(), leaseMs: 60_000, limit: 10 });
    await store.settle(leased.map(({ id, attempts }) => ({ id, attempts, settlement })));
    return leased.map(({ id }) => id);
  };
  const takeStale = async (): Promise<void> => {
    await take('aaaa', { hold: 'spam' });
    await take('cccc', { hold: 'spam', fingerprint: randomBytes(16).toString('latin1') });
    await take('bbbb');
    await post();
  };
  return { tool, store, take, takeStale, post };
}

const STALE = 'mailgw-ctl: item aaaa: stays held: another copy of this reply, item bbbb, is posted; ';
const DROP = '"mailgw-ctl queue drop aaaa" removes this copy\n';

describe('mailgw-ctl queue release of a copy', () => {
  it('leaves it held and names the item as which the reply was posted', async (t) => {
    const { tool, store, take, post } = await place(t);
    await take('aaaa', { hold: 'spam' });
    await take('bbbb');
    assert.deepEqual(await post(), ['bbbb']);
    const { code, stdout, stderr } = await tool.run('queue', 'release', 'aaaa');
    assert.deepEqual([code, stdout, stderr], [65, '', STALE + DROP]);
    assert.deepEqual(await post(), []);
    assert.equal((await store.get('aaaa'))?.state, 'held');
    await tool.text('queue', 'drop', 'aaaa');
  });

  it('says the same to scripts, for one item and for all that match', async (t) => {
    const { tool, takeStale } = await place(t);
    await takeStale();
    const told = '{"id":"aaaa","action":"release","state":"held","duplicate_of":"bbbb"}\n';
    const one = await tool.run('--json', 'queue', 'release', 'aaaa');
    assert.deepEqual([one.code, one.stdout, one.stderr], [65, told, STALE + DROP]);
    const all = await tool.run('--json', 'queue', 'release', '--all', '--yes');
    const released = '{"id":"cccc","action":"release","state":"ready"}\n';
    assert.deepEqual([all.code, all.stdout, all.stderr], [0, told + released, '']);
  });

  it('counts it among what is left alone, of all that match', async (t) => {
    const { tool, takeStale, post } = await place(t);
    await takeStale();
    const left = '1 item left alone: another copy of the reply is there';
    assert.equal(
      await tool.text('queue', 'release', '--all', '--yes'),
      `1 item ready to be posted; ${left}\n`,
    );
    assert.deepEqual(await post(), ['cccc']);
  });

  it('posts one of two that are held and are released together', async (t) => {
    const { tool, take, post } = await place(t);
    await take('aaaa', { hold: 'spoofed', authentication: { policy: 'strict', result: 'fail' } });
    await take('bbbb', { hold: 'spam' });
    const { code, stdout, stderr } = await tool.run('queue', 'release', 'aaaa', 'bbbb');
    assert.deepEqual([code, stdout], [65, 'item aaaa is ready to be posted\n']);
    assert.match(
      stderr,
      /^mailgw-ctl: item bbbb: stays held: another copy of this reply, item aaaa, is ready to be posted; /,
    );
    assert.deepEqual(await post(), ['aaaa']);
    assert.deepEqual(await post(), []);
  });

  it('sends the operator to the item that stands for it, where that one waits for a word', async (t) => {
    const { tool, take, post } = await place(t);
    await take('aaaa', { hold: 'spam' });
    await take('bbbb');
    await tool.text('queue', 'hold', 'bbbb');
    const held = `stays held: another copy of this reply, item bbbb, is held; "mailgw-ctl queue release bbbb" lets that one be posted`;
    await tool.fails(65, `item aaaa: ${held}`, 'queue', 'release', 'aaaa');
    await tool.text('queue', 'release', 'bbbb');
    await post({ kind: 'failed', at: Date.now(), diagnostic: '422' });
    const failed = `stays held: another copy of this reply, item bbbb, is failed; "mailgw-ctl queue retry bbbb" has that one tried again`;
    await tool.fails(65, `item aaaa: ${failed}`, 'queue', 'release', 'aaaa');
    await tool.text('queue', 'retry', 'bbbb');
    assert.deepEqual(await post(), ['bbbb']);
  });
});

describe('mailgw-ctl queue retry of a copy', () => {
  it('leaves a dead letter alone of which a better copy was posted', async (t) => {
    const { tool, take, post } = await place(t);
    await take('aaaa', { authentication: { policy: 'flag', result: 'none' } });
    await post({ kind: 'failed', at: Date.now(), diagnostic: '422' });
    await take('bbbb', { authentication: { policy: 'flag', result: 'pass' } });
    await post();
    const left =
      'stays failed: another copy of this reply, item bbbb, is posted; "mailgw-ctl queue drop aaaa" removes this copy';
    await tool.fails(65, `item aaaa: ${left}`, 'queue', 'retry', 'aaaa');
    assert.match(
      await tool.text('queue', 'retry', '--all', '--yes'),
      /^0 items changed; 1 item left alone: another copy/,
    );
    assert.deepEqual(await post(), []);
  });

  it('of what was posted posts the item again that was posted, and no copy that is held', async (t) => {
    const { tool, take, post } = await place(t);
    await take('aaaa', { hold: 'spam' });
    await take('bbbb');
    await post();
    await tool.text('queue', 'retry', '--state', 'posted', '--since', '1h', '--yes');
    await tool.run('queue', 'release', 'aaaa');
    assert.deepEqual(await post(), ['bbbb']);
    assert.deepEqual(await post(), []);
  });
});
