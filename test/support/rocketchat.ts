// A Rocket.Chat server so far as the sink uses it, held to its published interface: RocketChat/Rocket.Chat,
// packages/rest-typings/src/v1 (chat.ts, users/UsersListStatusParamsGET.ts) and developer.rocket.chat (rooms.media,
// rooms.mediaConfirm, me). Its errors are read in apps/meteor; each names the file below it. Held against
// @rocket.chat/rest-typings 8.8.1.

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
  orNull,
  pattern,
  type Schema,
  type SentFile,
  TEXT,
} from './published.ts';

const DIGITS = pattern(/^\d+$/);
const SOME = pattern(/^[^]+$/);

/** app/api/server/ApiClass.ts: failure, unauthorized, forbidden, tooManyRequests. */
const FAILURE: Schema = object({
  success: FLAG,
  'error?': TEXT,
  'errorType?': TEXT,
  'details?': ANYTHING,
  'status?': TEXT,
  'message?': TEXT,
});
const ERRORS = { 400: FAILURE, 401: FAILURE, 403: FAILURE, 429: FAILURE };

const USER: Schema = object({ _id: TEXT, username: TEXT, 'name?': TEXT });
const FILE: Schema = object({ _id: TEXT, name: TEXT, type: TEXT, size: NUMBER }, true);

/** packages/core-typings, IMessage, as far as it is told here. */
const MESSAGE: Schema = object({
  _id: TEXT,
  rid: TEXT,
  msg: TEXT,
  ts: TEXT,
  u: USER,
  _updatedAt: TEXT,
  'tmid?': TEXT,
  'alias?': TEXT,
  't?': TEXT,
  'file?': FILE,
  'files?': list(FILE),
  'attachments?': list(mapOf(ANYTHING)),
  'groupable?': FLAG,
  'urls?': ANYTHING,
  'mentions?': ANYTHING,
  'channels?': ANYTHING,
  'md?': ANYTHING,
});

/** rest-typings 8.8, v1/chat.ts, of `chat.syncMessages`. */
const SYNCED: Schema = object({
  updated: list(MESSAGE),
  deleted: list(ANYTHING),
  'cursor?': object({ next: orNull(TEXT), previous: orNull(TEXT) }),
});

/** A message as the fake keeps it. */
export interface KeptMessage {
  readonly _id: string;
  readonly rid: string;
  readonly msg: string;
  readonly tmid?: string;
  readonly alias?: string;
  readonly u: { readonly _id: string; readonly username: string };
  readonly at: number;
  readonly file?: { readonly _id: string; readonly name: string; readonly size: number };
  t?: string;
}

interface Room {
  /** Read only: who has no right to post there cannot. */
  readonly isReadOnly: boolean;
  /** The bot may see it. */
  readonly isOpen: boolean;
}

/** A user as the fake keeps it. */
export interface KeptUser {
  readonly username: string;
  readonly emails: readonly { readonly address: string; readonly verified: boolean }[];
  readonly active?: boolean;
}

/** A server with one bot, and users. */
export class RocketChat extends Fake {
  readonly userId = newId();
  readonly token = newId();
  readonly messages: KeptMessage[] = [];
  readonly uploads = new Map<string, SentFile>();
  readonly rooms = new Map<string, Room>();
  readonly users: KeptUser[] = [];
  /** What the bot may beyond a user. */
  readonly rights = new Set(['view-full-other-user-info', 'view-d-room', 'message-impersonate']);
  #now = Date.now();

