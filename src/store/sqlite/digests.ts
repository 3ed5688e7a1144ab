/**
 * Digests in SQLite, and how a reply to one is split.
 *
 * Contract: threads are kept by number, so that one that was renamed has its name of today. A split is one transaction with
 * the parent's end; the ids of its parts follow from the parent's (item-id.ts), so that one that is made again after a
 * crash makes the same parts, and none twice.
 */
import { partItemId } from '../../mail/item-id.ts';
import type { DigestPost, Digests, ItemDigest } from '../digests.ts';
import type { Split } from '../leases.ts';
import type { AtOnce } from './at-once.ts';
import { prepareThreadNumber } from './directory.ts';
import type { LaneWrites } from './lanes.ts';
import type { Database } from './schema.ts';

/** A post as its row has it. */
interface KeptPost {
  readonly thread: number;
  readonly repliedToAt: number;
  readonly label: string;
}

/** Prepares the write. */
export function prepareDigests(database: Database): AtOnce<Digests, 'addDigests'> {
  const threadNumber = prepareThreadNumber(database);
  // One that is there already was made by the same request, and is what its addresses mean.
  const insert = database.prepare<[number, number, string, number]>(
    'INSERT INTO digest (thread_number, user_number, posts, expires_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  return {
    addDigests: (digests) =>
      digests.map(({ locator, userNumber, posts, expiresAt }) => {
        const number = threadNumber(locator);
        const kept = posts.map((post): KeptPost => ({ ...post, thread: threadNumber(post.thread) }));
        insert.run(number, userNumber, JSON.stringify(kept), expiresAt);
        return number;
      }),
  };
}

/** Prepares the read of a digest's posts. */
export function prepareDigestPosts(
  database: Database,
): (locator: string) => readonly DigestPost[] | undefined {
  const find = database
    .prepare<[string], string>('SELECT posts FROM digest JOIN thread USING (thread_number) WHERE locator = ?')
    .pluck();
  const thread = database
    .prepare<[number], string>('SELECT locator FROM thread WHERE thread_number = ?')
    .pluck();
  return (locator) => {
    const kept = find.get(locator);
    if (kept === undefined) return undefined;
    return (JSON.parse(kept) as KeptPost[]).map((post) => ({
      ...post,
      thread: thread.get(post.thread) ?? '',
    }));
  };
}

/** Prepares the reads on a reading connection. */
export function prepareDigestViews(database: Database): AtOnce<Digests, 'digestPosts' | 'digestOf'> {
  const digestPosts = prepareDigestPosts(database);
  const ofItem = database.prepare<[string], { digest: string | null; digestPost: number | null }>(
    'SELECT digest, digest_post AS digestPost FROM item WHERE id = ?',
  );
  return {
    digestPosts,
    digestOf: (id): ItemDigest | undefined => {
      const { digest = null, digestPost = null } = ofItem.get(id) ?? {};
      if (digest === null) return undefined;
      return { locator: digest, posts: digestPosts(digest) ?? [], post: digestPost ?? undefined };
    },
  };
}

/** What a part has of the item that it comes of. */
const SHARED =
  'user, user_number, message_id, queue_id, reverse_path, received_at, bytes, sender_policy, sender_result, spam_score, spam_flagged, matched, digest';

/** Prepares the split, inside a transaction: the parts take their places in their threads. */
export function prepareSplit(
  database: Database,
  elect: (thread: string) => void,
  laneOf: LaneWrites['laneOf'],
): (parent: { readonly itemNumber: number; readonly id: string }, split: Split) => void {
  const insert = database.prepare<[string, string, string | null, number, number, number, number]>(
    `INSERT INTO item (id, state, head, thread, lane, replied_to_at, digest_post, due_at, attempts, worker_deaths, ${SHARED})
     SELECT ?, 'ready', 0, ?, ?, ?, ?, ?, 0, 0, ${SHARED} FROM item WHERE item_number = ? ON CONFLICT (id) DO NOTHING`,
  );
  const copy = database.prepare<[number | bigint, number]>(
    'INSERT INTO content (item_number, raw) SELECT ?, raw FROM content WHERE item_number = ?',
  );
  const copyParts = database.prepare<[number | bigint, number]>(
    'INSERT INTO content_part (item_number, part, raw) SELECT ?, part, raw FROM content_part WHERE item_number = ?',
  );
  return ({ itemNumber, id }, { at, parts }) => {
    for (const { post, thread, repliedToAt } of parts) {
      const made = insert.run(
        partItemId(id, post),
        thread,
        laneOf(thread),
        repliedToAt,
        post,
        at,
        itemNumber,
      );
      if (made.changes === 0) continue;
      copy.run(made.lastInsertRowid, itemNumber);
      copyParts.run(made.lastInsertRowid, itemNumber);
      elect(thread);
    }
  };
}

/** Prepares the removal of digests that expired before a time and that no unposted item needs; gives how many went. */
export function preparePruneDigests(database: Database, stepRows: number): (before: number) => number {
  const due = database
    .prepare<[number], number>(
      `SELECT thread_number FROM digest JOIN thread USING (thread_number)
       WHERE expires_at < ? AND NOT EXISTS (SELECT 1 FROM item WHERE digest = locator AND state <> 'posted')
       ORDER BY expires_at LIMIT ${stepRows}`,
    )
    .pluck();
  // The digest goes with its thread, which is nobody else's.
  const remove = database.prepare<[number]>('DELETE FROM thread WHERE thread_number = ?');
  return (before) => {
    const numbers = due.all(before);
    for (const number of numbers) remove.run(number);
    return numbers.length;
  };
}
