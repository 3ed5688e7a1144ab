// A Mattermost server so far as the sink uses it, held to its published interface: the files of api/v4/source in
// mattermost/mattermost (posts.yaml, files.yaml, users.yaml, channels.yaml, definitions.yaml). Its errors are read in the
// server's source; each names the file in server/channels, or in server/public/model. Held against @mattermost/types 11.9.

import { randomBytes } from 'node:crypto';
import {
  ANYTHING,
  type Answer,
  type Call,
  Fake,
  FLAG,
  type Interface,
  list,
  mapOf,
  NUMBER,
  type Operation,
  object,
  pattern,
  type Schema,
  TEXT,
} from './published.ts';

const ID = pattern(/^[ybndrfg8ejkmcpqxot1uwisza345h769]{26}$/);
const ID_OR_NONE = pattern(/^(?:[ybndrfg8ejkmcpqxot1uwisza345h769]{26})?$/);
const DIGITS = pattern(/^\d+$/);
const SWITCH = pattern(/^(?:true|false)$/);

/** definitions.yaml, AppError; all of its members are always written (model/utils.go). */
const APP_ERROR: Schema = object({
  id: TEXT,
  message: TEXT,
  detailed_error: TEXT,
  request_id: TEXT,
  status_code: NUMBER,
});

/** definitions.yaml, Post, and what the server adds (model/post.go). */
const POST: Schema = object({
  id: ID,
  create_at: NUMBER,
  update_at: NUMBER,
  edit_at: NUMBER,
  delete_at: NUMBER,
  is_pinned: FLAG,
  user_id: ID,
  channel_id: ID,
  root_id: ID_OR_NONE,
  original_id: ID_OR_NONE,
  message: TEXT,
  type: TEXT,
  props: mapOf(ANYTHING),
  hashtags: TEXT,
  pending_post_id: TEXT,
  reply_count: NUMBER,
  last_reply_at: NUMBER,
  participants: ANYTHING,
  'file_ids?': list(ID),
  'metadata?': mapOf(ANYTHING),
});

/** definitions.yaml, User. */
const USER: Schema = object({
  id: ID,
  create_at: NUMBER,
  update_at: NUMBER,
  delete_at: NUMBER,
  username: TEXT,
  email: TEXT,
  roles: TEXT,
  locale: TEXT,
  'is_bot?': FLAG,
});

const ERRORS = { 400: APP_ERROR, 401: APP_ERROR, 403: APP_ERROR, 404: APP_ERROR };

/** A post as the fake keeps it. */
export interface KeptPost {
  readonly id: string;
  readonly create_at: number;
  readonly channel_id: string;
  readonly root_id: string;
  readonly message: string;
  readonly file_ids: readonly string[];
  readonly props: Readonly<Record<string, unknown>>;
  readonly pending_post_id: string;
  readonly user_id: string;
  delete_at: number;
}

/** What is given of a new post. */
type Given = Pick<KeptPost, 'channel_id' | 'message'> & Partial<KeptPost>;

interface Channel {
  delete_at: number;
  /** The bot may post here. */
  readonly isOpen: boolean;
}

/** A user as the fake keeps it. */
export interface KeptUser {
  readonly username: string;
  readonly email: string;
  readonly delete_at?: number;
  readonly is_bot?: boolean;
}

/** A server with one bot, and users. */
export class Mattermost extends Fake {
  readonly token = newId();
  readonly posts: KeptPost[] = [];
  readonly files = new Map<string, Buffer>();
  readonly channels = new Map<string, Channel>();
  readonly users: KeptUser[] = [];
  /** Addresses of users may be seen: PrivacySettings.ShowEmailAddress, or the rights of an administrator. */
  showsAddresses = true;
  /** Tokens that users have made, by their usernames (users.yaml, CreateUserAccessToken). */
  readonly tokens = new Map<string, string>();
  readonly #bot = newId();
  readonly #ids = new Map<string, string>();
  /** Who handed a file over, by its id. */
  readonly #givers = new Map<string, string>();
  /** Ids of pending posts, by which repetitions are known: for 30 seconds (app/post.go), here until they are forgotten. */
  readonly #pending = new Map<string, KeptPost>();

