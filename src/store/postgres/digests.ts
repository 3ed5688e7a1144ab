/**
 * Digests in PostgreSQL.
 *
 * Contract: threads are kept by number, so that one that was renamed has its name of today. A reply to a digest is split by
 * its settlement (settle-sql.ts); the ids of its parts follow from the reply's, so that none is made twice.
 */
import type { DigestPost, Digests, NewDigest } from '../digests.ts';
import type { Statements } from './database.ts';
import type { Ground } from './ground.ts';
import { numberThreads } from './threads.ts';

/** The SQL of the function that lists the posts of a digest as the port has them; NULL where there is no digest. */
export const DIGEST_SQL = `
CREATE FUNCTION mailgw_digest_posts_1(of_locator text) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT (SELECT coalesce(json_agg(json_build_object('thread', coalesce(named.locator, ''), 'repliedToAt', post -> 'repliedToAt',
      'label', post -> 'label') ORDER BY place), '[]')
    FROM json_array_elements(posts::json) WITH ORDINALITY AS kept (post, place)
    LEFT JOIN thread AS named ON named.thread_number = (post -> 'thread')::text::bigint)
  FROM digest JOIN thread USING (thread_number) WHERE thread.locator = of_locator
$$;
`;

/** The digest of an item as its row has it. */
interface ItemDigestRow {
  readonly locator: string;
  readonly posts: readonly DigestPost[] | null;
  readonly post: number | null;
}

/** Gives the port. */
export function digestPort({ database }: Ground): Digests {
  return {
    // The queue's lock, because threads are renamed under it.
    addDigests: (digests) =>
      database.transact({ lock: 'shared', isDurable: true }, (statements) => addDigests(statements, digests)),
    digestPosts: async (locator) => {
      const sql = 'SELECT mailgw_digest_posts_1($1) AS posts';
      const row = await database.reads.first<{ posts: readonly DigestPost[] | null }>(sql, [locator]);
      return row?.posts ?? undefined;
    },
    digestOf: async (id) => {
      const sql = `SELECT digest AS locator, mailgw_digest_posts_1(digest) AS posts, digest_post AS post FROM item
        WHERE id = $1 AND digest IS NOT NULL`;
      const row = await database.reads.first<ItemDigestRow>(sql, [id]);
      return row && { locator: row.locator, posts: row.posts ?? [], post: row.post ?? undefined };
    },
  };
}

async function addDigests(statements: Statements, digests: readonly NewDigest[]): Promise<readonly number[]> {
  const named = digests.flatMap(({ locator, posts }) => [locator, ...posts.map(({ thread }) => thread)]);
  const numberOf = await numberThreads(statements, named);
  const numbers = digests.map(({ locator }) => numberOf(locator));
  const kept = digests.map(({ posts }) =>
    JSON.stringify(
      posts.map(({ thread, repliedToAt, label }) => ({
        thread: numberOf(thread),
        repliedToAt,
        label: plain(label),
      })),
    ),
  );
  // One that is there already was made by the same request, and is what its addresses mean.
  await statements.run(
    `INSERT INTO digest (thread_number, user_number, posts, expires_at)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[]) ORDER BY 1 ON CONFLICT DO NOTHING`,
    [numbers, digests.map(({ userNumber }) => userNumber), kept, digests.map(({ expiresAt }) => expiresAt)],
  );
  return numbers;
}

/** Gives a text as JSON may have it in the database: without NUL, and of whole characters. */
const plain = (text: string): string => Buffer.from(text.replaceAll('\0', '\uFFFD')).toString();
