/** The digests as a port: addresses that name several posts. Contract and failure as of store.ts. */

/** A post that a digest names. */
export interface DigestPost {
  readonly thread: string;
  readonly repliedToAt: number;
  /** What people see of it in the notification, and answer it by. */
  readonly label: string;
}

/** A digest about to enter the store, by the locator that its addresses are sealed with. */
export interface NewDigest {
  readonly locator: string;
  readonly userNumber: number;
  readonly posts: readonly DigestPost[];
  readonly expiresAt: number;
}

/** The digest that an item came to; `post` is the place, from 1, of the one post that the item is an answer to. */
export interface ItemDigest {
  readonly locator: string;
  readonly posts: readonly DigestPost[];
  readonly post: number | undefined;
}

/** The digests. */
export interface Digests {
  /**
   * Adds digests, in one commit; one whose locator is there stays as it was. Gives the thread number of each, which its
   * address is sealed with.
   */
  addDigests(digests: readonly NewDigest[]): Promise<readonly number[]>;
  /** Lists the posts of a digest, by their threads' locators of today; undefined when there is none. */
  digestPosts(locator: string): Promise<readonly DigestPost[] | undefined>;
  /** Finds the digest of an item; undefined for a reply to one post. */
  digestOf(itemId: string): Promise<ItemDigest | undefined>;
}
