/**
 * The place that a reply address is ordered for: a thread, the posts of a digest, or a container in which threads begin.
 *
 * Failure: a Fault that names the field, its value, and what was expected.
 */
import { randomBytes } from 'node:crypto';
import { encodeBase32 } from '../mail/base32.ts';
import { composeLocator, digestLocator, isReserved, RESERVED_PREFIX } from '../mail/reserved.ts';
import { MAX_REPLIED_TO } from '../mail/token.ts';
import type { DigestPost } from '../store/digests.ts';
import { isPrintable } from '../system/printable.ts';
import { invalid } from './fault.ts';
import { parseTime, TIME_FORMS } from './time.ts';

/** Fewest and most posts of a digest. */
export const DIGEST_POSTS = { least: 2, most: 50 } as const;

/** Longest label. */
export const MAX_LABEL_CHARS = 40;

/** Octets of a digest's id. */
export const DIGEST_ID_BYTES = 15;

/** A post of a digest that is ordered. */
export interface OrderedPost {
  readonly thread: string;
  /** When it was made, in any form that times are read in; when the notification was where undefined. */
  readonly repliedTo?: string | undefined;
  readonly label: string;
}

/** A notification that needs an address, for exactly one of `thread`, `posts` and `compose`. */
export interface Notification {
  readonly user: string;
  readonly thread?: string | undefined;
  readonly posts?: readonly OrderedPost[] | undefined;
  /** The id of the digest where it is made again for the same request; a random one where undefined. */
  readonly digestId?: string | undefined;
  /** The container in which a reply starts a thread. */
  readonly compose?: string | undefined;
  /** When the post was made, in any form that times are read in; now where undefined. */
  readonly repliedTo?: string | undefined;
  readonly isBound?: boolean | undefined;
  /** Whether mailgw sends the notification itself, and remembers with it whom it went to. */
  readonly isSentHere?: boolean | undefined;
  /** JSON of the platform's own, which comes back with the reply. */
  readonly context?: unknown;
  /** What the notification says, where it is known by now. */
  readonly original?: NotifiedOriginal | undefined;
}

/** The words of a notification that the platform sends itself. */
export interface NotifiedOriginal {
  readonly subject: string;
  readonly from?: { readonly name?: string | undefined; readonly address?: string | undefined } | undefined;
  readonly text: string;
}

/** The place of an address; times in Unix seconds. */
export interface Place {
  readonly locator: string;
  readonly repliedTo: number;
  readonly posts?: readonly DigestPost[];
  readonly container?: string;
}

/** Reads the place that is ordered; `isComposeOn` tells whether threads may begin by mail. */
export function readPlace(asked: Notification, now: number, isComposeOn: boolean): Place {
  const { thread, posts, compose } = asked;
  if ([thread, posts, compose].filter((each) => each !== undefined).length !== 1) {
    throw invalid('thread', '--thread: expected exactly one of thread, posts and compose');
  }
  if (thread !== undefined) {
    checkThread('thread', '--thread', thread);
    return { locator: thread, repliedTo: readRepliedTo(asked.repliedTo, now) };
  }
  const field = posts === undefined ? 'compose' : 'posts';
  if (asked.isBound === true) {
    throw invalid('bound', `--bound: does not go with ${field}; such an address is always a sealed one`);
  }
  return posts === undefined
    ? readContainer(compose ?? '', asked.repliedTo, now, isComposeOn)
    : readDigest(posts, asked, now);
}

function checkThread(field: string, shown: string, locator: string): void {
  if (isReserved(locator)) {
    throw invalid(
      field,
      `${shown} "${locator}": names that begin with "${RESERVED_PREFIX}" are kept for mailgw itself`,
    );
  }
  checkName(field, shown, locator, 'thread');
}

function checkName(field: string, shown: string, name: string, what: string): void {
  if (name !== '' && isPrintable(name)) return;
  throw invalid(
    field,
    `${shown} "${name}": expected the platform's name of the ${what}, without control characters`,
  );
}

function readContainer(
  container: string,
  repliedTo: string | undefined,
  now: number,
  isComposeOn: boolean,
): Place {
  if (!isComposeOn) {
    throw invalid(
      'compose',
      `--compose "${container}": reply.compose is off; addresses that start threads need compose = true in [reply]`,
    );
  }
  if (repliedTo !== undefined) {
    throw invalid(
      'replied_to',
      `--replied-to "${repliedTo}": does not go with compose, whose age counts from now`,
    );
  }
  checkName('compose', '--compose', container, 'container');
  return { locator: composeLocator(container), repliedTo: Math.floor(now / 1000), container };
}

/** Reads a digest. Its age counts from its oldest post, so that no post is answered that is too old. */
function readDigest(
  asked: readonly OrderedPost[],
  { repliedTo, digestId = encodeBase32(randomBytes(DIGEST_ID_BYTES)) }: Notification,
  now: number,
): Place {
  const { least, most } = DIGEST_POSTS;
  if (asked.length < least || asked.length > most) {
    throw invalid('posts', `posts: are ${asked.length}; expected ${least} to ${most}`);
  }
  const made = readRepliedTo(repliedTo, now);
  const posts = asked.map((post, at): DigestPost => {
    const field = `posts/${at}`;
    checkThread(`${field}/thread`, `${field}/thread`, post.thread);
    checkLabel(`${field}/label`, post.label);
    const seconds =
      post.repliedTo === undefined
        ? made
        : readSeconds(`${field}/replied_to`, `${field}/replied_to`, post.repliedTo, now);
    return { thread: post.thread, repliedToAt: seconds * 1000, label: post.label };
  });
  const labels = posts.map(({ label }) => label.normalize('NFC').toLowerCase());
  const twice = labels.findIndex((label, at) => labels.indexOf(label) !== at);
  if (twice !== -1) {
    throw invalid(
      `posts/${twice}/label`,
      `posts/${twice}/label "${posts[twice]?.label ?? ''}": stands twice; expected a label of its own`,
    );
  }
  const oldest = Math.min(...posts.map(({ repliedToAt }) => repliedToAt));
  return { locator: digestLocator(digestId), repliedTo: oldest / 1000, posts };
}

function checkLabel(field: string, label: string): void {
  const chars = Array.from(label).length;
  if (chars >= 1 && chars <= MAX_LABEL_CHARS && isPrintable(label) && label.trim() === label) return;
  throw invalid(
    field,
    `${field} "${label}": expected 1 to ${MAX_LABEL_CHARS} printable characters, without white space at their ends`,
  );
}

/** Reads when a post was made, in Unix seconds; throws a Fault. */
export function readRepliedTo(text: string | undefined, now: number): number {
  return text === undefined ? Math.floor(now / 1000) : readSeconds('replied_to', '--replied-to', text, now);
}

function readSeconds(field: string, shown: string, text: string, now: number): number {
  const ms = parseTime(text, now);
  const seconds = ms === undefined ? undefined : Math.floor(ms / 1000);
  if (seconds === undefined || seconds > MAX_REPLIED_TO) {
    throw invalid(field, `${shown} "${text}": is not ${TIME_FORMS}`);
  }
  return seconds;
}