  protected override published(): Interface {
    return {
      operations: this.#operations(),
      before: ({ headers: { authorization }, path }) => {
        // web/handlers.go: a token that is none; a path that is none.
        if (this.#whose(authorization) === undefined)
          return failure(401, 'api.context.session_expired.app_error');
        return path.startsWith('/api/v4/') ? undefined : failure(404, 'api.context.404.app_error');
      },
    };
  }

  /** Gives a user a token; its text. */
  tokenOf(username: string): string {
    const token = newId();
    this.tokens.set(token, username);
    return token;
  }

  /** Gives the username of whoever posts with an id. */
  nameOf(id: string): string {
    return [...this.#ids].find(([, each]) => each === id)?.[0] ?? 'mailgw';
  }

  /** Gives the id of whose token a header has; undefined where that is no token. */
  #whose(authorization: string | undefined): string | undefined {
    const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? '';
    if (token === this.token) return this.#bot;
    const username = this.tokens.get(token);
    if (username === undefined) return undefined;
    const id = this.#ids.get(username) ?? newId();
    this.#ids.set(username, id);
    return id;
  }

  channel(change: Partial<Channel> = {}): string {
    const id = newId();
    this.channels.set(id, { delete_at: 0, isOpen: true, ...change });
    return id;
  }

  /** Makes a post by somebody else. */
  post(channel: string, message: string, root = ''): string {
    const post = this.#keep({ channel_id: channel, message, root_id: root });
    return post.id;
  }

  /** Forgets which posts were pending, as half a minute does. */
  forget(): void {
    this.#pending.clear();
  }

  #keep(change: Partial<KeptPost> & Pick<KeptPost, 'channel_id' | 'message' | 'root_id'>): KeptPost {
    const post: KeptPost = {
      id: newId(),
      create_at: Date.now(),
      delete_at: 0,
      user_id: this.#bot,
      file_ids: [],
      props: {},
      pending_post_id: '',
      ...change,
    };
    this.posts.push(post);
    return post;
  }

  #operations(): Operation[] {
    return [
      {
        method: 'POST',
        path: '/api/v4/posts',
        body: {
          type: 'json',
          schema: object({
            channel_id: TEXT,
            message: TEXT,
            'root_id?': TEXT,
            'file_ids?': list(TEXT),
            'props?': mapOf(ANYTHING), // Not in posts.yaml: a member of Post, which the body is read as (api4/post.go).
            'pending_post_id?': TEXT,
          }),
        },
        answers: { ...ERRORS, 201: POST },
        run: ({ body, headers }) =>
          this.#create(body as unknown as Given, this.#whose(headers.authorization) ?? ''),
      },
      {
        method: 'GET',
        path: '/api/v4/posts/{post_id}',
        query: { 'include_deleted?': SWITCH },
        answers: { ...ERRORS, 200: POST },
        run: ({ at }) => {
          const post = this.posts.find(({ id, delete_at }) => id === at.post_id && delete_at === 0);
          // app/post.go, GetSinglePost.
          return post === undefined
            ? failure(404, 'app.post.get.app_error')
            : { status: 200, json: shown(post) };
        },
      },
      {
        method: 'POST',
        path: '/api/v4/files',
        body: { type: 'multipart', schema: object({ channel_id: ID }), file: 'files' },
        // files.yaml: 201 has file_infos and client_ids.
        answers: {
          ...ERRORS,
          201: object({ file_infos: list(object({ id: ID }, true)), client_ids: list(TEXT) }),
          413: APP_ERROR,
        },
        run: (call) => this.#upload(call),
      },
      {
        method: 'GET',
        path: '/api/v4/channels/{channel_id}/posts',
        query: { 'page?': DIGITS, 'per_page?': DIGITS, 'since?': DIGITS, 'skipFetchThreads?': SWITCH },
        answers: {
          ...ERRORS,
          200: object({
            order: list(ID),
            posts: mapOf(POST),
            next_post_id: TEXT,
            prev_post_id: TEXT,
            'has_next?': FLAG,
            'first_inaccessible_post_time?': NUMBER, // @mattermost/types 11.9, PostList
          }),
        },
        run: (call) => this.#page(call),
      },
      {
        method: 'GET',
        path: '/api/v4/users/me',
        answers: { ...ERRORS, 200: USER },
        run: ({ headers }) => {
          const username = this.nameOf(this.#whose(headers.authorization) ?? '');
          const json = person({ username, email: '', ...(username === 'mailgw' ? { is_bot: true } : {}) });
          return { status: 200, json };
        },
      },
      {
        method: 'GET',
        path: '/api/v4/users/email/{email}',
        answers: { ...ERRORS, 200: USER },
        run: ({ at }) => this.#byAddress((at.email ?? '').toLowerCase()),
      },
      {
        method: 'GET',
        path: '/api/v4/users',
        query: { 'page?': DIGITS, 'per_page?': DIGITS, 'active?': SWITCH },
        answers: { ...ERRORS, 200: list(USER) },
        run: ({ query }) => {
          const [page, size] = [Number(query.get('page')), Math.min(200, Number(query.get('per_page')))];
          const active = this.users.filter(({ delete_at = 0 }) => delete_at === 0);
          const users = active.slice(page * size, (page + 1) * size);
          return {
            status: 200,
            json: users.map((user) => person(this.showsAddresses ? user : { ...user, email: '' })),
          };
        },
      },
    ];
  }

