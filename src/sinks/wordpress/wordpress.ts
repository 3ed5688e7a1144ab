/**
 * The wordpress sink: comments, as the user, by an administrator's application password.
 *
 * Contract: threads are those of locator.ts. A comment carries the post's id as its user agent, which WordPress keeps and shows
 * to moderators alone: by it a comment is found again. WordPress refuses a second comment with the same text by the same
 * author at the same place (409); one that is ours is posted. Whether a comment waits for a moderator is the site's rule.
 * Comments take no files: the post says which ones were left out.
 * Failure: comments closed, a post or comment that is not there, an author whom WordPress does not know, and a text beyond
 * its column fail; a key without its rights is an operator's matter.
 * Limits: WordPress tells nobody by mail of a comment that comes by its interface. The key's limits count, not the user's: a
 * moderator's key is asked neither to slow down nor whether the user may read the post.
 */
import type { Post } from '../../reply/post.ts';
import type { Meaning } from '../answer.ts';
import {
  type Examined,
  lacks,
  member,
  members,
  openPlatformClient,
  type PlatformAnswer,
  type PlatformClient,
  refuse,
  settled,
  sought,
  unexpected,
} from '../platform/client.ts';
import { draftText } from '../platform/draft.ts';
import { openerOf, previewerOf } from '../platform/open.ts';
import { loginOf, type PlatformOptions } from '../platform/options.ts';
import type { Outcome, Sink } from '../sink.ts';
import type { SinkEnvironment } from '../sink-kind.ts';
import { commentHtml } from './comment-html.ts';
import { readLocator, type Target } from './locator.ts';
import { findUser, listUsers, numberOf } from './people.ts';
import { recognise } from './recognise.ts';
import { request } from './request.ts';
import { WORDPRESS_SETTINGS } from './settings.ts';

type Options = PlatformOptions<typeof WORDPRESS_SETTINGS>;

/** The bytes of a comment: its column, a TEXT, less the ten that WordPress keeps back. */
const MOST_BYTES = 65_525;

/** Comments that are looked through for one of ours, the newest first; the most that WordPress gives on a page. */
const LOOKED_THROUGH = 100;

/** The clocks of two hosts may differ by so much. */
const CLOCKS_MS = 300_000;

/** Opens the sink. */
export const open = openerOf(WORDPRESS_SETTINGS, createWordPressSink, ({ token, token_file: path }) =>
  /^[^:]+:./.test(token) ? undefined : `sink.token_file: ${path}: does not hold name:password`,
);

/** Shows the comment of a post; of its author and its place WordPress is asked. */
export const preview = previewerOf(WORDPRESS_SETTINGS, (post, { policy }) => ({
  body: commentOf(post, policy),
  fields: { author_user_agent: agentOf(post) },
}));

/** Where a comment stands: its post, the comment that it answers, its author. */
interface Place {
  readonly post: number;
  readonly parent: number;
  readonly author: number;
}

/**
 * Makes the sink. A comment that WordPress has already ends an attempt as posted only where it is this post's own
 * (`repeated`): the same words said twice are refused here as on the web.
 */
function createWordPressSink(options: Options, { now }: SinkEnvironment): Sink {
  const client = openPlatformClient(options, {
    now,
    headers: { authorization: `Basic ${Buffer.from(options.token).toString('base64')}` },
    means,
  });
  const placeOf = async (post: Post, signal: AbortSignal): Promise<Place> => {
    const target = readLocator(post.thread);
    const author = await numberOf(client, loginOf(options.map, post.user), signal);
    return { author, ...(await placeIn(client, target, signal)) };
  };
  const deliver = async (post: Post, signal: AbortSignal): Promise<Outcome> => {
    const comment = commentOf(post, options.policy);
    const place = await placeOf(post, signal);
    const answer = await client.ask(request('comments', {}, { ...place, ...comment }), signal);
    if (codeOf(answer) === 'comment_duplicate') return repeated(client, post, place, comment.content, signal);
    return commented(answer, client.judge(answer));
  };

  return {
    deliver: (post, signal) => settled(() => deliver(post, signal)),
    exists: (post, signal) => sought(async () => isThere(client, post, await placeOf(post, signal), signal)),
    findUser: (address, signal) => findUser(client, options.map, address, signal),
    users: (signal) => listUsers(client, options.map, signal),
    examine: (signal) =>
      client.examine(
        request('users/me', { context: 'edit', _fields: 'username,capabilities' }),
        readAccount,
        signal,
      ),
    recognise,
    close: () => client.close(),
  };
}

/** Gives the post's own mark, in a field that readers do not see. */
function agentOf({ id }: Post): string {
  return `mailgw (${id})`;
}

function commentOf(post: Post, policy: Options['policy']) {
  const text = draftText(post, { dialect: commentHtml, policy, attribution: '' }, post.attachments);
  const bytes = Buffer.byteLength(text);
  if (bytes > MOST_BYTES) throw refuse(`the text has ${bytes} bytes; WordPress takes ${MOST_BYTES}`);
  return { content: text, author_user_agent: agentOf(post) };
}