  protected override published(): Interface {
    return {
      operations: [...this.#chat(), ...this.#others()],
      before: ({ headers }) => {
        const isKnown = headers['x-user-id'] === this.userId && headers['x-auth-token'] === this.token;
        if (isKnown) return undefined;
        // ApiClass.ts, _internalRouteActionHandler.
        const error = 'You must be logged in to do this.';
        return { status: 401, json: { success: false, error, status: 'error', message: error } };
      },
    };
  }

  room(change: Partial<Room> = {}): string {
    const id = newId();
    this.rooms.set(id, { isReadOnly: false, isOpen: true, ...change });
    return id;
  }

  /** Makes a message by somebody else. */
  message(rid: string, msg: string): string {
    const message = { _id: newId(), rid, msg, u: { _id: newId(), username: 'bob' }, at: this.#tick() };
    this.messages.push(message);
    return message._id;
  }

  /** Gives a time that no message has yet. */
  #tick(): number {
    this.#now = Math.max(this.#now + 1, Date.now());
    return this.#now;
  }

  #chat(): Operation[] {
    const text: Schema = TEXT;
    return [
      {
        method: 'POST',
        path: '/api/v1/chat.sendMessage',
        // chat.ts, chatSendMessageSchema.
        body: {
          type: 'json',
          schema: object({
            message: object({ rid: text, '_id?': text, 'tmid?': text, 'msg?': text, 'alias?': text }),
            'previewUrls?': list(text),
          }),
        },
        answers: { ...ERRORS, 200: object({ success: FLAG, message: MESSAGE }) },
        run: ({ body }) => this.#send((body as unknown as { message: Given }).message),
      },
      {
        method: 'GET',
        path: '/api/v1/chat.getMessage',
        query: { msgId: SOME },
        answers: { ...ERRORS, 200: object({ success: FLAG, message: MESSAGE }) },
        run: ({ query }) => {
          const message = this.messages.find(({ _id }) => _id === query.get('msgId'));
          // app/api/server/v1/chat.ts: a failure without a word where there is none.
          if (message === undefined) return { status: 400, json: { success: false } };
          // app/lib/server/methods/getSingleMessage.ts.
          if (!this.#sees(message.rid))
            return failure('Not allowed [error-not-allowed]', 'error-not-allowed');
          return { status: 200, json: { success: true, message: shown(message) } };
        },
      },
      {
        method: 'GET',
        path: '/api/v1/chat.syncMessages',
        query: { roomId: SOME, 'lastUpdate?': pattern(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) },
        answers: {
          ...ERRORS,
          200: object({ success: FLAG, result: SYNCED }),
        },
        run: ({ query }) => {
          const since = Date.parse(query.get('lastUpdate') ?? '');
          const updated = this.messages.filter(({ rid, at }) => rid === query.get('roomId') && at > since);
          // server/publications/messages.ts: the newest first.
          const cursor = { next: null, previous: null };
          const result = { updated: updated.map(shown).reverse(), deleted: [], cursor };
          return { status: 200, json: { success: true, result } };
        },
      },
    ];
  }

  #others(): Operation[] {
    return [
      {
        method: 'POST',
        path: '/api/v1/rooms.media/{rid}',
        body: { type: 'multipart', schema: object({}), file: 'file' },
        answers: {
          ...ERRORS,
          200: object({ success: FLAG, file: object({ _id: TEXT, url: TEXT }) }),
        },
        run: (call) => this.#upload(call),
      },
      {
        method: 'POST',
        path: '/api/v1/rooms.mediaConfirm/{rid}/{fileId}',
        // app/file-upload/server/methods/sendFileMessage.ts: what it checks.
        body: {
          type: 'json',
          schema: object({ 'msg?': TEXT, 'tmid?': TEXT, 'alias?': TEXT, 'description?': TEXT }),
        },
        answers: { ...ERRORS, 200: object({ success: FLAG, message: MESSAGE }) },
        run: ({ at, body }) => {
          const file = this.uploads.get(at.fileId ?? '');
          // app/api/server/v1/rooms.ts.
          if (!this.#sees(at.rid ?? '')) return forbidden();
          if (file === undefined) return failure('[invalid-file]', 'invalid-file');
          const { name, bytes } = file;
          const { tmid, alias } = body as Partial<Given>;
          const given = { rid: at.rid ?? '', msg: '', ...optional({ tmid, alias }) };
          return this.#send({ ...given, file: { _id: at.fileId ?? '', name, size: bytes.length } });
        },
      },
      {
        method: 'GET',
        path: '/api/v1/me',
        answers: {
          ...ERRORS,
          200: object({ success: FLAG, _id: TEXT, username: TEXT }, true),
        },
        run: () => ({
          status: 200,
          json: { success: true, _id: this.userId, username: 'mailgw', roles: ['bot'] },
        }),
      },
      {
        method: 'GET',
        path: '/api/v1/users.listByStatus',
        query: {
          'status?': pattern(/^(?:active|deactivated)$/),
          'type?': SOME,
          'searchTerm?': SOME,
          'count?': DIGITS,
          'offset?': DIGITS,
        },
        answers: {
          ...ERRORS,
          200: object({
            success: FLAG,
            users: list(mapOf(ANYTHING)),
            count: NUMBER,
            offset: NUMBER,
            total: NUMBER,
          }),
        },
        run: (call) => this.#list(call),
      },
    ];
  }

  #sees(rid: string): boolean {
    return this.rooms.get(rid)?.isOpen === true;
  }

