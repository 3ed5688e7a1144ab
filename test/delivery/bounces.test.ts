// Bounces on their way from the queue to the platform.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTokenMask } from '../../src/mail/token-mask.ts';
import { createReadBounce } from '../../src/sinks/bounce-event.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import type { Store } from '../../src/store/store.ts';
import { bounce } from '../support/bounce.ts';
import { accept, newItem } from '../support/item.ts';
import { addUser, FORM } from '../support/mint.ts';
import { type Dispatching, type DispatchingChoice, startDispatching } from './dispatching.ts';

const TOKEN = 'aiaaaaaaaeaaaaaaafembnkx5gzx3zblz6ykp2ynxktemjsj';

async function startBounces(
  t: Parameters<typeof startDispatching>[0],
  choice: DispatchingChoice = {},
): Promise<Dispatching> {
  const open: { store?: Store } = {};
  const directory = {
    userByName: async (name: string) => await open.store?.userByName(name),
    userByNumber: async (number: number) => await open.store?.userByNumber(number),
  };
  const test = await startDispatching(t, {
    readBounce: createReadBounce(directory, createTokenMask([FORM])),
    ...choice,
  });
  open.store = test.store;
  await addUser(test.store, 'alice');
  return test;
}

async function queueBounce({ store, dispatcher }: Dispatching, thread: string, raw: Buffer): Promise<string> {
  const item = newItem({ thread, bounce: 'hard', reversePath: '' });
  await accept(store, [item], raw);
  dispatcher.wake();
  return item.id;
}

describe('a bounce', () => {
  it('is told to the platform, signed, with the id as its key and no token in it', async (t) => {
    const test = await startBounces(t);
    const raw = bounce([], { diagnostic: `550 5.1.1 <reply+${TOKEN}@reply.example.org> no such user` });
    const id = await queueBounce(test, 'acme/site/7', raw);
    await test.inState(id, 'posted');
    const [request, ...others] = test.platform.requests;
    assert.deepEqual(others, []);
    assert.equal(request?.idempotencyKey, id);
    const { type, data } = request.reply as unknown as { type: string; data: Record<string, unknown> };
    assert.equal(type, 'bounce.received');
    assert.deepEqual(
      { ...data, received_at: undefined },
      {
        id,
        user: 'alice',
        thread: 'acme/site/7',
        received_at: undefined,
        kind: 'hard',
        recipient: 'alice@example.com',
        registered: true,
        action: 'failed',
        status: '5.1.1',
        diagnostic: '550 5.1.1 <reply+…@reply.example.org> no such user',
        reporting_mta: 'mx.example.com',
      },
    );
  });

  it('names an address that is not the user’s own as such, and no thread where none is proven', async (t) => {
    const test = await startBounces(t);
    const raw = bounce([], { recipient: 'mallory@example.com' });
    await test.inState(await queueBounce(test, '', raw), 'posted');
    const { data } = test.platform.requests[0]?.reply as unknown as { data: Record<string, unknown> };
    assert.deepEqual([data.recipient, data.registered, data.thread], ['mallory@example.com', false, null]);
  });

  it('is tried again as a reply is, and holds up no reply of its thread', async (t) => {
    const test = await startBounces(t);
    test.platform.answerNext(500);
    const id = await queueBounce(test, 'a', bounce());
    await test.inState(id, 'waiting');
    await test.inState(await test.queue('a'), 'posted');
    test.pass(1000);
    await test.inState(id, 'posted');
  });

  it('ends as posted at a sink that does not want to know', async (t) => {
    const deliver: Sink['deliver'] = () => Promise.reject(new Error('no reply was queued'));
    const test = await startBounces(t, { sink: { deliver, close: () => Promise.resolve() } });
    await test.inState(await queueBounce(test, 'a', bounce()), 'posted');
  });
});
