// A Discourse for tests, held to its published interface: docs.discourse.org (openapi.json of 2026-08, in
// discourse/discourse_api_docs 6737ac2a) says what is asked and answered, discourse/discourse what is refused. Where it answers in words of a locale, the key of the words stands here.

import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import MarkdownIt from 'markdown-it';
import type { Comment, RunningPlatform } from '../sinks/platform-contract.ts';
import {
  type Answer,
  type Call,
  Fake,
  FLAG,
  type Interface,
  list,
  NUMBER,
  type Operation,
  object,
  orNull,
  pattern,
  type Signed,
  signedBy,
  TEXT,
  texts,
} from './published.ts';
import { readSimple } from './read-simple.ts';
import type { Scratch } from './scratch.ts';

/** An account. */
export interface Account {
  readonly id: number;
  readonly username: string;
  readonly email: string;
  readonly secondary: readonly string[];
  readonly isStaff: boolean;
  active: boolean;
  staged: boolean;
  suspended: boolean;
}

interface Topic {
  readonly id: number;
  readonly title: string;
  readonly externalId: string | undefined;
  isClosed: boolean;
}

interface ForumPost {
  readonly id: number;
  readonly number: number;
  readonly topic: number;
  readonly user: Account;
  readonly raw: string;
  readonly replyTo: number | undefined;
  /** 1 is a regular one, 4 a whisper (app/models/post.rb, self.types). */
  readonly type: number;
}

const REFUSED = object({ errors: list(TEXT), error_type: TEXT });
const NOT_MADE = object({ action: TEXT, errors: list(TEXT) });
// openapi.json, POST /posts.json and GET /t/{id}/posts.json: of what is always there, what this Discourse has.
const POST_MEMBERS = {
  id: NUMBER,
  username: TEXT,
  created_at: TEXT,
  'raw?': TEXT,
  cooked: TEXT,
  post_number: NUMBER,
  post_type: NUMBER,
  reply_to_post_number: orNull(NUMBER),
  topic_id: NUMBER,
  user_id: NUMBER,
};
const LISTED_USER = object({
  id: NUMBER,
  username: TEXT,
  'email?': TEXT,
  'secondary_emails?': list(TEXT),
  active: FLAG,
  admin: FLAG,
  staged: FLAG,
  'suspended_at?': TEXT,
});

/** The site settings that matter, as a new Discourse has them (config/site_settings.yml). */
const SITE = {
  min_post_length: 20,
  max_post_length: 32_000,
  authorized_extensions: 'jpg|jpeg|png|gif|heic|heif|webp|avif',
  /** Users whose posts wait for a moderator (approve_unless_allowed_groups and its kin). */
  approve: [] as string[],
};

const md = new MarkdownIt({ html: true, breaks: true, linkify: true });

/** A Discourse with a few accounts. */
export class FakeDiscourse extends Fake {
  readonly key = 'a'.repeat(10) + '0123456789abcdef'.repeat(3);
  readonly site = { ...SITE };
  readonly accounts: Account[] = [];
  readonly topics: Topic[] = [];
  readonly posts: ForumPost[] = [];
  readonly pending: { readonly user: Account; readonly raw: string }[] = [];
  /** Posts by their text and author, for five minutes (app/models/post.rb, unique_post_key). */
  readonly #unique = new Set<string>();
  /** Answers by requests, for two minutes (app/controllers/posts_controller.rb, DistributedMemoizer). */
  readonly #answers = new Map<string, Answer>();
  readonly #uploads = new Map<string, Buffer>();

  constructor() {
    super();
    this.account('system', 'no_email@example.org', { id: -1, isStaff: true });
    this.account('alice', 'alice@example.com');
    this.account('bob', 'bob@example.com', { secondary: ['bob.home@example.net'] });
  }

