/**
 * The discourse sink: posts each reply as its user, by an API key for all users.
 *
 * Contract: `Api-Username` is who posts; files are uploaded first, by the same user, and stand in the text. The text carries
 * the post's mark (platform/marker.ts), by which it is found again. Discourse answers a request that is the same
 * within two minutes as it answered the first, and refuses an equal text of one author for five: a refusal counts only
 * when the post is not there. A topic is started with an `external_id` of ours.
 * Failure: 403 comes for a key, for a user and for a right alike; the user is looked up before one is blamed. A text
 * that is too short for Discourse is failed in Discourse's words, as its own reply by mail does.
 * Sources: docs.discourse.org (openapi.json of 2026-08); discourse/discourse, files named at the tests.
 */
import type { Post, PostAttachment } from '../../reply/post.ts';
import { NoPost } from '../no-post.ts';
import {
  type Examined,
  lacks,
  type Means,
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
  wholeOf,
} from '../platform/client.ts';
import { draftText, titleOr } from '../platform/draft.ts';
import { callNobody } from '../platform/everybody.ts';
import { handOver, multipart } from '../platform/files.ts';
import { marked } from '../platform/marker.ts';
import { openerOf, previewerOf } from '../platform/open.ts';
import { loginOf, type PlatformOptions } from '../platform/options.ts';
import { type Listed, ourUsers, userOfAddress } from '../platform/people.ts';
import { showTags } from '../platform/tags.ts';
import type { Examination, Outcome, PlatformUser, Sink } from '../sink.ts';
import type { SinkEnvironment } from '../sink-kind.ts';
import { categoryOf, externalId, isThere, type Place, placeOf } from './posts.ts';
import { recogniseDiscourse } from './recognise.ts';
import { DISCOURSE_SETTINGS } from './settings.ts';

type Options = PlatformOptions<typeof DISCOURSE_SETTINGS>;

/** What a text may have in Discourse as it comes (max_post_length). */
const MOST_CHARS = 32_000;

/** Those whom a mention calls all at once, as Discourse comes (here_mention), and as other platforms call them. */
const EVERYBODY = ['here', 'all', 'everyone', 'channel'];

/** Opens the sink of a `[sink]` table. */
export const open = openerOf(
  DISCOURSE_SETTINGS,
  (options, environment) => new DiscourseSink(options, environment),
);

/** Shows what would be sent of a post, without the links of its files. */
export const preview = previewerOf(DISCOURSE_SETTINGS, (post, { policy, map }) => {
  const topic = post.newThread === undefined ? {} : { title: titleOf(post), external_id: externalId(post) };
  const login = userOf(map, post);
  const place = post.thread === undefined ? {} : { topic: post.thread };
  return {
    body: { ...topic, raw: rawOf(post, policy) },
    fields: { 'Api-Username': login, ...place },
  };
});

/** 405 is how an older Discourse says that it is read-only; a limit may be told in the answer alone. */
const means: Means = ({ status }) => (status === 405 ? 'busy' : undefined);

/**
 * The sink. Files and post are sent as the user; whatever is only looked up is asked for as the administrator, who
 * sees every topic.
 */
class DiscourseSink implements Sink {
  readonly recognise = recogniseDiscourse;
  readonly #options: Options;
  readonly #client: PlatformClient;

  constructor(options: Options, { now }: SinkEnvironment) {
    this.#options = options;
    this.#client = openPlatformClient(options, { now, headers: { 'api-key': options.token }, means });
  }

