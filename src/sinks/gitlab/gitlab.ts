/**
 * The gitlab sink: notes in GitLab on issues and merge requests, as the user, by an administrator's token and `Sudo`.
 *
 * Contract: threads and containers are place.ts. Files are handed over first, and the note has the links that GitLab gives
 * for them. The mark at the end of a note finds it again; it also keeps a note of one emoji, or of quick actions alone, from
 * being none: GitLab would take the one for an award and the other for commands.
 * A reply to an internal note is internal, or is refused (internal.ts).
 * Failure: a limit on notes is a 429 without any field that says how long.
 * Limits: notes are looked through from the newest to the hour before the reply; epics have no notes in this interface.
 */
import type { Post, PostAttachment } from '../../reply/post.ts';
import type { Meaning } from '../answer.ts';
import {
  type Examined,
  lacks,
  member,
  openPlatformClient,
  type PlatformAnswer,
  type PlatformClient,
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
import { readSudoer, sudo } from '../platform/sudo.ts';
import type { Examination, Outcome, Sink } from '../sink.ts';
import type { SinkEnvironment } from '../sink-kind.ts';
import { notesFor } from './internal.ts';
import { pages } from './pages.ts';
import { findUser, listUsers } from './people.ts';
import { pathIn, placeOf, projectOf } from './place.ts';
import { recognise } from './recognise.ts';
import { GITLAB_SETTINGS } from './settings.ts';

type Options = PlatformOptions<typeof GITLAB_SETTINGS>;

/** The most that GitLab takes: Gitlab::Database::MAX_TEXT_SIZE_LIMIT. */
const MOST_CHARS = 1_000_000;

/** Opens the sink. */
export const open = openerOf(GITLAB_SETTINGS, createGitlabSink);

/** Shows the note of a post, or the issue that it starts, without the links of its files. */
export const preview = previewerOf(GITLAB_SETTINGS, (post, { policy, map }) => {
  const text = textOf(post, policy);
  const body = post.newThread === undefined ? { body: text } : { title: titleOf(post), description: text };
  return { body, fields: sudo(nameOf(loginOf(map, post.user))) };
});

/** Makes the sink; every request that writes is made as the user of the post, by `Sudo`. */
function createGitlabSink(options: Options, { now }: SinkEnvironment): Sink {
  const client = openPlatformClient(options, { now, headers: { 'private-token': options.token }, means });
  const as = (post: Post): Readonly<Record<string, string>> => sudo(nameOf(loginOf(options.map, post.user)));

  /** Hands the files over as the user, and writes the text with their links. */
  const textWithFiles = async (post: Post, project: string, signal: AbortSignal): Promise<string> => {
    // A text that is too long is told before anything is handed over.
    if (post.attachments.length === 0) return textOf(post, options.policy);
    textOf(post, options.policy);
    const { taken, refused } = await handOver(post.attachments, async (file) => {
      const content = multipart({}, [{ field: 'file', file }]);
      const answer = await client.demand(
        { path: pathIn(project, 'uploads'), content, headers: as(post) },
        signal,
      );
      const [link, url] = [member(answer.json, 'markdown'), member(answer.json, 'url')];
      if (typeof link !== 'string' || typeof url !== 'string')
        throw unexpected(answer, 'the answer has no link to the file');
      return { id: file.contentId, link, url };
    });
    return textOf(post, options.policy, taken, refused);
  };

  const make = async (post: Post, path: string, json: object, signal: AbortSignal): Promise<Outcome> => {
    const answer = await client.demand({ path, json, headers: as(post) }, signal);
    // Of quick actions alone there is a 202, with what they did and no note.
    if (answer.status !== 202 && typeof member(answer.json, 'id') !== 'number')
      throw unexpected(answer, 'the answer names nothing that was made');
    return client.judge(answer);
  };

  return {
    deliver: (post, signal) =>
      settled(async () => {
        const place = placeOf(post);
        const ask = (path: string) => client.demand({ path, headers: as(post) }, signal);
        const path = await notesFor(place, ask);
        const body = await textWithFiles(post, place.project, signal);
        return make(post, path, { body }, signal);
      }),
    created: (post, signal) =>
      settled(async () => {
        const project = projectOf(post);
        const description = await textWithFiles(post, project, signal);
        return make(post, pathIn(project, 'issues'), { title: titleOf(post), description }, signal);
      }),
    exists: (post, signal) =>
      sought(() =>
        post.newThread === undefined ? isNoted(client, post, signal) : isStarted(client, post, signal),
      ),
    findUser: (address, signal) => findUser(client, options.map, address, signal),
    users: (signal) => listUsers(client, options.map, signal),
    examine: (signal) => examine(client, signal),
    recognise,
    close: () => client.close(),
  };
}

/** Gives a name as one of a user: GitLab would take digits alone for the number of somebody else. */
function nameOf(login: string): string {
  if (/^-?\d+$/.test(login))
    throw refuse(`${JSON.stringify(login)} would be the number of a user, and is no name`);
  return login;
}

/** Gives the title of an issue, as long as GitLab takes it. */
function titleOf(post: Post): string {
  return Array.from(titleOr(post, 'No subject')).slice(0, 255).join('');
}

/** A file that was handed over. */
interface Linked {
  readonly id: string | undefined;
  /** The Markdown that leads to it. */
  readonly link: string;
  readonly url: string;
}

/**
 * Writes the text: a picture where it stood in the mail, the links of all other files below, and the mark behind
 * them. Of a lone `:tada:` GitLab would make an award and no note; the mark beside it keeps it a note.
 */
function textOf(
  post: Post,
  policy: Options['policy'],
  files: readonly Linked[] = [],
  refused: readonly PostAttachment[] = [],
): string {
  const shown = new Set<Linked>();
  const addressOf = (id: string): string | undefined => {
    const file = files.find((each) => each.id === id);
    if (file !== undefined) shown.add(file);
    return file?.url;
  };
  const dialect = (text: string): string => {
    const placed = withoutAll(placePictures(text, addressOf));
    const links = files.filter((file) => !shown.has(file)).map(({ link }) => link);
    return marked(post, [placed, ...links].join('\n\n'));
  };
  return draftText(post, { dialect, policy, attribution: '', mostChars: MOST_CHARS }, refused);
}

/** Breaks `@all`, which tells everybody in the project. */
function withoutAll(text: string): string {
  return text.replace(/@(?=all(?![\w-]))/gi, '@\u2060');
}

/** Tells whether the note of a post is there; the newest come first. */
async function isNoted(client: PlatformClient, post: Post, signal: AbortSignal): Promise<boolean> {
  const since = notBefore(post);
  const query = { order_by: 'created_at', sort: 'desc' };
  for await (const note of pages(client, `${placeOf(post).path}/notes`, query, signal)) {
    if (isMarked(member(note, 'body'), post)) return true;
    const at = member(note, 'created_at');
    if (typeof at === 'string' && Date.parse(at) < Date.parse(since)) return false;
  }
  return false;
}

/** Tells whether the issue of a post is there. */
async function isStarted(client: PlatformClient, post: Post, signal: AbortSignal): Promise<boolean> {
  const query = { created_after: notBefore(post), order_by: 'created_at', sort: 'desc' };
  for await (const issue of pages(client, pathIn(projectOf(post), 'issues'), query, signal))
    if (isMarked(member(issue, 'description'), post)) return true;
  return false;
}

function means({ status, json }: PlatformAnswer): Meaning | undefined {
  if (status !== 403) return undefined;
  // The token's own lack; every other 403 is about this user and this thread.
  const isOurs =
    member(json, 'error') === 'insufficient_scope' || /to use sudo/i.test(String(member(json, 'message')));
  return isOurs ? 'broken' : undefined;
}

/** Asks whose token it is, and then what it may. */
async function examine(client: PlatformClient, signal: AbortSignal): Promise<Examination> {
  const account = await client.examine({ path: '/api/v4/user' }, readAccount, signal);
  if (account.lack !== undefined || account.status !== 200) return account;
  const { lack } = await client.examine({ path: '/api/v4/personal_access_tokens/self' }, readScopes, signal);
  return { ...account, lack };
}

/** Reads whose token it is; an administrator alone is told that they are one. */
function readAccount(answer: PlatformAnswer): Examined {
  if (answer.status === 401)
    return lacks(
      'the token is not taken',
      'make a personal access token of an administrator; tokens of GitLab end after a year at the latest',
    );
  if (answer.status === 403)
    return lacks('the token may not read its own user', 'give it the scopes api and sudo');
  return readSudoer(answer, 'username');
}

/**
 * Reads what the token may; versions before 15.5 do not say. Acting as others takes an administrator's token with the scope
 * sudo (lib/api/helpers.rb, `sudo!`). Where Admin Mode is on, what only administrators may ask takes `admin_mode` as well
 * (gitlab-org/gitlab, merge request 107925); whether `sudo!` does could not be read.
 */
function readScopes({ status, json }: PlatformAnswer): Examined {
  const scopes = member(json, 'scopes');
  const missing = Array.isArray(scopes) ? ['api', 'sudo'].filter((scope) => !scopes.includes(scope)) : [];
  if (status !== 200 || missing.length === 0) return { postsAs: '' };
  const what = `the token lacks the scope ${missing.join(' and ')}`;
  return lacks(what, 'make one that has the scopes api and sudo', '');
}