  protected override published(): Interface {
    return { operations: this.#operations() };
  }

  account(username: string, email: string, change: Partial<Account> = {}): Account {
    const account = {
      id: this.accounts.length,
      username,
      email,
      secondary: [],
      isStaff: false,
      active: true,
      staged: false,
      suspended: false,
      ...change,
    };
    this.accounts.push(account);
    return account;
  }

  /** Makes a topic with its first post; its locator. */
  topic(title = 'A topic to answer in', change: Partial<Topic> = {}): string {
    const topic = { id: this.topics.length + 1, title, externalId: undefined, isClosed: false, ...change };
    this.topics.push(topic);
    this.#add(topic.id, this.accounts[2]!, 'What do you say to this?', undefined);
    return `topic/${topic.id}`;
  }

  /** Makes a post as if on the web. */
  say(topic: number, username: string, raw: string, type = 1): ForumPost {
    return this.#add(topic, this.#named(username)!, raw, undefined, type);
  }

  /** Lets two minutes pass, in which the same request is answered as before; five minutes with `unique`. */
  pass(what: 'memory' | 'unique'): void {
    this.#answers.clear();
    if (what === 'unique') this.#unique.clear();
  }

  #add(topic: number, user: Account, raw: string, replyTo: number | undefined, type?: number): ForumPost {
    const inTopic = this.posts.filter((post) => post.topic === topic);
    const target = inTopic.find(({ number }) => number === replyTo);
    const post = {
      id: 1000 + this.posts.length,
      number: inTopic.length + 1,
      topic,
      user,
      raw,
      replyTo: target?.number,
      // lib/post_creator.rb, set_reply_info: the answer to a whisper is one.
      type: type ?? (target?.type === 4 ? 4 : 1),
    };
    this.posts.push(post);
    return post;
  }

