/**
 * The gitea sink: comments in Gitea and Forgejo, as the user, by an administrator's token and the field `Sudo`.
 *
 * Contract: a thread is `OWNER/REPO/issues/N` (`pulls/N` too), a container `OWNER/REPO`. Files come after the comment that
 * they belong to, so that an attempt can end between them: `exists` finds the comment by its mark and adds what is missing.
 * The administrator adds files, because on the web whoever may comment may attach, and here only who may edit.
 * Failure: a thread that is not there is a 404, and in some versions a 500, which is asked about; locked is a 403, archived 423.
 * Limits: an issue with more than a mebibyte of comments since the hour before the reply is not looked through.
 */

import type { Post, PostAttachment } from '../../reply/post.ts';
import type { Meaning } from '../answer.ts';
import { NoPost } from '../no-post.ts';
import {
  type Examined,
  lacks,
  member,
  members,
  openPlatformClient,
  type PlatformAnswer,
  type PlatformClient,
  type PlatformRequest,
  pathOf,
  refuse,
  settled,
  sought,
  unexpected,
} from '../platform/client.ts';
import { draftText, titleOr } from '../platform/draft.ts';
import { handOver, multipart } from '../platform/files.ts';
import { isMarked, marked, notBefore } from '../platform/marker.ts';
import { openerOf, previewerOf } from '../platform/open.ts';
import { loginOf, type PlatformOptions } from '../platform/options.ts';
import { placePictures } from '../platform/pictures.ts';
import { type Repository, repositoryOf, ticketOf } from '../platform/repository.ts';
import { readSudoer, sudo } from '../platform/sudo.ts';
import type { Outcome, Sink } from '../sink.ts';
import type { SinkEnvironment } from '../sink-kind.ts';
import { findUser, listUsers } from './people.ts';
import { recognise } from './recognise.ts';
import { GITEA_SETTINGS } from './settings.ts';

type Options = PlatformOptions<typeof GITEA_SETTINGS>;

/** Issues on a page; the most that Gitea gives unless it is told otherwise (MAX_RESPONSE_ITEMS). */
const PAGE = 50;

/** Opens the sink. */
export const open = openerOf(GITEA_SETTINGS, createGiteaSink);

/** Shows the comment of a post, or the issue that it starts, as it is before its files come. */
export const preview = previewerOf(GITEA_SETTINGS, (post, { policy, map }) => {
  const title = post.newThread === undefined ? {} : { title: titleOf(post) };
  return { body: { ...title, body: textOf(post, policy) }, fields: sudo(loginOf(map, post.user)) };
});

/** Something that was made, and can have files. */
interface Made {
  /** Its own address below the platform's. */
  readonly path: string;
}

/**
 * Makes the sink. A comment is made first and gets its files afterwards, as Gitea's interface wants it: `exists`
 * gives it those that an attempt before did not.
 */