  #create(given: Given, user_id: string): Answer {
    const { channel_id, message, root_id = '', file_ids = [], props = {}, pending_post_id = '' } = given;
    const channel = this.channels.get(channel_id);
    // api4/post_utils.go: whoever may not see a channel may not post there, whether it exists or not.
    if (channel?.isOpen !== true) return failure(403, 'api.context.permissions.app_error');
    // app/post.go, CreatePostAsUser.
    if (channel.delete_at !== 0) return failure(400, 'api.post.create_post.can_not_post_to_deleted.error');
    const known = this.#pending.get(pending_post_id);
    if (known !== undefined) return { status: 201, json: shown(known) };
    const root = this.posts.find(({ id, delete_at }) => id === root_id && delete_at === 0);
    // app/post.go, CreatePost: a root that is gone, of another channel, or a reply itself.
    if (root_id !== '' && root === undefined) return failure(400, 'api.post.create_post.root_id.app_error');
    if (root !== undefined && root.channel_id !== channel_id)
      return failure(400, 'api.post.create_post.channel_root_id.app_error');
    if (root !== undefined && root.root_id !== '')
      return failure(400, 'api.post.create_post.root_id.app_error');
    // model/post.go, IsValid: MaxPostSize is PostMessageMaxRunesV2; PostFileidsMaxRunes is 300.
    if (Array.from(message).length > 16_383)
      return failure(400, 'model.post.is_valid.message_length.app_error');
    if (JSON.stringify(file_ids).length > 300) return failure(400, 'model.post.is_valid.file_ids.app_error');
    // store/sqlstore/file_info_store.go, AttachToPost: files of somebody else are left behind without a word.
    const own = file_ids.filter((id) => this.#givers.get(id) === user_id);
    const post = this.#keep({ channel_id, message, root_id, file_ids: own, pending_post_id, props, user_id });
    if (pending_post_id !== '') this.#pending.set(pending_post_id, post);
    return { status: 201, json: shown(post) };
  }

  #upload({ body, files, headers }: Call): Answer {
    if (this.channels.get(String(body['channel_id']))?.isOpen !== true)
      return failure(403, 'api.context.permissions.app_error');
    const infos = files.map(({ bytes, name }) => {
      const id = newId();
      this.files.set(id, bytes);
      this.#givers.set(id, this.#whose(headers.authorization) ?? '');
      return { id, name, size: bytes.length };
    });
    return { status: 201, json: { file_infos: infos, client_ids: [] } };
  }

  #page({ at, query }: Call): Answer {
    const id = at.channel_id ?? '';
    // app/channel.go, GetChannel.
    if (!this.channels.has(id)) return failure(404, 'app.channel.get.existing.app_error');
    const [page, size] = [Number(query.get('page') ?? 0), Number(query.get('per_page') ?? 60)];
    const newest = this.posts.filter((post) => post.channel_id === id && post.delete_at === 0).reverse();
    const posts = newest.slice(page * size, (page + 1) * size);
    const json = {
      order: posts.map((post) => post.id),
      posts: Object.fromEntries(posts.map((post) => [post.id, shown(post)])),
      next_post_id: '',
      prev_post_id: '',
      first_inaccessible_post_time: 0,
    };
    return { status: 200, json };
  }

  #byAddress(address: string): Answer {
    // web/context.go, SanitizeEmail: net/mail reads it, and it is in lower case.
    if (!/^[^\s@<>]+@[^\s@<>]+$/.test(address))
      return failure(400, 'api.context.invalid_url_param.app_error');
    // api4/user.go, getUserByEmail.
    if (!this.showsAddresses) return failure(403, 'api.user.get_user_by_email.permissions.app_error');
    const user = this.users.find(({ email }) => email === address);
    // app/user.go, GetUserByEmail.
    return user === undefined
      ? failure(404, 'app.user.missing_account.const')
      : { status: 200, json: person(user) };
  }
}

const ALPHABET = 'ybndrfg8ejkmcpqxot1uwisza345h769';

function newId(): string {
  return Array.from(randomBytes(26), (byte) => ALPHABET[byte % 32]).join('');
}

function failure(status: number, id: string): Answer {
  const json = { id, message: `About ${id}.`, detailed_error: '', request_id: newId(), status_code: status };
  return { status, json };
}

function shown({ file_ids, ...post }: KeptPost): unknown {
  return {
    ...post,
    update_at: post.create_at,
    edit_at: 0,
    is_pinned: false,
    original_id: '',
    type: '',
    hashtags: '',
    reply_count: 0,
    last_reply_at: 0,
    participants: null,
    metadata: {},
    ...(file_ids.length > 0 ? { file_ids } : {}),
  };
}

function person({ username, email, delete_at = 0, is_bot }: KeptUser): unknown {
  const times = { create_at: 1, update_at: 1, delete_at };
  return {
    id: newId(),
    ...times,
    username,
    email,
    roles: 'system_user',
    locale: 'en',
    ...(is_bot === true ? { is_bot } : {}),
  };
}
