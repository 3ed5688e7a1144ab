/**
 * What is remembered for a reply: of the notifications that it may quote, and of its address.
 *
 * Failure: where what is known of the original cannot be read, the reply is taken apart without, and the log says so. A
 * context that cannot be read rejects: the post would lack what the platform goes by, so it waits.
 */
import type { Log } from '../observe/log.ts';
import type { KnownOriginals } from '../reply/post.ts';
import type { Contexts } from '../store/contexts.ts';
import type { ItemOrigin } from '../store/item.ts';
import type { Originals } from '../store/originals.ts';
import { errorText } from '../system/error-text.ts';

/** Gives what is known of the original of an item, or undefined where nothing is. */
export async function readKnown(
  originals: Pick<Originals, 'knownOriginals'>,
  { id, thread, repliedToAt }: Pick<ItemOrigin, 'id' | 'thread' | 'repliedToAt'>,
  log: Log,
): Promise<KnownOriginals | undefined> {
  try {
    const posts = await originals.knownOriginals(thread, repliedToAt);
    if (posts.length === 0) return undefined;
    return {
      subjects: distinct(posts.map(({ subject }) => subject)),
      names: distinct(posts.map(({ authorName }) => authorName)),
      addresses: distinct(posts.map(({ authorAddress }) => authorAddress)),
      // In memory of its own each: what goes to another thread is copied with all of its memory.
      sketches: posts.map(({ sketch }) => Uint8Array.from(sketch)),
    };
  } catch (error) {
    log('original_unread', { id, reason: errorText(error) });
    return undefined;
  }
}

const distinct = (texts: readonly string[]): string[] => [...new Set(texts.filter((text) => text !== ''))];

/** Gives the context that belongs to the address of an item, as a value; undefined where there is none. */
export async function readContext(
  contexts: Pick<Contexts, 'contextOf'>,
  { userNumber, thread, repliedToAt }: Pick<ItemOrigin, 'userNumber' | 'thread' | 'repliedToAt'>,
): Promise<unknown> {
  if (userNumber === undefined) return undefined;
  const context = await contexts.contextOf({ userNumber, thread, repliedToAt });
  return context === undefined ? undefined : JSON.parse(context);
}
