/**
 * A sink for the threads under a prefix, which it does not see: it is told its own locators, and its own are put under the
 * prefix where it names one.
 */
import type { Recognise } from '../mail/recognise.ts';
import type { Post } from '../reply/post.ts';
import type { BounceEvent } from './bounce-event.ts';
import type { Sink } from './sink.ts';

/** Puts a sink under a prefix; what it lacks stays lacking. */
export function underPrefix(sink: Sink, prefix: string): Sink {
  const created = sink.created?.bind(sink);
  const exists = sink.exists?.bind(sink);
  const bounced = sink.bounced?.bind(sink);
  const { recognise } = sink;
  const strip = (post: Post): Post => withoutPrefix(post, prefix);
  return {
    ...(sink.warm && { warm: () => sink.warm?.() }),
    ...(sink.examine && { examine: sink.examine.bind(sink) }),
    ...(sink.findUser && { findUser: sink.findUser.bind(sink) }),
    ...(sink.users && { users: sink.users.bind(sink) }),
    ...(created && { created: (post, signal) => created(strip(post), signal) }),
    ...(exists && { exists: (post, signal) => exists(strip(post), signal) }),
    ...(bounced && { bounced: (bounce, signal) => bounced(ownBounce(bounce, prefix), signal) }),
    ...(recognise && { recognise: recogniseUnder((asked) => recognise(asked), prefix) }),
    deliver: (post, signal) => sink.deliver(strip(post), signal),
    close: () => sink.close(),
  };
}

/** Gives a post as the sink of the prefix has it. */
export function withoutPrefix(post: Post, prefix: string): Post {
  const own = (place: string): string => (place.startsWith(prefix) ? place.slice(prefix.length) : place);
  if (post.newThread !== undefined) {
    const { container, title } = post.newThread;
    return { ...post, newThread: { container: own(container), title } };
  }
  return post.thread === undefined ? post : { ...post, thread: own(post.thread) };
}

function ownBounce(bounce: BounceEvent, prefix: string): BounceEvent {
  const { thread } = bounce;
  return thread?.startsWith(prefix) === true ? { ...bounce, thread: thread.slice(prefix.length) } : bounce;
}

function recogniseUnder(recognise: Recognise, prefix: string): Recognise {
  return (notification) => {
    const recognised = recognise(notification);
    return recognised && { ...recognised, thread: prefix + recognised.thread };
  };
}
