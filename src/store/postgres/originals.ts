/**
 * Known originals in PostgreSQL: one row for a post and a text.
 *
 * Contract: the bound is kept with each insert. The sum is counted when it is first needed and every {@link COUNTED_MS}; in
 * between it goes by what this host writes, and what others write beyond the bound stays until the next count.
 */
import { performance } from 'node:perf_hooks';
import {
  type KnownPost,
  MOST_KNOWN,
  MOST_LOOKED_AT,
  type NewOriginal,
  type Originals,
  originalBytes,
} from '../originals.ts';
import type { Statements } from './database.ts';
import { byPlace, gathered, questions } from './gathered.ts';
import type { Ground } from './ground.ts';
import { PROMISED, repeatable } from './repeatable.ts';

/** For how long a count is believed. */
const COUNTED_MS = 60_000;

/** Rows that are forgotten at a time. */
const STEP_ROWS = 100;

/** The sum of what is kept, as this host believes. */
interface Kept {
  readonly bytes: number;
  readonly countedAt: number;
}

/** Gives the port. */
export function originalPort({ database }: Ground): Originals {
  let kept: Kept | undefined;
  const ask = askKnown(database);
  return {
    rememberOriginals: async (originals, keepBytes) => {
      const rows = onePerText(originals);
      if (rows.length === 0) return;
      const now = performance.now();
      const known = kept !== undefined && now - kept.countedAt < COUNTED_MS ? kept : undefined;
      const change = await repeatable(database, PROMISED, async (statements, isAgain) => {
        const added = await insert(statements, rows);
        const isKnown = known !== undefined && !isAgain;
        const bytes = isKnown ? known.bytes + added : await count(statements);
        const left = bytes - (await forget(statements, bytes - keepBytes));
        return isKnown ? { by: left - known.bytes } : { left };
      });
      // Another call of this host may have changed the sum meanwhile.
      if (change.left !== undefined) kept = { bytes: change.left, countedAt: now };
      else if (kept !== undefined) kept = { ...kept, bytes: kept.bytes + change.by };
    },
    knownOriginals: (thread, repliedToAt) => ask({ thread, repliedToAt }),
  };
}

/** A post as it is asked for. */
type Post = Pick<NewOriginal, 'thread' | 'repliedToAt'>;

/** Creates the question for what is known of a post. */
function askKnown({ reads }: Ground['database']): (post: Post) => Promise<readonly KnownPost[]> {
  return gathered<Post, readonly KnownPost[]>({
    one: ({ thread, repliedToAt }) => reads.rows<KnownPost>(KNOWN, [thread, repliedToAt]),
    several: async (posts) => {
      const threads = posts.map(({ thread }) => thread);
      const times = posts.map(({ repliedToAt }) => repliedToAt);
      const rows = await reads.rows<KnownPost & { place: number }>(KNOWN_OF_SEVERAL, [threads, times]);
      return byPlace(posts.length, rows).map((its) =>
        its.map(({ subject, authorName, authorAddress, sketch }) => ({
          subject,
          authorName,
          authorAddress,
          sketch,
        })),
      );
    },
  });
}

/** Gives a row for each text: the first that came, which lasts until the last of its addresses expires. */
function onePerText(originals: readonly NewOriginal[]): NewOriginal[] {
  const rows = new Map<string, NewOriginal>();
  for (const each of originals) {
    const key = `${Buffer.from(each.digest).toString('hex')} ${each.repliedToAt} ${each.thread}`;
    const first = rows.get(key) ?? each;
    rows.set(key, { ...first, expiresAt: Math.max(first.expiresAt, each.expiresAt) });
  }
  return [...rows.values()];
}

// In their order: what came first is the oldest. A row that was there has no bytes of its own.
const INSERT = `WITH entered AS (
    INSERT INTO known_original AS known
      (thread, replied_to_at, digest, subject, author_name, author_address, sketch, bytes, expires_at)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::bytea[],
      $8::bigint[], $9::bigint[])
    ON CONFLICT (thread, replied_to_at, digest) DO UPDATE SET expires_at = excluded.expires_at
      WHERE known.expires_at < excluded.expires_at
    RETURNING bytes, xmax = 0 AS is_new)
  SELECT coalesce(sum(bytes), 0)::bigint AS bytes FROM entered WHERE is_new`;

