// A Mattermost server so far as the sink uses it, held to its published interface: the files of api/v4/source in
// mattermost/mattermost (posts.yaml, files.yaml, users.yaml, channels.yaml, definitions.yaml). Its errors are read in the
// server's source; each names the file in server/channels, or in server/public/model.

import { randomBytes } from 'node:crypto';
import {
  type Call,
  type Operation,
  type PublishedServer,
  type Reply,
  type Shape,
  startPublished,
} from './published-interface.ts';
import type { Scratch } from './scratch.ts';

const ID = /^[ybndrfg8ejkmcpqxot1uwisza345h769]{26}$/;
const ID_OR_NONE = /^(?:[ybndrfg8ejkmcpqxot1uwisza345h769]{26})?$/;
const NUMBER = /^\d+$/;
const SWITCH = /^(?:true|false)$/;

/** definitions.yaml, AppError; all of its members are always written (model/utils.go). */
const APP_ERROR: Shape = {
  object: {
    id: 'string',
    message: 'string',
    detailed_error: 'string',
    request_id: 'string',
    status_code: 'integer',
  },
};

/** definitions.yaml, Post, and what the server adds (model/post.go). */
const POST: Shape = {
  object: {
    id: ID,
    create_at: 'integer',
    update_at: 'integer',
    edit_at: 'integer',
    delete_at: 'integer',
    is_pinned: 'boolean',
    user_id: ID,
    channel_id: ID,
    root_id: ID_OR_NONE,
    original_id: ID_OR_NONE,
    message: 'string',
    type: 'string',
    props: { mapOf: 'any' },
    hashtags: 'string',
    pending_post_id: 'string',
    reply_count: 'integer',
    last_reply_at: 'integer',
    participants: 'any',
  },
  maybe: { file_ids: { list: ID }, metadata: { mapOf: 'any' } },
};

/** definitions.yaml, User. */
const USER: Shape = {
  object: {
    id: ID,
    create_at: 'integer',
    update_at: 'integer',
    delete_at: 'integer',
    username: 'string',
    email: 'string',
    roles: 'string',
    locale: 'string',
  },
  maybe: { is_bot: 'boolean' },
};

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
export class Mattermost {
  readonly token = newId();
  readonly posts: KeptPost[] = [];
  readonly files = new Map<string, Buffer>();
  readonly channels = new Map<string, Channel>();
  readonly users: KeptUser[] = [];
  /** Addresses of users may be seen: PrivacySettings.ShowEmailAddress, or the rights of an administrator. */
  showsAddresses = true;
  server!: PublishedServer;
  readonly #bot = newId();
  /** Ids of pending posts, by which repetitions are known: for 30 seconds (app/post.go), here until they are forgotten. */
  readonly #pending = new Map<string, KeptPost>();

  async start(scratch: Scratch): Promise<this> {
    this.server = await startPublished(scratch, {
      operations: this.#operations(),
      before: ({ authorization }, _, path) => {
        // web/handlers.go: a token that is none; a path that is none.
        if (authorization !== `Bearer ${this.token}`)
          return failure(401, 'api.context.session_expired.app_error');
        return path.startsWith('/api/v4/') ? undefined : failure(404, 'api.context.404.app_error');
      },
    });
    return this;
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
          object: { channel_id: 'string', message: 'string' },
          maybe: {
            root_id: 'string',
            file_ids: { list: 'string' },
            props: { mapOf: 'any' },
            // Not in posts.yaml: a member of Post, which the body is read as (api4/post.go).
            pending_post_id: 'string',
          },
        },
        answers: { ...ERRORS, 201: POST },
        run: ({ json }) => this.#create(json as Given),
      },
      {
        method: 'GET',
        path: '/api/v4/posts/{post_id}',
        query: { include_deleted: SWITCH },
        answers: { ...ERRORS, 200: POST },
        run: ({ parts }) => {
          const post = this.posts.find(({ id, delete_at }) => id === parts.post_id && delete_at === 0);
          // app/post.go, GetSinglePost.
          return post === undefined
            ? failure(404, 'app.post.get.app_error')
            : { status: 200, json: shown(post) };
        },
      },
      {
        method: 'POST',
        path: '/api/v4/files',
        body: { form: { channel_id: ID }, file: 'files' },
        // files.yaml: 201 has file_infos and client_ids.
        answers: {
          ...ERRORS,
          201: {
            object: {
              file_infos: { list: { object: { id: ID }, more: true } },
              client_ids: { list: 'string' },
            },
          },
          413: APP_ERROR,
        },
        run: (call) => this.#upload(call),
      },
      {
        method: 'GET',
        path: '/api/v4/channels/{channel_id}/posts',
        query: { page: NUMBER, per_page: NUMBER, since: NUMBER, skipFetchThreads: SWITCH },
        answers: {
          ...ERRORS,
          200: {
            object: {
              order: { list: ID },
              posts: { mapOf: POST },
              next_post_id: 'string',
              prev_post_id: 'string',
            },
            maybe: { has_next: 'boolean' },
          },
        },
        run: (call) => this.#page(call),
      },
      {
        method: 'GET',
        path: '/api/v4/users/me',
        answers: { ...ERRORS, 200: USER },
        run: () => ({ status: 200, json: person({ username: 'mailgw', email: '', is_bot: true }) }),
      },
      {
        method: 'GET',
        path: '/api/v4/users/email/{email}',
        answers: { ...ERRORS, 200: USER },
        run: ({ parts }) => this.#byAddress((parts.email ?? '').toLowerCase()),
      },
      {
        method: 'GET',
        path: '/api/v4/users',
        query: { page: NUMBER, per_page: NUMBER, active: SWITCH },
        answers: { ...ERRORS, 200: { list: USER } },
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

  #create(given: Given): Reply {
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
    const post = this.#keep({ channel_id, message, root_id, file_ids, pending_post_id, props });
    if (pending_post_id !== '') this.#pending.set(pending_post_id, post);
    return { status: 201, json: shown(post) };
  }

  #upload({ fields, files }: Call): Reply {
    if (this.channels.get(fields.channel_id ?? '')?.isOpen !== true)
      return failure(403, 'api.context.permissions.app_error');
    const infos = files.map(({ bytes, name }) => {
      const id = newId();
      this.files.set(id, bytes);
      return { id, name, size: bytes.length };
    });
    return { status: 201, json: { file_infos: infos, client_ids: [] } };
  }

  #page({ parts, query }: Call): Reply {
    const id = parts.channel_id ?? '';
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
    };
    return { status: 200, json };
  }

  #byAddress(address: string): Reply {
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

function failure(status: number, id: string): Reply {
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