  #send({ _id, rid, msg = '', tmid, alias, file }: Given): Answer {
    // app/lib/server/methods/sendMessage.ts, and app/authorization/server/functions/canSendMessage.ts, whose plain errors
    // have no name.
    if (msg.length > 5000)
      return failure(
        'Message size exceeds Message_MaxAllowedSize [error-message-size-exceeded]',
        'error-message-size-exceeded',
      );
    const parent = this.messages.find((message) => message._id === tmid);
    const room = this.rooms.get(parent?.rid ?? rid);
    if (room === undefined) return failure('error-invalid-room');
    if (!room.isOpen) return failure('error-not-allowed');
    if (room.isReadOnly) return failure("You can't send messages because the room is readonly.");
    // app/lib/server/functions/sendMessage.ts, validateMessage.
    if (alias !== undefined && !this.rights.has('message-impersonate'))
      return failure('Not enough permission');
    // The same, sendMessage: a message that is there is not made again, and nothing is given back, on which
    // app/utils/server/lib/normalizeMessagesForUser.ts fails.
    if (this.messages.some((message) => message._id === _id))
      return failure("Cannot read properties of undefined (reading 'starred')");
    const thread = parent?.tmid ?? tmid;
    const message: KeptMessage = {
      _id: _id ?? newId(),
      rid: parent?.rid ?? rid,
      msg,
      ...optional({ tmid: thread, alias, file }),
      u: { _id: this.userId, username: 'mailgw' },
      at: this.#tick(),
    };
    this.messages.push(message);
    return { status: 200, json: { success: true, message: shown(message) } };
  }

  #upload({ at, files }: Call): Answer {
    if (!this.#sees(at.rid ?? '')) return forbidden();
    const [file] = files;
    // app/api/server/v1/rooms.ts.
    if (file === undefined) return failure('[invalid-field]', 'invalid-field');
    const id = newId();
    this.uploads.set(id, file);
    return {
      status: 200,
      json: { success: true, file: { _id: id, url: `/file-upload/${id}/${file.name}` } },
    };
  }

  #list({ query }: Call): Answer {
    // app/api/server/v1/users.ts, users.listByStatus; server/lib/findPaginatedUsersByStatus.
    if (!this.rights.has('view-d-room'))
      return failure(
        'User does not have the permissions required for this action [error-unauthorized]',
        undefined,
        403,
      );
    const term = (query.get('searchTerm') ?? '').toLowerCase();
    const seesAll = this.rights.has('view-full-other-user-info');
    const found = this.users.filter(({ username, emails, active = true }) => {
      const words = [username, ...(seesAll ? emails.map(({ address }) => address) : [])];
      return active && words.some((word) => word.toLowerCase().includes(term));
    });
    // app/api/server/helpers/getPaginationItems.ts: API_Upper_Count_Limit.
    const [offset, count] = [Number(query.get('offset')), Math.min(100, Number(query.get('count')))];
    const page = found.slice(offset, offset + count);
    const users = page.map(({ username, emails }) => ({
      _id: newId(),
      username,
      type: 'user',
      ...(seesAll ? { emails } : {}),
    }));
    return { status: 200, json: { success: true, users, count: users.length, offset, total: found.length } };
  }
}

/** What is given of a new message. */
type Given = Pick<KeptMessage, 'rid'> & Partial<KeptMessage>;

function newId(): string {
  return randomBytes(13).toString('base64url').replace(/[-_]/g, 'x').slice(0, 17);
}

function failure(error: string, errorType?: string, status = 400): Answer {
  return { status, json: { success: false, error, ...optional({ errorType }) } };
}

function forbidden(): Answer {
  return failure('unauthorized', undefined, 403);
}

/** Drops what is undefined. */
function optional<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function shown({ at, file, ...message }: KeptMessage): unknown {
  const time = new Date(at).toISOString();
  const kept = file === undefined ? undefined : { ...file, type: 'text/plain', format: '' };
  return { ...message, ts: time, _updatedAt: time, ...optional({ file: kept, files: kept && [kept] }) };
}