function createGiteaSink(options: Options, { now }: SinkEnvironment): Sink {
  const client = openPlatformClient(options, {
    now,
    headers: { authorization: `token ${options.token}` },
    means,
  });
  const as = (post: Post): Readonly<Record<string, string>> => sudo(loginOf(options.map, post.user));

  /** Makes a comment or an issue, and gives its files to it. */
  const make = async (
    post: Post,
    request: PlatformRequest,
    read: (answer: PlatformAnswer) => Made,
    signal: AbortSignal,
  ): Promise<Outcome> => {
    const answer = await client.demand({ ...request, headers: as(post) }, signal);
    await attach(client, { post, made: read(answer), there: [], headers: as(post), options }, signal);
    return client.judge(answer);
  };

  const deliver = async (post: Post, signal: AbortSignal): Promise<Outcome> => {
    const { number, ...repository } = ticketOf(post);
    const issue = `${pathTo(repository)}${pathOf('issues', number)}`;
    const request = { path: `${issue}/comments`, json: { body: textOf(post, options.policy) } };
    try {
      return await make(post, request, (answer) => commentOf(answer, repository), signal);
    } catch (error) {
      if (await isMissing(client, error, issue, signal)) throw refuse(`${post.thread ?? ''} is not there`);
      throw error;
    }
  };

  const exists = async (post: Post, signal: AbortSignal): Promise<boolean> => {
    const made =
      post.newThread === undefined
        ? await findComment(client, post, signal)
        : await findIssue(client, post, signal);
    if (made === undefined) return false;
    const there = post.attachments.length === 0 ? [] : await assetsOf(client, made, signal);
    await attach(client, { post, made, there, headers: as(post), options }, signal);
    return true;
  };

  return {
    deliver: (post, signal) => settled(() => deliver(post, signal)),
    created: (post, signal) =>
      settled(async () => {
        const repository = repositoryOf(post);
        const path = `${pathTo(repository)}/issues`;
        const json = { title: titleOf(post), body: textOf(post, options.policy) };
        return make(post, { path, json }, (answer) => issueOf(answer, repository), signal);
      }),
    exists: (post, signal) => sought(() => exists(post, signal)),
    findUser: (address, signal) => findUser(client, options.map, address, signal),
    users: (signal) => listUsers(client, options.map, signal),
    examine: (signal) => client.examine({ path: '/api/v1/user' }, readAccount, signal),
    recognise,
    close: () => client.close(),
  };
}

/** Gives the title of an issue, as long as Gitea takes it. */
function titleOf(post: Post): string {
  return Array.from(titleOr(post, 'No subject')).slice(0, 255).join('');
}

/** What has become of the files of a post. */
interface Files {
  readonly refused: readonly PostAttachment[];
  /** Where those are that are there, by their Content-ID. */
  readonly addresses: ReadonlyMap<string | undefined, string>;
}

const NO_FILES: Files = { refused: [], addresses: new Map() };

/** Writes the text, with the pictures that are there in their places, and the mark. */
function textOf(post: Post, policy: Options['policy'], { refused, addresses }: Files = NO_FILES): string {
  const dialect = (text: string): string =>
    marked(
      post,
      placePictures(text, (id) => addresses.get(id)),
    );
  return draftText(post, { dialect, policy, attribution: '' }, refused);
}

function pathTo({ owner, name }: Repository): string {
  return `/api/v1${pathOf('repos', owner, name)}`;
}

/** Reads the comment that was made. */
function commentOf(answer: PlatformAnswer, repository: Repository): Made {
  const id = member(answer.json, 'id');
  if (typeof id !== 'number') throw unexpected(answer, 'the answer names no comment');
  return { path: `${pathTo(repository)}${pathOf('issues', 'comments', id)}` };
}

/** Reads the issue that was made. */
function issueOf(answer: PlatformAnswer, repository: Repository): Made {
  const number = member(answer.json, 'number');
  if (typeof number !== 'number') throw unexpected(answer, 'the answer names no issue');
  return { path: `${pathTo(repository)}${pathOf('issues', number)}` };
}

/** What files are given to something that was made. */
interface Attaching {
  readonly post: Post;
  readonly made: Made;
  /** The files that it has already. */
  readonly there: readonly unknown[];
  readonly headers: Readonly<Record<string, string>>;
  readonly options: Options;
}

/**
 * Gives the files that are not there yet. The text is written anew where a picture stands in it, or where a file is not taken.
 */