/** Inserts rows; how many bytes are new. */
async function insert(statements: Statements, rows: readonly NewOriginal[]): Promise<number> {
  const added = await statements.first<{ bytes: number }>(INSERT, [
    rows.map(({ thread }) => thread),
    rows.map(({ repliedToAt }) => repliedToAt),
    rows.map(({ digest }) => digest),
    rows.map(({ subject }) => subject),
    rows.map(({ authorName }) => authorName),
    rows.map(({ authorAddress }) => authorAddress),
    rows.map(({ sketch }) => sketch),
    rows.map(originalBytes),
    rows.map(({ expiresAt }) => expiresAt),
  ]);
  return added?.bytes ?? 0;
}

// What somebody else forgets at the same time is left to them, and counts as kept until it is counted.
const FORGET = `WITH oldest AS (
    SELECT original_number AS number, bytes FROM known_original ORDER BY original_number LIMIT ${STEP_ROWS}),
  summed AS (SELECT number, sum(bytes) OVER (ORDER BY number) - bytes AS before FROM oldest),
  chosen AS MATERIALIZED (
    SELECT original_number FROM known_original
    WHERE original_number IN (SELECT number FROM summed WHERE before < $1) FOR UPDATE SKIP LOCKED),
  gone AS (
    DELETE FROM known_original WHERE original_number IN (SELECT original_number FROM chosen) RETURNING bytes)
  SELECT coalesce(sum(bytes), 0)::bigint AS bytes, count(*) AS count FROM gone`;

/** Forgets the oldest rows until so many bytes are free; how many bytes they had. */
async function forget(statements: Statements, excess: number): Promise<number> {
  let freed = 0;
  while (freed < excess) {
    const gone = await statements.first<{ bytes: number; count: number }>(FORGET, [excess - freed]);
    freed += gone?.bytes ?? 0;
    if (gone === undefined || gone.count < STEP_ROWS) break;
  }
  return freed;
}

/** Alone those who count: two that found the same excess would forget it twice. "mailgw o". */
const COUNT_LOCK = '7881696737188323439';

/** Counts what is kept. */
async function count(statements: Statements): Promise<number> {
  const [, sum] = await Promise.all([
    statements.run(`SELECT pg_advisory_xact_lock(${COUNT_LOCK})`),
    statements.first<{ bytes: number }>(
      'SELECT coalesce(sum(bytes), 0)::bigint AS bytes FROM known_original',
    ),
  ]);
  return sum?.bytes ?? 0;
}

// The newest are found by the index alone: most threads have none. What each user got at a second of their own is one text.
const knownOf = (thread: string, at: string): string => `WITH newest AS MATERIALIZED (
    SELECT thread, replied_to_at, digest FROM known_original WHERE thread = ${thread} AND replied_to_at <= ${at}
    ORDER BY replied_to_at DESC, digest DESC LIMIT ${MOST_LOOKED_AT}),
  texts AS (
    SELECT DISTINCT ON (digest) thread, replied_to_at, digest FROM newest ORDER BY digest, replied_to_at DESC),
  chosen AS (SELECT * FROM texts ORDER BY replied_to_at DESC, digest DESC LIMIT ${MOST_KNOWN})
  SELECT subject, author_name AS "authorName", author_address AS "authorAddress", sketch
  FROM chosen JOIN known_original USING (thread, replied_to_at, digest) ORDER BY replied_to_at DESC, digest DESC`;

const KNOWN = knownOf('$1', '$2');

const KNOWN_OF_SEVERAL = `SELECT place, known.*
  FROM ${questions('text', 'bigint')} AS asked (of_thread, at, place), LATERAL (${knownOf('of_thread', 'at')}) AS known`;
