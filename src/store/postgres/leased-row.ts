/** A leased item as its row has it. */
import type { Authentication } from '../../mail/origin.ts';
import type { DigestPost } from '../digests.ts';
import type { BounceKind, LeasedItem } from '../item.ts';

/** A row; NULL stands for undefined. */
export interface LeaseRow {
  readonly id: string;
  readonly user: string;
  readonly userNumber: number | null;
  readonly thread: string;
  readonly bounce: BounceKind | null;
  readonly repliedToAt: number;
  readonly messageId: string | null;
  readonly queueId: string | null;
  readonly reversePath: string;
  readonly receivedAt: number;
  readonly senderPolicy: Authentication['policy'];
  readonly senderResult: Authentication['result'];
  readonly spamScore: number | null;
  readonly spamFlagged: boolean | null;
  readonly attempts: number;
  readonly workerDeaths: number;
  readonly bytes: number;
  readonly digest: string | null;
  readonly digestPost: number | null;
  readonly digestPosts: readonly DigestPost[] | null;
}

/** The list of a SELECT that gives such rows, of items that are leased already. */
export const LEASED_COLUMNS = `id, user_name AS "user", user_number AS "userNumber", coalesce(bounce_thread, thread) AS thread,
  bounce, replied_to_at AS "repliedToAt", message_id AS "messageId", queue_id AS "queueId", reverse_path AS "reversePath",
  received_at AS "receivedAt", sender_policy AS "senderPolicy", sender_result AS "senderResult", spam_score AS "spamScore",
  spam_flagged AS "spamFlagged", attempts, worker_deaths AS "workerDeaths", bytes, digest, digest_post AS "digestPost",
  CASE WHEN digest IS NOT NULL THEN mailgw_digest_posts_1(digest) END AS "digestPosts"`;

/** Gives the item of a row. */
export function toLeasedItem(row: LeaseRow): LeasedItem {
  const { senderPolicy, senderResult, spamScore, spamFlagged, digest, digestPost, digestPosts, ...same } =
    row;
  const item = {
    ...same,
    userNumber: row.userNumber ?? undefined,
    bounce: row.bounce ?? undefined,
    messageId: row.messageId ?? undefined,
    queueId: row.queueId ?? undefined,
    authentication: { policy: senderPolicy, result: senderResult },
    spam: spamFlagged === null ? undefined : { score: spamScore ?? undefined, flagged: spamFlagged },
  };
  if (digest === null) return item;
  return { ...item, digest: { locator: digest, posts: digestPosts ?? [], post: digestPost ?? undefined } };
}
