// What is remembered of a notification, on its way to the parser, and the context of an address on its way to the platform.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setContext } from '../../src/actions/context.ts';
import { remember } from '../../src/site/remember.ts';
import { accept, NOW, newItem } from '../support/item.ts';
import { replyMessage } from '../support/message.ts';
import { type Dispatching, startDispatching } from './dispatching.ts';

const THREAD = 'shop/1';
const REPLIED_TO = NOW / 1000 - 60;
const SETTINGS = { maxAgeMs: 90 * 86_400_000, originalsBytes: 1024 * 1024 };
const TEXT = 'Which hinges shall I take for the shed?\nThe small ones are sold out already.\n';
const BODY = `In brass.\n\n${TEXT}`;

const original = {
  thread: THREAD,
  repliedTo: REPLIED_TO,
  subject: 'Hinges',
  from: { name: 'Ann Ex' },
  text: TEXT,
};

/** The post that the platform got first. */
function postOf({ platform }: Dispatching): Record<string, unknown> & { body: Record<string, unknown> } {
  const [request] = platform.requests;
  const { data } = request?.reply as unknown as { data: Record<string, unknown> };
  return data as ReturnType<typeof postOf>;
}

describe('a reply to a notification that is remembered', () => {
  it('is told from what it quotes without marks', async (t) => {
    const test = await startDispatching(t);
    await remember(test.store, SETTINGS, original);
    await test.inState(await test.queue(THREAD, BODY), 'posted');
    assert.equal(postOf(test).body['markdown'], 'In brass.');
    assert.equal(postOf(test).body['quoted'], TEXT.trim());
  });

  it('may quote an older one of its thread, but none of another thread', async (t) => {
    const test = await startDispatching(t);
    await remember(
      test.store,
      SETTINGS,
      { ...original, repliedTo: REPLIED_TO - 5000 },
      { ...original, repliedTo: REPLIED_TO, text: 'And which paint for the door of it?' },
    );
    await test.inState(await test.queue(THREAD, BODY), 'posted');
    await test.inState(await test.queue('shop/2', BODY), 'posted');
    const [first, second] = test.platform.requests.map(({ reply }) => JSON.stringify(reply));
    assert.match(String(first), /"markdown":"In brass\."/);
    assert.match(String(second), /"markdown":"In brass\.\\n\\nWhich hinges/);
  });

  it('is posted as before where what is remembered cannot be read, and the log says so', async (t) => {
    const remembered = {
      knownOriginals: () => Promise.reject(new Error('the disk is gone')),
      contextOf: () => Promise.resolve(undefined),
    };
    const test = await startDispatching(t, { remembered });
    const id = await test.queue(THREAD, BODY);
    await test.inState(id, 'posted');
    assert.equal(postOf(test).body['markdown'], BODY.trim());
    const logged = test.log.filter(({ event }) => event === 'original_unread');
    assert.deepEqual(logged, [{ event: 'original_unread', id, reason: 'the disk is gone' }]);
  });
});

async function queueOf(test: Dispatching, userNumber: number | undefined): Promise<string> {
  const item = newItem({ thread: THREAD, userNumber });
  await accept(test.store, [item], Buffer.from(replyMessage({ to: 'someone' })));
  test.dispatcher.wake();
  return item.id;
}

describe('the context that was given with an address', () => {
  const given = { userNumber: 1, thread: THREAD, repliedTo: REPLIED_TO, expiresAt: REPLIED_TO + 1000 };

  it('comes back with its reply, and with no other', async (t) => {
    const test = await startDispatching(t);
    await test.store.addUser({ name: 'alice', addresses: [], salt: Buffer.alloc(32), now: 0 });
    const context = { comment: 1138, tags: ['a', null], ümläut: true };
    await setContext(test.store, { ...given, context });
    await test.inState(await queueOf(test, 1), 'posted');
    await test.inState(await test.queue('shop/2'), 'posted');
    const [first, second] = test.platform.requests.map(
      ({ reply }) => (reply as unknown as { data: { context: unknown } }).data.context,
    );
    assert.deepEqual(first, context);
    assert.equal(second, null);
  });

  it('is waited for where it cannot be read', async (t) => {
    let isBroken = true;
    const remembered = {
      knownOriginals: () => Promise.resolve([]),
      contextOf: () =>
        isBroken ? Promise.reject(new Error('the disk is gone')) : Promise.resolve('"there"'),
    };
    const test = await startDispatching(t, { remembered });
    await test.store.addUser({ name: 'alice', addresses: [], salt: Buffer.alloc(32), now: 0 });
    const id = await queueOf(test, 1);
    assert.match((await test.inState(id, 'waiting')).lastDiagnostic ?? '', /the disk is gone/);
    isBroken = false;
    test.pass(5000);
    await test.inState(id, 'posted');
    assert.equal(postOf(test)['context'], 'there');
  });
});
