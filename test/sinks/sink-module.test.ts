// The real daemon with a sink of the site's own that misbehaves: deadlines are ours, and no fault is silent.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { enqueue } from '../support/dispatch.ts';
import { eventually } from '../support/eventually.ts';
import { testScratch } from '../support/scratch.ts';

interface Site {
  readonly daemon: Daemon;
  readonly store: Store;
}

/** A daemon whose sink has these members; the attempt's time is half a second. */
async function open(t: TestContext, members: string): Promise<Site> {
  const scratch = testScratch(t);
  const file = scratch.path('my-sink.mjs');
  writeFileSync(
    file,
    `import { appendFileSync } from 'node:fs';
     const never = () => new Promise(() => {});
     const note = (text) => appendFileSync(${JSON.stringify(scratch.path('notes'))}, text + '\\n');
     export const createSink = () => ({
       deliver: async () => ({ kind: 'posted', diagnostic: 'taken' }), close: async () => {}, ${members} });`,
  );
  const daemon = await startDaemon(scratch, {
    sink: { url: 'http://127.0.0.1:1/', secret: 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX' },
    settings: { delivery: { attempt_timeout: '500ms', retry_first: '100ms', retry_longest: '200ms' } },
    change: (settings) => ({ ...settings, sink: { type: file } }),
  });
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'tool' });
  scratch.defer(() => store.close());
  return { daemon, store };
}

/** Waits until the log has so many lines that match. */
async function logged({ daemon }: Site, pattern: RegExp, times = 1): Promise<string> {
  return await eventually(
    () => {
      const lines = daemon
        .log()
        .split('\n')
        .filter((line) => pattern.test(line));
      return lines.length >= times ? lines[0] : undefined;
    },
    () => `${pattern.source} in ${daemon.log().slice(-3000)}`,
  );
}

const queue = ({ store }: Site, id = 'one'): Promise<void> => enqueue(store, id, `thread/${id}`, Date.now());

describe('a sink module that never settles', () => {
  for (const [what, members] of [
    ['deliver', 'deliver: never'],
    ['exists', `deliver: async () => ({ kind: 'deferred', diagnostic: 'later' }), exists: never`],
  ] as const) {
    it(`in ${what}: every attempt is deferred at its deadline, and the next one comes`, async (t) => {
      const site = await open(t, members);
      await queue(site);
      await logged(site, /"timeout: the sink gave no answer within 0\.5 s".*"event":"attempt"/, 2);
      assert.equal((await site.store.get('one'))?.state === 'posted', false);
      assert.equal(await site.daemon.stop(), 'exit 0');
    });
  }

  it('in close: the daemon stops all the same, and says so', async (t) => {
    const site = await open(t, 'close: never');
    assert.equal(await site.daemon.stop(), 'exit 0');
    await logged(site, /"close: no answer within 5 s","event":"sink_fault"/);
  });
});

describe('a sink module that answers late', () => {
  it('is not heard any more, which is logged', async (t) => {
    const site = await open(
      t,
      `deliver: (post) => new Promise((resolve, reject) => setTimeout(() =>
         post.thread === 'thread/one' ? resolve({ kind: 'posted', diagnostic: 'late' }) : reject(new Error('late')), 1500))`,
    );
    await queue(site, 'one');
    await queue(site, 'two');
    await logged(site, /"id":"one","reason":"after the deadline: an answer","event":"sink_fault"/);
    await logged(site, /"id":"two","reason":"after the deadline: late","event":"sink_fault"/);
    assert.notEqual((await site.store.get('one'))?.state, 'posted');
    assert.equal(await site.daemon.stop(), 'exit 0');
  });
});

describe('a sink module that is told that the daemon serves', () => {
  it('gets to know', async (t) => {
    const site = await open(t, `warm() { throw new Error('warm was called'); }`);
    await logged(site, /"warm: warm was called","event":"sink_fault"/);
  });

  it('gets to know after a reload as well', async (t) => {
    const site = await open(t, `warm() { throw new Error('warm was called'); }`);
    await logged(site, /"warm: warm was called","event":"sink_fault"/);
    await site.daemon.ctl('reload');
    await logged(site, /"warm: warm was called","event":"sink_fault"/, 2);
  });
});

describe('what a sink module throws where nobody can catch it', () => {
  for (const [what, code] of [
    ['an error in a timer', `setTimeout(() => { throw new TypeError('late throw'); }, 10)`],
    ['a rejection that nobody handles', `void Promise.reject(new TypeError('late throw'))`],
  ] as const) {
    it(`${what}: ends the daemon with a line and 70`, async (t) => {
      const site = await open(t, `deliver: async () => { ${code}; await never(); }`);
      await queue(site);
      assert.equal(await site.daemon.gone(), 'exit 70');
      await logged(site, /"level":"error".*"reason":"late throw","at":"at .*my-sink\.mjs.*"event":"fatal"/);
    });
  }
});