async function attach(client: PlatformClient, attaching: Attaching, signal: AbortSignal): Promise<void> {
  const { post, made, headers, options } = attaching;
  const there = [...attaching.there];
  const addresses = new Map<string | undefined, string>();
  const note = ({ contentId }: PostAttachment, asset: unknown): void => {
    const address = member(asset, 'browser_download_url');
    if (contentId !== undefined && typeof address === 'string') addresses.set(contentId, address);
  };
  const missing = post.attachments.filter((file) => {
    const at = there.findIndex(
      (asset) => member(asset, 'name') === file.filename && member(asset, 'size') === file.bytes,
    );
    if (at >= 0) note(file, there.splice(at, 1)[0]);
    return at < 0;
  });
  const { refused } = await handOver(missing, async (file) => {
    const content = multipart({}, [{ field: 'attachment', file }]);
    const query = { name: file.filename };
    const answer = await client.demand({ path: `${made.path}/assets`, query, content }, signal);
    // One that broke off was made, and lacks the address alone.
    if (answer.isWhole === true && typeof member(answer.json, 'id') !== 'number')
      throw unexpected(answer, 'no file in the answer');
    note(file, answer.json);
  });
  const body = textOf(post, options.policy, { refused, addresses });
  if (body === textOf(post, options.policy)) return;
  await client.demand({ method: 'PATCH', path: made.path, json: { body }, headers }, signal);
}

async function assetsOf(
  client: PlatformClient,
  made: Made,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const answer = await client.demand({ path: `${made.path}/assets` }, signal);
  return listIn(answer);
}

function listIn(answer: PlatformAnswer): readonly unknown[] {
  // An empty list of an older version is null.
  if (!Array.isArray(answer.json) && answer.json !== null) throw unexpected(answer, 'the answer is no list');
  return members(answer.json);
}

/** Finds the comment of a post, whoever may read it. */
async function findComment(
  client: PlatformClient,
  post: Post,
  signal: AbortSignal,
): Promise<Made | undefined> {
  const { number, ...repository } = ticketOf(post);
  const path = `${pathTo(repository)}${pathOf('issues', number, 'comments')}`;
  const answer = await client.demand({ path, query: { since: notBefore(post) } }, signal);
  const found = listIn(answer).find((comment) => isMarked(member(comment, 'body'), post));
  return found === undefined ? undefined : commentOf({ ...answer, json: found }, repository);
}

/** Finds the issue that a post started. */
async function findIssue(client: PlatformClient, post: Post, signal: AbortSignal): Promise<Made | undefined> {
  const repository = repositoryOf(post);
  for (let page = 1; ; page++) {
    const query = { state: 'all', type: 'issues', since: notBefore(post), limit: `${PAGE}`, page: `${page}` };
    const answer = await client.demand({ path: `${pathTo(repository)}/issues`, query }, signal);
    const issues = listIn(answer);
    const found = issues.find((issue) => isMarked(member(issue, 'body'), post));
    if (found !== undefined) return issueOf({ ...answer, json: found }, repository);
    if (issues.length === 0) return undefined;
  }
}

/** Tells whether an attempt ended with a 500 because its issue is not there. */
async function isMissing(
  client: PlatformClient,
  error: unknown,
  issue: string,
  signal: AbortSignal,
): Promise<boolean> {
  if (!(error instanceof NoPost) || error.outcome.status !== 500) return false;
  const { status, json } = await client.ask({ path: issue }, signal);
  return status === 404 && json !== undefined;
}

/** Gives what a 403 and a 500 mean by their words; Gitea says in no other way whose fault they are. */
function means({ status, json }: PlatformAnswer): Meaning | undefined {
  const message = String(member(json, 'message'));
  // The token's own lack; every other 403 is about this user and this thread.
  if (status === 403 && /only administrators|required scope/i.test(message)) return 'broken';
  // An administrator is told what is behind a 500.
  if (status === 500 && /^issue does not exist|not allowed to be uploaded/i.test(message)) return 'refused';
  return undefined;
}

/** Reads whose token it is. */
function readAccount(answer: PlatformAnswer): Examined {
  if (answer.status === 401)
    return lacks(
      'the token is not taken',
      'make an access token in an administrator’s settings, Applications',
    );
  if (answer.status === 403)
    return lacks('the token may not read users', 'give it the scopes write:issue, read:user and read:admin');
  return readSudoer(answer, 'login');
}
