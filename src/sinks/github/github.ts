/**
 * The github sink: comments in GitHub by one account, with a line that names the user, or as the user who has given a token.
 *
 * Contract: a thread is `OWNER/REPO/issues/N` (`pulls/N` too), a container `OWNER/REPO`. Files are left out, and the comment
 * says so: the interface takes none. A comment is found again by its mark. A user's token is believed when GitHub says that it
 * is that user's; one that is not taken any more is told as a fault, and the account posts.
 * Failure: a limit is a 403 or a 429; one that names no time is left alone for a minute, as GitHub asks.
 * Limits: a repository with a new name is a redirect, which is not followed: an operator has to look.
 */
import type { Post } from '../../reply/post.ts';
import type { Meaning } from '../answer.ts';
import { NoPost } from '../no-post.ts';
import {
  type Examined,
  lacks,
  member,
  openPlatformClient,
  type PlatformAnswer,
  type PlatformClient,
  pathOf,
  settled,
  sought,
  unexpected,
} from '../platform/client.ts';
import { draftText, titleOr } from '../platform/draft.ts';
import { isMarked, marked, notBefore } from '../platform/marker.ts';
import { openerOf, previewerOf } from '../platform/open.ts';
import { type PlatformOptions } from '../platform/options.ts';
import { placePictures } from '../platform/pictures.ts';
import { type Repository, repositoryOf, ticketOf } from '../platform/repository.ts';
import { createUserTokens, directoryProblem, hasToken } from '../platform/user-tokens.ts';
import type { Examination, Outcome, Sink } from '../sink.ts';
import type { SinkEnvironment } from '../sink-kind.ts';
import { GITHUB_SETTINGS } from './settings.ts';

type Options = PlatformOptions<typeof GITHUB_SETTINGS>;

/** The most that GitHub takes. */
const MOST_CHARS = 65_536;

/** Entries on a page; an answer is read to a mebibyte. */
const PAGE = 30;

/** How long GitHub wants to be left alone where it does not say. */
const PAUSE_MS = 60_000;

/** The version of the interface that this is written for. */
const VERSION = '2022-11-28';

/** Opens the sink. */
export const open = openerOf(GITHUB_SETTINGS, createGithubSink, ({ user_tokens }) =>
  directoryProblem(user_tokens),
);

/** Shows the comment of a post, or the issue that it starts; of whoever has given a token, as it is if that is taken. */
export const preview = previewerOf(GITHUB_SETTINGS, (post, { policy, attribution, user_tokens }) => {
  const title = post.newThread === undefined ? {} : { title: titleOf(post) };
  const above = hasToken(user_tokens, post.user) ? '' : attribution;
  return { body: { ...title, body: textOf(post, policy, above) }, fields: {} };
});

/**
 * Makes the sink. A user's own token that is not taken holds no reply back: the account posts it, and the fault is
 * told to the operator.
 */
function createGithubSink(options: Options, environment: SinkEnvironment): Sink {
  const client = openPlatformClient(options, {
    now: environment.now,
    headers: { authorization: `Bearer ${options.token}`, 'x-github-api-version': VERSION },
    means,
  });
  const tokens = createUserTokens(
    { ...environment, directory: options.user_tokens, map: options.map },
    {
      name: 'GitHub',
      isToken: (text) => /^[\x21-\x7e]+$/.test(text),
      ownerOf: (token, signal) => ownerOf(client, token, signal),
      // An answer that is the token's own lack; what no answer came to is no word about the token.
      isRefusal: (outcome) =>
        outcome.kind === 'deferred' && outcome.broken === true && outcome.status !== undefined,
    },
  );

  /** Makes something as the user, or else by the account of the sink. */
  const make = (
    post: Post,
    path: string,
    json: (body: string) => object,
    signal: AbortSignal,
  ): Promise<Outcome> => {
    const as = (token: string | undefined): Promise<Outcome> => {
      const text = textOf(post, options.policy, token === undefined ? options.attribution : '');
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return request(client, { path, json: json(text), headers }, signal);
    };
    return tokens.post(post.user, as, signal);
  };

  return {
    deliver: (post, signal) =>
      settled(() => {
        const { number, ...repository } = ticketOf(post);
        const path = `${pathTo(repository)}${pathOf('issues', number, 'comments')}`;
        return make(post, path, (body) => ({ body }), signal);
      }),
    created: (post, signal) =>
      settled(() => {
        const title = titleOf(post);
        return make(post, `${pathTo(repositoryOf(post))}/issues`, (body) => ({ title, body }), signal);
      }),
    exists: (post, signal) => sought(() => isThere(client, post, signal)),
    examine: (signal) => examine(client, options.user_tokens !== undefined, signal),
    close: () => client.close(),
  };
}

/** Makes a request that makes something, and gives what became of it. */
async function request(
  client: PlatformClient,
  what: { readonly path: string; readonly json: object; readonly headers?: Record<string, string> },
  signal: AbortSignal,
): Promise<Outcome> {
  const answer = await client.ask(what, signal);
  const outcome = client.judge(answer);
  if (outcome.kind === 'posted' && typeof member(answer.json, 'id') !== 'number')
    return unexpected(answer, 'the answer names nothing that was made').outcome;
  const isLimit = outcome.kind === 'deferred' && outcome.broken !== true && answer.status < 500;
  return isLimit && outcome.retryAfterMs === undefined ? { ...outcome, retryAfterMs: PAUSE_MS } : outcome;
}