/** Finds the post and the comment that a reply is to, and looks whether the comment is there: WordPress would not. */
async function placeIn(
  client: PlatformClient,
  { post, comment }: Target,
  signal: AbortSignal,
): Promise<Pick<Place, 'post' | 'parent'>> {
  if (comment === undefined) return { post: post ?? 0, parent: 0 };
  const query = { context: 'edit', _fields: 'post,status' };
  const answer = await client.demand(request(`comments/${comment}`, query), signal);
  const [found, status] = [member(answer.json, 'post'), member(answer.json, 'status')];
  if (typeof found !== 'number') throw unexpected(answer, 'the answer names no post');
  if (post !== undefined && found !== post) throw refuse(`comment ${comment} is none of post ${post}`);
  if (status === 'trash' || status === 'spam') throw refuse(`comment ${comment} is ${status}`);
  return { post: found, parent: comment };
}

/** Looks for the comment among the author's newest ones at its post, whatever their status. */
async function isThere(
  client: PlatformClient,
  post: Post,
  place: Place,
  signal: AbortSignal,
): Promise<boolean> {
  const found = await newest(client, place, { _fields: 'author_user_agent' }, LOOKED_THROUGH, signal);
  return found.some((comment) => member(comment, 'author_user_agent') === agentOf(post));
}

/** Lists the newest comments of the author at the post, whatever their status. */
async function newest(
  client: PlatformClient,
  { post, author }: Place,
  query: Readonly<Record<string, string>>,
  atMost: number,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const which = { context: 'edit', status: 'any', post: String(post), author: String(author) };
  const order = { orderby: 'id', order: 'desc', per_page: String(atMost) };
  const answer = await client.demand(request('comments', { ...which, ...order, ...query }), signal);
  if (!Array.isArray(answer.json)) throw unexpected(answer, 'no list of comments');
  return members(answer.json);
}

/** Tells whether a comment that WordPress has already is this post, or something that was said before. */
async function repeated(
  client: PlatformClient,
  post: Post,
  place: Place,
  content: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const posted: Outcome = { kind: 'posted', diagnostic: 'WordPress has it already', status: 409 };
  if (await isThere(client, post, place, signal)) return posted;
  // A site may keep no user agents: then it is the text, if it came after the reply did.
  const after = new Date(post.receivedAt - CLOCKS_MS).toISOString();
  const later = await newest(client, place, { after, _fields: 'content' }, 5, signal);
  if (later.some((comment) => member(comment, 'content', 'raw') === content)) return posted;
  throw refuse(`WordPress takes the same text by ${post.user} at the same place once: comment_duplicate`);
}

/** Gives the outcome of a comment that was made: what the site's rules then did with it is told. */
function commented(answer: PlatformAnswer, outcome: Outcome): Outcome {
  if (outcome.kind !== 'posted') return outcome;
  const [id, status] = [member(answer.json, 'id'), member(answer.json, 'status')];
  if (typeof id !== 'number') throw unexpected(answer, 'the answer names no comment');
  if (status === 'spam' || status === 'trash') throw refuse(`WordPress put comment ${id} into ${status}`);
  const waits = status === 'hold' ? 'waits for a moderator: ' : '';
  return { ...outcome, diagnostic: waits + outcome.diagnostic };
}

function codeOf({ json }: PlatformAnswer): string {
  const code = member(json, 'code');
  return typeof code === 'string' ? code : '';
}

/** Codes of answers that are about the key or the site, and would meet every post. */
const OPERATORS = new Set([
  'rest_comment_invalid_author',
  'rest_forbidden_context',
  'rest_forbidden',
  'rest_no_route',
  'rest_cannot_access',
]);

function means(answer: PlatformAnswer): Meaning | undefined {
  const code = codeOf(answer);
  if (OPERATORS.has(code)) return 'broken';
  if (code === 'comment_flood') return 'busy';
  return undefined;
}

/** The rights that posting takes, and what each is for. */
const RIGHTS: Readonly<Record<string, string>> = {
  moderate_comments: 'comment as somebody else',
  list_users: 'find users',
  edit_users: "read users' addresses",
};

/** Reads whose key it is, and what it may not do. */
function readAccount(answer: PlatformAnswer): Examined {
  const login = member(answer.json, 'username');
  if (answer.status === 401)
    return lacks(
      'the key is not taken',
      'put name:password of an application password into sink.token_file; WordPress takes those over HTTPS, or with WP_ENVIRONMENT_TYPE "local"',
    );
  const postsAs = `the user of each reply, by the key of ${typeof login === 'string' ? login : 'nobody known'}`;
  if (typeof login !== 'string') return { postsAs };
  const missing = Object.keys(RIGHTS).filter((right) => member(answer.json, 'capabilities', right) !== true);
  if (missing.length === 0) return { postsAs };
  const what = missing.map((right) => `${right} (to ${RIGHTS[right] ?? ''})`).join(', ');
  return lacks(`${login} lacks ${what}`, 'take the key of an administrator', postsAs);
}