  #named(username: string): Account | undefined {
    return this.accounts.find((account) => account.username.toLowerCase() === username.toLowerCase());
  }

  /** lib/auth/default_current_user_provider.rb: a wrong key and an unknown user are refused alike. */
  #who(headers: IncomingHttpHeaders): Account | Answer {
    const user = this.#named(String(headers['api-username'] ?? ''));
    if (headers['api-key'] !== this.key || user === undefined)
      return refused(403, 'invalid_api_credentials', 'invalid_access');
    if (user.suspended || !user.active) return refused(403, 'invalid_access', 'invalid_access');
    return user;
  }

  #operations(): Operation[] {
    const signed = signedBy((headers) => this.#who(headers));
    const staff = (run: (call: Call) => Answer) =>
      // config/routes.rb: what is below /admin is not there for others.
      signed((call, user) => (user.isStaff ? run(call) : refused(404, 'not_found', 'not_found')));
    return [...this.#writing(signed), ...this.#reading(signed), ...this.#administering(signed, staff)];
  }

  #writing(signed: Signed<Account>): Operation[] {
    return [
      {
        method: 'POST',
        path: '/posts.json',
        body: {
          type: 'json',
          schema: object({
            raw: TEXT,
            'topic_id?': NUMBER,
            'reply_to_post_number?': NUMBER,
            'title?': TEXT,
            'category?': NUMBER,
            // app/models/topic.rb, EXTERNAL_ID_MAX_LENGTH
            'external_id?': { type: 'string', maxLength: 50, pattern: '^[\\w-]+$' },
          }),
        },
        answers: {
          // app/serializers/new_post_result_serializer.rb and posts_controller.rb, backwards_compatible_json
          200: {
            anyOf: [
              object(POST_MEMBERS),
              object({ action: { const: 'enqueued' }, success: { const: true }, pending_count: NUMBER }),
            ],
          },
          403: REFUSED,
          422: NOT_MADE,
        },
        run: signed((call, user) => this.#memoized(call, user)),
      },
      {
        method: 'POST',
        path: '/uploads.json',
        body: {
          type: 'multipart',
          schema: object({
            upload_type: {
              enum: ['avatar', 'profile_background', 'card_background', 'custom_emoji', 'composer'],
            },
            'user_id?': pattern(/^\d+$/),
            'synchronous?': { enum: ['true', 'false'] },
          }),
          file: 'file',
        },
        answers: {
          200: object({
            id: NUMBER,
            url: TEXT,
            original_filename: TEXT,
            filesize: NUMBER,
            width: orNull(NUMBER),
            height: orNull(NUMBER),
            extension: TEXT,
            short_url: { type: 'string', pattern: '^upload://' },
            short_path: TEXT,
            human_filesize: TEXT,
          }),
          403: REFUSED,
          // app/controllers/uploads_controller.rb, create_upload
          422: object({ errors: list(TEXT) }),
        },
        run: signed((call) => this.#upload(call)),
      },
    ];
  }

  #memoized(call: Call, user: Account): Answer {
    const key = JSON.stringify([user.id, call.body]);
    const answer = this.#answers.get(key) ?? this.#create(call.body as unknown as NewPost, user);
    this.#answers.set(key, answer);
    return answer;
  }

  /** lib/new_post_manager.rb, lib/post_creator.rb, lib/validators/post_validator.rb */
  #create(body: NewPost, user: Account): Answer {
    const notMade = (error: string): Answer => ({
      status: 422,
      json: { action: 'create_post', errors: [error] },
    });
    const raw = body.raw.replace(/\s+$/, '');
    const topic = this.topics.find(({ id }) => id === body.topic_id);
    if (body.topic_id === undefined) {
      if ((body.title ?? '').length < 15) return notMade('title: errors.messages.too_short');
      if (this.topics.some(({ externalId }) => externalId !== undefined && externalId === body.external_id))
        return notMade('external_id: errors.messages.taken');
    } else if (topic === undefined || (topic.isClosed && !user.isStaff)) return notMade('topic_not_found');
    const { min_post_length: least, max_post_length: most } = this.site;
    const length = Array.from(raw).length;
    if (length > most) return notMade('raw: errors.messages.too_long_validation');
    // lib/validators/stripped_length_validator.rb: comments do not count.
    if (Array.from(raw.replace(/<!--(.*?)-->/g, '').trim()).length < least)
      return notMade('raw: errors.messages.too_short');
    const unique = `${user.id}:${createHash('sha1').update(raw).digest('hex')}`;
    if (!user.isStaff && this.#unique.has(unique)) return notMade('raw: just_posted_that');
    if (this.site.approve.includes(user.username)) {
      this.pending.push({ user, raw });
      return { status: 200, json: { action: 'enqueued', success: true, pending_count: this.pending.length } };
    }
    this.#unique.add(unique);
    if (topic !== undefined)
      return { status: 200, json: shown(this.#add(topic.id, user, raw, body.reply_to_post_number), true) };
    const id = this.topics.length + 1;
    this.topics.push({ id, title: body.title ?? '', externalId: body.external_id, isClosed: false });
    return { status: 200, json: shown(this.#add(id, user, raw, undefined), true) };
  }

  #upload({ files }: Call): Answer {
    const [file] = files;
    if (file === undefined) return { status: 422, json: { errors: ['upload.file_missing'] } };
    const extension = file.name.split('.').at(-1)?.toLowerCase() ?? '';
    const { authorized_extensions: authorized } = this.site;
    // lib/validators/upload_validator.rb
    if (authorized !== '*' && !authorized.split('|').includes(extension))
      return { status: 422, json: { errors: ['upload.unauthorized'] } };
    const name = `${createHash('sha1').update(file.bytes).digest('hex').slice(0, 27)}.${extension}`;
    this.#uploads.set(name, file.bytes);
    const isImage = extension === 'png';
    return {
      status: 200,
      json: {
        id: this.#uploads.size,
        url: `/uploads/default/${name}`,
        original_filename: file.name,
        filesize: file.bytes.length,
        width: isImage ? 2 : null,
        height: isImage ? 1 : null,
        extension,
        short_url: `upload://${name}`,
        short_path: `/uploads/short-url/${name}`,
        human_filesize: `${file.bytes.length} Bytes`,
      },
    };
  }

  #reading(signed: Signed<Account>): Operation[] {
    const inTopic = (id: string): ForumPost[] => this.posts.filter(({ topic }) => topic === Number(id));
    const missing = (): Answer => refused(404, 'not_found', 'not_found');
    const stream = object({ posts: list(object(POST_MEMBERS)), 'stream?': list(NUMBER) });
    return [
      {
        method: 'GET',
        path: '/t/{id}.json',
        // lib/topic_view.rb, setup_filtered_posts: the first post is always there.
        query: texts('username_filters?'),
        answers: {
          200: object({ id: NUMBER, title: TEXT, post_stream: stream }),
          403: REFUSED,
          404: REFUSED,
        },
        run: signed(({ at, query }) => {
          const topic = this.topics.find(({ id }) => id === Number(at.id));
          if (topic === undefined) return missing();
          const names = query.get('username_filters')?.toLowerCase().split(',');
          const posts = inTopic(at.id ?? '').filter(
            ({ number, user }) => number === 1 || names === undefined || names.includes(user.username),
          );
          const first = posts.slice(0, 20).map((post) => shown(post, false));
          const post_stream = { posts: first, stream: posts.map(({ id }) => id) };
          return { status: 200, json: { id: topic.id, title: topic.title, post_stream } };
        }),
      },
      {
        method: 'GET',
        path: '/t/{id}/posts.json',
        // app/controllers/topics_controller.rb, posts
        query: texts('post_ids[]', 'include_raw?'),
        answers: { 200: object({ id: NUMBER, post_stream: stream }), 403: REFUSED, 404: REFUSED },
        run: signed(({ at, query }) => {
          const ids = query.getAll('post_ids[]').map(Number);
          const posts = inTopic(at.id ?? '').filter(({ id }) => ids.includes(id));
          const json = posts.map((post) => shown(post, query.has('include_raw')));
          return { status: 200, json: { id: Number(at.id), post_stream: { posts: json } } };
        }),
      },
      {
        method: 'GET',
        path: '/t/external_id/{id}.json',
        answers: { 301: {}, 403: REFUSED, 404: REFUSED },
        run: signed(({ at }) => {
          const topic = this.topics.find(({ externalId }) => externalId === at.id);
          return topic === undefined
            ? missing()
            : { status: 301, json: {}, headers: { location: `${this.origin}/t/a-topic/${topic.id}.json` } };
        }),
      },
      {
        method: 'GET',
        path: '/posts/{id}.json',
        answers: { 200: object(POST_MEMBERS), 403: REFUSED, 404: REFUSED },
        run: signed(({ at }) => {
          const post = this.posts.find(({ id }) => id === Number(at.id));
          return post === undefined ? missing() : { status: 200, json: shown(post, true) };
        }),
      },
      {
        method: 'GET',
        path: '/uploads/short-url/{name}',
        answers: { 200: {} },
        run: ({ at }) => ({ status: 200, bytes: this.#uploads.get(at.name ?? '') ?? Buffer.alloc(0) }),
      },
      {
        method: 'GET',
        path: '/latest.json',
        answers: {
          200: object({ topic_list: object({ topics: list(object({ id: NUMBER, title: TEXT })) }) }),
        },
        run: signed(() => ({
          status: 200,
          json: { topic_list: { topics: this.topics.map(({ id, title }) => ({ id, title })) } },
        })),
      },
    ];
  }

  #administering(
    signed: Signed<Account>,
    staff: (run: (call: Call) => Answer) => (call: Call) => Answer,
  ): Operation[] {
    return [
      {
        method: 'GET',
        path: '/posts/{username}/pending.json',
        // app/controllers/posts_controller.rb, pending; app/serializers/pending_post_serializer.rb
        answers: {
          200: object({ pending_posts: list(object({ raw_text: TEXT, username: TEXT })) }),
          403: REFUSED,
          404: REFUSED,
        },
        run: signed(({ at }) => {
          const user = this.#named(at.username ?? '');
          if (user === undefined) return refused(404, 'not_found', 'not_found');
          const posts = this.pending.filter((each) => each.user === user);
          const pending_posts = posts.map(({ raw }) => ({ raw_text: raw, username: user.username }));
          return { status: 200, json: { pending_posts } };
        }),
      },
      {
        method: 'GET',
        path: '/u/{username}.json',
        answers: {
          200: object({ user: object({ id: NUMBER, username: TEXT, staged: FLAG }) }),
          403: REFUSED,
          404: REFUSED,
        },
        run: signed(({ at }) => {
          const user = this.#named(at.username ?? '');
          if (user === undefined) return refused(404, 'not_found', 'not_found');
          const { id, username, staged } = user;
          return { status: 200, json: { user: { id, username, staged } } };
        }),
      },
      {
        method: 'GET',
        path: '/admin/users/{id}.json',
        answers: { 200: LISTED_USER, 403: REFUSED, 404: REFUSED },
        run: staff(({ at }) => {
          const user = this.accounts.find(({ id }) => id === Number(at.id));
          return user === undefined
            ? refused(404, 'not_found', 'not_found')
            : { status: 200, json: listed(user, false) };
        }),
      },
      {
        method: 'GET',
        path: '/admin/users/list/{flag}.json',
        query: texts('order?', 'asc?', 'page?', 'show_emails?', 'stats?', 'email?', 'ip?'),
        answers: { 200: list(LISTED_USER), 403: REFUSED, 404: REFUSED },
        run: staff(({ query }) => {
          // lib/admin_user_index_query.rb: a hundred a page, the first one is 1; `email` is compared as a whole.
          const page = Math.max(0, Number(query.get('page') ?? 0) - 1);
          const email = query.get('email');
          const found = this.accounts.filter(
            (each) => email === null || [each.email, ...each.secondary].includes(email.toLowerCase()),
          );
          const hasEmails = query.get('show_emails') === 'true';
          const json = found.slice(page * 100, page * 100 + 100).map((each) => listed(each, hasEmails));
          return { status: 200, json };
        }),
      },
    ];
  }
}

interface NewPost {
  readonly raw: string;
  readonly topic_id?: number;
  readonly reply_to_post_number?: number;
  readonly title?: string;
  readonly category?: number;
  readonly external_id?: string;
}

/** app/controllers/application_controller.rb, rescue_discourse_actions; lib/json_error.rb */
function refused(status: number, words: string, type: string): Answer {
  return { status, json: { errors: [words], error_type: type } };
}

function shown({ id, number, topic, user, raw, replyTo, type }: ForumPost, hasRaw: boolean): object {
  return {
    id,
    username: user.username,
    created_at: '2026-11-20T09:15:00.000Z',
    ...(hasRaw ? { raw } : {}),
    cooked: cook(raw),
    post_number: number,
    post_type: type,
    reply_to_post_number: replyTo ?? null,
    topic_id: topic,
    user_id: user.id,
  };
}

function listed(user: Account, hasEmails: boolean): object {
  const { id, username, active, isStaff: admin, staged, suspended } = user;
  return {
    ...{ id, username, active, admin, staged },
    ...(suspended ? { suspended_at: '2026-11-01T00:00:00.000Z' } : {}),
    ...(hasEmails ? { email: user.email, secondary_emails: user.secondary } : {}),
  };
}

/** Cooks Markdown: line breaks stay, comments and elements that are not allowed go (lib/pretty_text.rb). */
function cook(raw: string): string {
  return md
    .render(raw.replace(/\[([^\]|]*)\|attachment\]/g, '[$1]').replace(/upload:\/\//g, '/uploads/short-url/'))
    .replace(/<!--[^]*?-->/g, '')
    .replace(/<\/?(?:script|style|iframe)\b[^>]*>/gi, '');
}

/** Gives a cooked text as it is read, without its files. */
function read(cooked: string): string {
  return readSimple(cooked.replace(/<p>(?:<a [^>]*short-url[^>]*>[^<]*<\/a>|<img[^>]*>)<\/p>/g, ''));
}

/** Starts a Discourse as the contract wants it; the site takes short posts, and every file. */
export async function runDiscourse(scratch: Scratch): Promise<RunningPlatform> {
  const forum = new FakeDiscourse();
  Object.assign(forum.site, { min_post_length: 1, authorized_extensions: '*' });
  await forum.start(scratch);
  const get = async (path: string): Promise<Response> =>
    fetch(forum.origin + path, { headers: { 'api-key': forum.key, 'api-username': 'system' } });
  return {
    origin: forum.origin,
    table: { type: 'discourse' },
    token: forum.key,
    unfit: [(wrong) => wrong],
    user: 'alice',
    address: 'alice@example.com',
    thread: () => Promise.resolve(forum.topic()),
    missing: 'topic/999999',
    closed: () => Promise.resolve(forum.topic('A closed topic', { isClosed: true })),
    comments: async (thread) => {
      const topic = thread.replace('topic/', '/t/');
      const { post_stream } = (await (await get(`${topic}.json`)).json()) as {
        post_stream: { stream: number[] };
      };
      const ids = post_stream.stream.map((id) => `post_ids[]=${id}`).join('&');
      const { post_stream: all } = (await (await get(`${topic}/posts.json?${ids}`)).json()) as {
        post_stream: { posts: { username: string; cooked: string; post_number: number }[] };
      };
      const comments: Comment[] = [];
      for (const { username, cooked } of all.posts.filter(({ post_number }) => post_number > 1)) {
        const files = [];
        for (const [, path = '', name = ''] of cooked.matchAll(
          /href="(\/uploads\/short-url\/[^"]+)"[^>]*>([^<]*)/g,
        ))
          files.push({ name, bytes: Buffer.from(await (await get(path)).arrayBuffer()) });
        comments.push({ author: username, text: read(cooked), files });
      }
      return comments;
    },
    started: {
      container: 'category/5',
      titles: async () => {
        const { topic_list } = (await (await get('/latest.json')).json()) as {
          topic_list: { topics: { title: string }[] };
        };
        return topic_list.topics.map(({ title }) => title);
      },
    },
  };
}