/** Writes the comment: the line above it, the reply, the names of the files that are left out, and the mark. */
function textOf(post: Post, policy: Options['policy'], attribution: string): string {
  const dialect = (text: string): string =>
    marked(
      post,
      placePictures(text, () => undefined),
    );
  const form = { dialect, policy, attribution, mostChars: MOST_CHARS };
  return draftText(post, form, post.attachments);
}

/** Gives the title of an issue, as long as GitHub takes it. */
function titleOf(post: Post): string {
  return Array.from(titleOr(post, 'No subject')).slice(0, 256).join('');
}

function pathTo({ owner, name }: Repository): string {
  return pathOf('repos', owner, name);
}

/** Looks through what is new since the hour before the reply, until a page is not full. */
async function isThere(client: PlatformClient, post: Post, signal: AbortSignal): Promise<boolean> {
  const started = post.newThread === undefined ? undefined : repositoryOf(post);
  const { number, ...repository } = started === undefined ? ticketOf(post) : { ...started, number: '' };
  const path =
    pathTo(repository) + (started === undefined ? pathOf('issues', number, 'comments') : '/issues');
  const kind = started === undefined ? {} : { state: 'all', sort: 'created', direction: 'desc' };
  for (let page = 1; ; page++) {
    const query = { ...kind, since: notBefore(post), per_page: `${PAGE}`, page: `${page}` };
    const answer = await client.demand({ path, query }, signal);
    if (!Array.isArray(answer.json)) throw unexpected(answer, 'the answer is no list');
    const found: readonly unknown[] = answer.json;
    if (found.some((each) => isMarked(member(each, 'body'), post))) return true;
    if (found.length < PAGE) return false;
  }
}

/** Gives whose a token is; undefined where it is not taken, and a rejection where that cannot be found out. */
async function ownerOf(
  client: PlatformClient,
  token: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await client.ask({ path: '/user', headers }, signal);
  if (answer.status === 401) return undefined;
  const login = member(answer.json, 'login');
  if (typeof login === 'string' && answer.status === 200) return login;
  const outcome = client.judge(answer);
  throw outcome.kind === 'deferred' ? new NoPost(outcome) : unexpected(answer, 'the answer names no user');
}

/** Gives what a 403 and a 422 mean: a limit, a lack of the token, or a refusal of this post. */
function means({ status, json, headers = {} }: PlatformAnswer): Meaning | undefined {
  const message = `${String(member(json, 'message'))} ${JSON.stringify(member(json, 'errors') ?? '')}`;
  // In no document of GitHub's that could be read: other programs that post there know it as the limit on making things.
  if (status === 422) return /submitted too quickly/i.test(message) ? 'busy' : undefined;
  if (status !== 403) return undefined;
  const isLimit = headers['retry-after'] !== undefined || headers['x-ratelimit-remaining'] === '0';
  if (isLimit || /rate limit|abuse detection/i.test(message)) return 'busy';
  // The token's own lack; every other 403 is about this thread.
  return /not accessible by|SAML enforcement/i.test(message) ? 'broken' : undefined;
}

/** Asks whose token it is, and then how much of the hour's requests is left. */
async function examine(
  client: PlatformClient,
  hasTokens: boolean,
  signal: AbortSignal,
): Promise<Examination> {
  const account = await client.examine({ path: '/user' }, (answer) => readAccount(answer, hasTokens), signal);
  if (account.lack !== undefined || account.status !== 200) return account;
  let left = '';
  const read = ({ json }: PlatformAnswer): { postsAs: string } => {
    const [limit, remaining] = ['limit', 'remaining'].map((name) => member(json, 'resources', 'core', name));
    if (typeof limit === 'number' && typeof remaining === 'number')
      left = `, ${remaining} of ${limit} requests left`;
    return { postsAs: '' };
  };
  await client.examine({ path: '/rate_limit' }, read, signal);
  return { ...account, diagnostic: `GET /user answered 200${left}` };
}

/** Reads who posts, and whether the scopes of a classic token let it write. */
function readAccount(answer: PlatformAnswer, hasTokens: boolean): Examined {
  const { status, json, headers = {} } = answer;
  if (status === 401)
    return lacks(
      'the token is not taken',
      'make a personal access token that may write issues and pull requests',
    );
  if (status === 403 && means(answer) === 'broken')
    return lacks('the token is of no user', 'take a personal access token of the account that posts');
  const login = member(json, 'login');
  const account = typeof login === 'string' ? login : 'nobody known';
  const own = hasTokens ? '; as the user where a token of theirs is there' : '';
  const postsAs = `${account}, with a line that names the user${own}`;
  // A classic token says what it may; a fine-grained one does not.
  const scopes = headers['x-oauth-scopes'];
  if (status !== 200 || typeof scopes !== 'string' || scopes === '') return { postsAs };
  const mayWrite = scopes.split(/\s*,\s*/).some((scope) => scope === 'repo' || scope === 'public_repo');
  if (mayWrite) return { postsAs };
  return lacks(`the token has the scopes ${scopes} alone`, 'give it the scope repo', postsAs);
}
