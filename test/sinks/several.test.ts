// A sink under a prefix, and the sink of what is no sink's.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Recognisable } from '../../src/mail/recognise.ts';
import type { Post } from '../../src/reply/post.ts';
import type { BounceEvent } from '../../src/sinks/bounce-event.ts';
import type { Outcome, Sink } from '../../src/sinks/sink.ts';
import { createStray } from '../../src/sinks/stray.ts';
import { underPrefix } from '../../src/sinks/under-prefix.ts';
import { samplePost } from '../support/loopback.ts';

const { signal } = new AbortController();
const POSTED: Outcome = { kind: 'posted', diagnostic: '201' };

const bounceOf = (thread: string | undefined): BounceEvent => ({
  id: 'bounce-1',
  user: 'alice',
  thread,
  receivedAt: 0,
  kind: 'hard',
  recipient: undefined,
  registered: false,
  action: undefined,
  status: undefined,
  diagnostic: undefined,
  reportingMta: undefined,
});

/** A sink with every member, that keeps what it is told. */
function wholeSink(): { readonly sink: Sink; readonly told: unknown[] } {
  const told: unknown[] = [];
  const place = ({ thread, newThread }: Post): unknown => thread ?? newThread;
  const sink: Sink = {
    deliver: async (post) => (told.push(['deliver', place(post)]), Promise.resolve(POSTED)),
    created: async (post) => (told.push(['created', place(post)]), Promise.resolve(POSTED)),
    exists: async (post) => (told.push(['exists', place(post)]), Promise.resolve(false)),
    bounced: async (bounce) => (told.push(['bounced', bounce.thread]), Promise.resolve(POSTED)),
    findUser: (address) => Promise.resolve(address.split('@')[0]),
    recognise: ({ reversePath }) => (reversePath === '' ? undefined : { thread: 'topic/7', repliedTo: 5 }),
    close: () => Promise.resolve(void told.push(['close'])),
  };
  return { sink, told };
}

describe('a sink under a prefix', () => {
  it('is told its own locators, of threads, containers and bounces', async () => {
    const { sink, told } = wholeSink();
    const under = underPrefix(sink, 'forum/');
    const post = samplePost({ thread: 'forum/topic/1' });
    await under.deliver(post, signal);
    await under.exists?.(post, signal);
    const newThread = { container: 'forum/general', title: 'Hello' };
    await under.created?.({ ...post, thread: undefined, newThread }, signal);
    await under.bounced?.(bounceOf('forum/topic/1'), signal);
    await under.bounced?.(bounceOf(undefined), signal);
    await under.close();
    assert.deepEqual(told, [
      ['deliver', 'topic/1'],
      ['exists', 'topic/1'],
      ['created', { container: 'general', title: 'Hello' }],
      ['bounced', 'topic/1'],
      ['bounced', undefined],
      ['close'],
    ]);
    assert.equal(post.thread, 'forum/topic/1', 'the post itself is as it was');
  });

  it('names threads of the site, and the same users', async () => {
    const under = underPrefix(wholeSink().sink, 'forum/');
    const header = {} as Recognisable['header'];
    const recognised = (reversePath: string): unknown => under.recognise?.({ header, reversePath });
    assert.deepEqual(recognised('x@y'), {
      thread: 'forum/topic/7',
      repliedTo: 5,
    });
    assert.equal(recognised(''), undefined);
    assert.equal(await under.findUser?.('bob@example.com', signal), 'bob');
  });

  it('lacks what the sink lacks', () => {
    const least: Sink = { deliver: () => Promise.resolve(POSTED), close: () => Promise.resolve() };
    assert.deepEqual(Object.keys(underPrefix(least, 'forum/')).sort(), ['close', 'deliver']);
  });
});

describe('what is no sink’s', () => {
  const strays: unknown[] = [];
  const options = { known: '"forum/" (forum)', onStray: (...stray: unknown[]) => strays.push(stray) };

  it('waits and is told of, as a reply', async () => {
    const stray = createStray([], options);
    const outcome = await stray.deliver(samplePost({ thread: 'wiki/1' }), signal);
    assert.deepEqual(outcome, {
      kind: 'deferred',
      diagnostic: 'no [[sink]] is for the thread wiki/1; there are "forum/" (forum)',
    });
    assert.equal(strays.length, 1);
    assert.ok(!('bounced' in stray));
  });

  it('is told to every sink that wants bounces, as a bounce without thread; to none twice', async () => {
    const answers: Record<string, Outcome[]> = {
      a: [POSTED],
      b: [{ kind: 'deferred', diagnostic: '503' }, POSTED],
    };
    const asked: string[] = [];
    const sinkOf = (name: string): { name: string; sink: Sink } => ({
      name,
      sink: {
        deliver: () => Promise.reject(new Error('no post')),
        bounced: () => {
          asked.push(name);
          return Promise.resolve(answers[name]?.shift() ?? POSTED);
        },
        close: () => Promise.resolve(),
      },
    });
    const deaf = {
      name: 'c',
      sink: { deliver: () => Promise.resolve(POSTED), close: () => Promise.resolve() },
    };
    const stray = createStray([sinkOf('a'), sinkOf('b'), deaf], options);
    const bounce = bounceOf(undefined);
    assert.deepEqual(await stray.bounced?.(bounce, signal), { kind: 'deferred', diagnostic: 'b: 503' });
    assert.deepEqual(await stray.bounced?.(bounce, signal), { kind: 'posted', diagnostic: 'b: 201' });
    assert.deepEqual(asked, ['a', 'b', 'b']);
    assert.equal((await stray.bounced?.(bounceOf('wiki/1'), signal))?.kind, 'deferred');
  });
});
