/**
 * Replies to a digest: what the parser is asked of one, and how it ends as its parts.
 *
 * Contract: a reply is split once, by the store and in one step with its end; each part is an item that goes the ordinary
 * way, with the same message and a place of its own, so that it is parsed again for the text of its post. Files go with the
 * first part of the mail.
 */
import type { DigestWish } from '../reply/post.ts';
import type { ItemDigest } from '../store/digests.ts';
import type { LeasedItem } from '../store/item.ts';
import type { SplitPart } from '../store/leases.ts';

/** Most bytes that the parts of one reply take in the store: each has the message. */
const MAX_SPLIT_BYTES = 256 * 1024 * 1024;

/** Gives what is asked of the parser; undefined for a reply to one post. */
export function digestWish({ digest }: LeasedItem): DigestWish | undefined {
  if (digest === undefined) return undefined;
  return { labels: digest.posts.map(({ label }) => label), post: digest.post };
}

/**
 * Gives an item under the thread and the time of the address that it came to, by which the original and the context are
 * found: of a part those of the digest, whose age counts from its oldest post.
 */
export function addressed<T extends Pick<LeasedItem, 'thread' | 'repliedToAt'>>(
  item: T,
  digest: ItemDigest | undefined,
): T {
  if (digest === undefined || digest.posts.length === 0) return item;
  const repliedToAt = Math.min(...digest.posts.map((post) => post.repliedToAt));
  return { ...item, thread: digest.locator, repliedToAt };
}

/** Says why an item cannot be parted, if so. */
export function unsplittable({ digest, bytes }: LeasedItem, answered: readonly number[]): string | undefined {
  if (digest?.posts.length === 0) return 'what the digest named is not in the store any more';
  if (bytes * answered.length <= MAX_SPLIT_BYTES) return undefined;
  return `answers ${answered.length} posts with a message of ${bytes} bytes, which is too large to be split`;
}

/** Lists the parts of a reply that answers these posts of its digest. */
export function partsOf({ digest }: LeasedItem, answered: readonly number[]): readonly SplitPart[] {
  return answered.flatMap((post) => {
    const found = digest?.posts[post - 1];
    return found === undefined ? [] : [{ post, thread: found.thread, repliedToAt: found.repliedToAt }];
  });
}
