/**
 * The sink of what is no sink's, where a site has several: a reply to a thread that no prefix fits, and a bounce of which no
 * thread is known.
 *
 * Contract: such a reply waits, and is told of at each attempt: the address was minted when a sink was for it, and one may be
 * again. The bounce says something of the user's address, which every platform has: each one that wants bounces is told, and
 * the attempt ends well when all were. One that has taken it is not told again while the process lives.
 */
import type { Post } from '../reply/post.ts';
import type { BounceEvent } from './bounce-event.ts';
import type { Outcome, Sink } from './sink.ts';

/** A platform that may be told of a bounce. */
interface Told {
  readonly name: string;
  readonly sink: Sink;
}

/** What a stray sink takes from outside. */
export interface StrayOptions {
  /** Lists the beginnings of threads that there are sinks for, in words. */
  readonly known: string;
  /** Hears of a post that no sink is for. */
  readonly onStray: (id: string, thread: string) => void;
}

/** Bounces that are remembered as half told. */
const MOST_HALF_TOLD = 1000;

/** Creates the sink. */
export function createStray(sinks: readonly Told[], { known, onStray }: StrayOptions): Sink {
  const wanting = sinks.flatMap(({ name, sink }) => {
    const tell = sink.bounced?.bind(sink);
    return tell === undefined ? [] : [{ name, tell }];
  });
  const refuse = (thread: string): Outcome => ({
    kind: 'deferred',
    diagnostic: `no [[sink]] is for the thread ${thread}; there are ${known}`,
  });
  const keep = ({ id, thread, newThread }: Post): Promise<Outcome> => {
    const place = thread ?? newThread?.container ?? '';
    onStray(id, place);
    return Promise.resolve(refuse(place));
  };
  const taken = new Map<string, Set<string>>();
  const bounced = async (bounce: BounceEvent, signal: AbortSignal): Promise<Outcome> => {
    if (bounce.thread !== undefined) return refuse(bounce.thread);
    const by = taken.get(bounce.id) ?? new Set<string>();
    if (taken.size < MOST_HALF_TOLD) taken.set(bounce.id, by);
    const outcomes = await Promise.all(
      wanting
        .filter(({ name }) => !by.has(name))
        .map(async ({ name, tell }) => ({ name, outcome: await tell(bounce, signal) })),
    );
    for (const { name, outcome } of outcomes) if (outcome.kind !== 'deferred') by.add(name);
    const missing = outcomes.find(({ outcome }) => outcome.kind === 'deferred');
    if (missing !== undefined)
      return { kind: 'deferred', diagnostic: `${missing.name}: ${missing.outcome.diagnostic}` };
    taken.delete(bounce.id);
    const refused = outcomes.find(({ outcome }) => outcome.kind === 'failed');
    const diagnostic = outcomes.map(({ name, outcome }) => `${name}: ${outcome.diagnostic}`).join('; ');
    return { kind: refused === undefined ? 'posted' : 'failed', diagnostic };
  };
  return {
    deliver: keep,
    created: keep,
    ...(wanting.length > 0 && { bounced }),
    close: () => Promise.resolve(),
  };
}