  deliver(post: Post, signal: AbortSignal): Promise<Outcome> {
    return settled(async () => {
      const place = await placeOf(post.thread ?? '', this.#client, this.#asAdmin(signal));
      return this.#post(post, () => place, signal);
    });
  }

  created(post: Post, signal: AbortSignal): Promise<Outcome> {
    return settled(() => {
      const category = categoryOf(post.newThread?.container ?? '');
      const title = titleOf(post);
      return this.#post(post, () => ({ title, category, external_id: externalId(post) }), signal);
    });
  }

  exists(post: Post, signal: AbortSignal): Promise<boolean> {
    return sought(() => this.#isThere(post, signal));
  }

  examine(signal: AbortSignal): Promise<Examination> {
    const { admin } = this.#options;
    const request = { path: '/admin/users/list/active.json', headers: { 'api-username': admin } };
    return this.#client.examine(request, (answer) => readExamination(answer, admin), signal);
  }

  async findUser(address: string, signal: AbortSignal): Promise<string | undefined> {
    const query = { email: address.toLowerCase(), show_emails: 'true' };
    return userOfAddress(this.#options.map, usersIn(await this.#list(query, signal)), address);
  }

  users(signal: AbortSignal): AsyncIterable<PlatformUser> {
    return ourUsers(this.#options.map, this.#listed(signal));
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** Uploads the files, makes the post, and finds out what a refusal means. */
  async #post(post: Post, where: () => Place | Topic, signal: AbortSignal): Promise<Outcome> {
    const { map, policy } = this.#options;
    const login = userOf(map, post);
    rawOf(post, policy); // what is too long needs no files
    const { taken, refused } = await handOver(post.attachments, (file) => this.#upload(file, login, signal));
    const raw = rawOf(post, policy, taken, refused);
    const json = { ...where(), raw };
    const answer = await this.#ask({ path: '/posts.json', json, headers: { 'api-username': login } }, signal);
    const outcome = this.#client.judge(answer);
    if (outcome.kind === 'posted') return posted(answer, outcome);
    if (outcome.kind !== 'failed') return outcome;
    if (answer.status === 403) return this.#refusedUser(login, outcome, signal);
    // The same text by the same author within five minutes is refused: this very post, since its mark is in its text.
    if (answer.status === 422 && (await this.#isThere(post, signal)))
      return { kind: 'posted', status: answer.status, diagnostic: 'it is there already' };
    return outcome;
  }

  /** Uploads a file and gives the Markdown that shows it. */
  async #upload(file: PostAttachment, login: string, signal: AbortSignal): Promise<string> {
    const content = multipart({ upload_type: 'composer', synchronous: 'true' }, [{ field: 'file', file }]);
    const request = { path: '/uploads.json', content, headers: { 'api-username': login } };
    const answer = await this.#ask(request, signal);
    const outcome = this.#client.judge(answer);
    if (outcome.kind !== 'posted') throw new NoPost(outcome);
    const url = member(wholeOf(answer).json, 'short_url');
    if (typeof url !== 'string' || !/^upload:\/\/[\w.-]+$/.test(url))
      throw unexpected(answer, 'the answer to an upload names no file');
    const name = file.filename.replace(/[[\]|\\`<>*_\s]+/g, ' ').trim() || 'file';
    const [width, height] = [member(answer.json, 'width'), member(answer.json, 'height')];
    return typeof width === 'number' && typeof height === 'number' && file.contentType.startsWith('image/')
      ? `![${name}|${width}x${height}](${url})`
      : `[${name}|attachment](${url})`;
  }

  /** Tells whether a 403 is for the user, whose post is failed, or for the key, which is an operator's matter. */
  async #refusedUser(login: string, outcome: Outcome, signal: AbortSignal): Promise<Outcome> {
    const ask = this.#asAdmin(signal);
    const profile = await ask({ path: pathOf('u', `${login}.json`) });
    if (profile.status === 404 && profile.json !== undefined)
      return { ...outcome, kind: 'failed', diagnostic: `Discourse has no user ${login}` };
    const id = member(profile.json, 'user', 'id');
    const account =
      typeof id === 'number' ? await ask({ path: pathOf('admin', 'users', `${id}.json`) }) : profile;
    const isOut = member(account.json, 'active') === false || member(account.json, 'suspended_at') != null;
    if (isOut)
      return {
        ...outcome,
        kind: 'failed',
        diagnostic: `${login} is suspended or not activated in Discourse`,
      };
    const diagnostic =
      id === undefined ? outcome.diagnostic : `the key may not post as ${login}: ${outcome.diagnostic}`;
    return { ...outcome, kind: 'deferred', broken: true, diagnostic };
  }

  #isThere(post: Post, signal: AbortSignal): Promise<boolean> {
    const login = loginOf(this.#options.map, post.user);
    return isThere(post, login, this.#client, this.#asAdmin(signal));
  }

  async #list(query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<readonly unknown[]> {
    const headers = { 'api-username': this.#options.admin };
    const answer = await this.#client.demand(
      { path: '/admin/users/list/active.json', query, headers },
      signal,
    );
    if (!Array.isArray(wholeOf(answer).json)) throw unexpected(answer, 'the answer is no list of users');
    return members(answer.json);
  }

  async *#listed(signal: AbortSignal): AsyncIterable<Listed> {
    for (let page = 1; ; page += 1) {
      const query = { page: String(page), order: 'created', asc: 'true', show_emails: 'true' };
      const listed = await this.#list(query, signal);
      if (listed.length === 0) return;
      yield* usersIn(listed);
    }
  }

  #asAdmin(signal: AbortSignal): (request: PlatformRequest) => Promise<PlatformAnswer> {
    const headers = { 'api-username': this.#options.admin };
    return (request) => this.#ask({ ...request, headers }, signal);
  }

  /** Asks, and reads out of the answer how long Discourse wants to be left alone where its header does not say. */
  async #ask(request: PlatformRequest, signal: AbortSignal): Promise<PlatformAnswer> {
    const answer = await this.#client.ask(request, signal);
    const seconds = member(answer.json, 'extras', 'wait_seconds');
    const isTold = answer.status !== 429 || answer.retryAfter !== undefined || typeof seconds !== 'number';
    return isTold ? answer : { ...answer, retryAfter: String(Math.max(0, Math.ceil(seconds))) };
  }
}

/** Names the user in whose name a post is made. */
function userOf(map: Options['map'], { user }: Post): string {
  const login = loginOf(map, user);
  if (!/^[\x21-\x7e]+$/.test(login))
    throw refuse(`${JSON.stringify(login)} cannot be named in a request to Discourse; expected ASCII`);
  return login;
}

/** Gives the title of a new topic: the subject, or the first line where there is none. */
function titleOf(post: Post): string {
  const [first = ''] = post.body.text.trim().split('\n');
  return titleOr(post, Array.from(first).slice(0, 80).join(''));
}

/** Writes the text: the reply, the links of its files, what was left out, and the mark. */
function rawOf(
  post: Post,
  policy: Options['policy'],
  files: readonly string[] = [],
  refused: readonly PostAttachment[] = [],
): string {
  const dialect = (markdown: string): string =>
    marked(
      post,
      [callNobody(showTags(markdown), EVERYBODY), ...files].filter((part) => part !== '').join('\n\n'),
    );
  return draftText(post, { dialect, policy, attribution: '', mostChars: MOST_CHARS }, refused);
}

/** The beginning of a topic. */
interface Topic {
  readonly title: string;
  readonly category: number;
  readonly external_id: string;
}

/** Reads a post, or that it waits for approval, out of an answer. */
function posted(answer: PlatformAnswer, outcome: Outcome): Outcome {
  const { json } = answer;
  if (member(json, 'action') === 'enqueued' && member(json, 'success') === true)
    return { ...outcome, diagnostic: 'it waits for the approval of a moderator' };
  const [topic, number] = [member(json, 'topic_id'), member(json, 'post_number')];
  wholeOf(answer);
  if (typeof topic !== 'number' || typeof number !== 'number')
    throw unexpected(answer, 'the answer to a post names no post');
  return { ...outcome, diagnostic: `topic/${topic}/post/${number}` };
}

/** Reads whether the key may act as the administrator, and whether that account may list users. */
function readExamination(answer: PlatformAnswer, admin: string): Examined {
  const postsAs = 'the user of each reply (Api-Username), by a key for all users';
  if (answer.status === 403)
    return lacks(
      `Discourse does not take the key for ${admin}: it is wrong, revoked or of one user, or there is no ${admin}`,
      'make a key in Admin, Advanced, API keys: user level "All users", scope "Global"; put it into the file of sink.token_file',
      postsAs,
    );
  if (answer.status === 404 && answer.json !== undefined)
    return lacks(
      `${admin} may not list the users of Discourse`,
      'name an administrator in sink.admin, or leave it out',
      postsAs,
    );
  return { postsAs };
}

function usersIn(list: readonly unknown[]): readonly Listed[] {
  return list.map(listedOf).filter((user) => user !== undefined);
}

/** Reads a user of the list who may post; addresses in lower case. */
function listedOf(listed: unknown): Listed | undefined {
  const [id, login, email] = [member(listed, 'id'), member(listed, 'username'), member(listed, 'email')];
  const isSuspended = typeof member(listed, 'suspended_at') === 'string';
  const isOut = member(listed, 'active') !== true || member(listed, 'staged') === true || isSuspended;
  // Those of the house, "system" and "discobot", have numbers below one.
  if (typeof id !== 'number' || id < 1 || typeof login !== 'string' || isOut) return undefined;
  const addresses = [email, ...members(member(listed, 'secondary_emails'))];
  return {
    login,
    addresses: addresses.filter((each) => typeof each === 'string').map((each) => each.toLowerCase()),
  };
}
