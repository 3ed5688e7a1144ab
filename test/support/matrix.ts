// A homeserver so far as the sink uses it, held to the published interface: matrix-org/matrix-spec, data/api/client-server
// (room_send.yaml, rooms.yaml, message_pagination.yaml, content-repo.yaml, whoami.yaml, definitions/errors) and
// data/event-schemas (m.room.message). Errors are those of the specification; where it leaves them open, Synapse's
// (element-hq/synapse), each with its file. Written from 1.18; 1.19 changes nothing of what is used here.

import { randomBytes } from 'node:crypto';
import {
  ANYTHING,
  type Answer,
  type Call,
  either,
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

const BOT = '@mailgw:example.org';

/** The users whom the application service may act for. */
const NAMESPACE = /^@mail_[a-z0-9.]+:example\.org$/;

/** definitions/errors/error.yaml, rate_limited.yaml. */
const ERROR: Schema = object({ errcode: pattern(/^M_[A-Z_]+$/), 'error?': TEXT, 'retry_after_ms?': NUMBER });
const ERRORS = { 400: ERROR, 401: ERROR, 403: ERROR, 404: ERROR, 413: ERROR, 429: ERROR };

const EVENT_ID = pattern(/^\$\S+$/);

/** definitions/m.relates_to.yaml; content/client-server-api/modules/threading.md and rich_replies.md. */
const RELATION: Schema = either(
  object({ 'm.in_reply_to': object({ event_id: EVENT_ID }) }),
  object({
    rel_type: pattern(/^m\.thread$/),
    event_id: EVENT_ID,
    'is_falling_back?': FLAG,
    'm.in_reply_to?': object({ event_id: EVENT_ID }),
  }),
);

/** definitions/m.mentions.yaml; a name of its own for the member that is ours. */
const COMMON = {
  'm.mentions?': object({ 'user_ids?': list(pattern(/^@/)) }),
  'm.relates_to?': RELATION,
};
const OURS = { 'dev.mailgw.post?': TEXT };

/** m.room.message$m.text.yaml, and $m.file.yaml with its kin. */
const CONTENT: Schema = either(
  object({ msgtype: pattern(/^m\.text$/), body: TEXT, ...COMMON, ...OURS }),
  object({
    msgtype: pattern(/^m\.text$/),
    body: TEXT,
    format: pattern(/^org\.matrix\.custom\.html$/),
    formatted_body: TEXT,
    ...COMMON,
    ...OURS,
  }),
  object({
    msgtype: pattern(/^m\.(?:file|image|audio|video)$/),
    body: TEXT,
    url: pattern(/^mxc:\/\/[^/]+\/[^/]+$/),
    ...COMMON,
    ...OURS,
    'filename?': TEXT,
    'info?': object({ 'mimetype?': TEXT, 'size?': NUMBER }),
  }),
);

/** definitions/client_event.yaml. */
const EVENT: Schema = object({
  event_id: EVENT_ID,
  type: TEXT,
  sender: pattern(/^@/),
  origin_server_ts: NUMBER,
  content: mapOf(ANYTHING),
  room_id: pattern(/^!/),
  'unsigned?': mapOf(ANYTHING),
});

/** What clients show of HTML: instant_messaging.md, m.room.message msgtypes. */
const SHOWN =
  /^(?:<\/?(?:del|h[1-6]|blockquote|p|ul|sup|sub|li|b|i|u|strong|em|s|code|hr|br|div|table|thead|tbody|tr|th|td|caption|pre|span)>|<ol(?: start="\d+")?>|<\/ol>|<code class="language-[^"]*">|<a href="(?:https?|ftp|mailto|magnet):[^"]*">|<\/a>)$/;

/** Content as it was sent. */
export interface KeptContent {
  readonly msgtype: string;
  readonly body: string;
  readonly formatted_body?: string;
  readonly url?: string;
  readonly 'm.relates_to'?: { readonly rel_type?: string; readonly event_id?: string };
}

/** An event as the fake keeps it. */
export interface KeptEvent {
  readonly event_id: string;
  readonly room_id: string;
  readonly sender: string;
  readonly content: KeptContent;
  readonly origin_server_ts: number;
  isRedacted?: boolean;
}

interface Room {
  readonly members: Set<string>;
  /** Only moderators speak here. */
  readonly isQuiet: boolean;
}

/** A homeserver with a bot and an application service. */
export class Homeserver extends Fake {
  readonly token = `syt_${randomBytes(12).toString('hex')}`;
  readonly asToken = `as_${randomBytes(12).toString('hex')}`;
  readonly events: KeptEvent[] = [];
  readonly media = new Map<string, Buffer>();
  readonly rooms = new Map<string, Room>();
  /** Users whom the application service has registered. */
  readonly registered = new Set<string>();
  /** Answers by transaction: rest/client/transactions.py keeps them in memory, for half an hour at least. */
  readonly #transactions = new Map<string, Answer>();

  protected override published(): Interface {
    return {
      operations: this.#operations(),
      everywhere: { 'user_id?': pattern(/^@/) },
      before: ({ headers: { authorization }, query, path }) => {
        // content/client-server-api/_index.md, common error codes.
        if (!path.startsWith('/_matrix/')) return failure(404, 'M_UNRECOGNIZED', 'Unrecognized request');
        if (authorization === undefined) return failure(401, 'M_MISSING_TOKEN', 'Missing access token');
        if (authorization === `Bearer ${this.token}`) return undefined;
        if (authorization !== `Bearer ${this.asToken}`)
          return failure(401, 'M_UNKNOWN_TOKEN', 'Invalid access token passed.');
        // synapse/api/auth/base.py, validate_appservice_can_control_user_id.
        const user = query.get('user_id') ?? BOT;
        if (user !== BOT && !NAMESPACE.test(user))
          return failure(403, 'M_FORBIDDEN', `Application service cannot masquerade as this user (${user}).`);
        if (user !== BOT && !this.registered.has(user))
          return failure(403, 'M_FORBIDDEN', `Application service has not registered this user (${user})`);
        return undefined;
      },
    };
  }

  /** Forgets the transactions, as a restart does. */
  restart(): void {
    this.#transactions.clear();
  }

  room(change: Partial<Room> = {}): string {
    const id = `!${randomBytes(9).toString('base64url')}:example.org`;
    this.rooms.set(id, { members: new Set([BOT]), isQuiet: false, ...change });
    return id;
  }

  /** Sends a message by somebody else. */
  message(room_id: string, body: string, relation?: KeptContent['m.relates_to']): string {
    const content = {
      msgtype: 'm.text',
      body,
      ...(relation === undefined ? {} : { 'm.relates_to': relation }),
    };
    return this.#keep(room_id, '@bob:example.org', content).event_id;
  }

  #keep(room_id: string, sender: string, content: KeptContent): KeptEvent {
    const event_id = `$${randomBytes(32).toString('base64url')}`;
    const event = { event_id, room_id, sender, content, origin_server_ts: Date.now() };
    this.events.push(event);
    return event;
  }

  /** Whom a request acts as: a user's own token ignores `user_id`. */
  #actor({ headers, query }: Call): string {
    return headers.authorization === `Bearer ${this.asToken}` ? (query.get('user_id') ?? BOT) : BOT;
  }

  #operations(): Operation[] {
    const room = '/_matrix/client/v3/rooms/{roomId}';
    return [
      {
        method: 'PUT',
        path: `${room}/send/{eventType}/{txnId}`,
        body: { type: 'json', schema: CONTENT },
        answers: { ...ERRORS, 200: object({ event_id: EVENT_ID }) },
        run: (call) => this.#once(call),
      },
      {
        method: 'GET',
        path: `${room}/event/{eventId}`,
        answers: { ...ERRORS, 200: EVENT },
        run: (call) => {
          const { roomId, eventId } = call.at;
          const event = this.events.find(
            ({ event_id, room_id }) => event_id === eventId && room_id === roomId,
          );
          if (event === undefined || this.rooms.get(roomId ?? '')?.members.has(this.#actor(call)) !== true)
            return failure(404, 'M_NOT_FOUND', 'Event not found.');
          return { status: 200, json: shown(event) };
        },
      },
      {
        method: 'GET',
        path: `${room}/messages`,
        query: {
          dir: pattern(/^[bf]$/),
          'limit?': pattern(/^\d+$/),
          'from?': pattern(/^t\d+$/),
          'to?': pattern(/^t\d+$/),
          'filter?': pattern(/^\{.*\}$/),
        },
        answers: {
          ...ERRORS,
          200: object({ start: TEXT, chunk: list(EVENT), 'end?': TEXT }),
        },
        run: (call) => this.#page(call),
      },
      {
        method: 'POST',
        path: '/_matrix/media/v3/upload',
        query: { 'filename?': pattern(/^[^]+$/) },
        body: { type: 'bytes' },
        answers: { ...ERRORS, 200: object({ content_uri: pattern(/^mxc:\/\//) }) },
        run: ({ bytes }) => {
          const uri = `mxc://example.org/${randomBytes(12).toString('hex')}`;
          this.media.set(uri, bytes);
          return { status: 200, json: { content_uri: uri } };
        },
      },
      {
        method: 'GET',
        path: '/_matrix/client/v3/account/whoami',
        answers: {
          ...ERRORS,
          200: object({ user_id: pattern(/^@/), 'device_id?': TEXT, 'is_guest?': FLAG }),
        },
        run: (call) => ({ status: 200, json: { user_id: this.#actor(call) } }),
      },
    ];
  }

  /** Sends once under a transaction id; what was refused is not remembered. */
  #once(call: Call): Answer {
    const { roomId = '', eventType = '', txnId = '' } = call.at;
    const key = JSON.stringify([roomId, eventType, txnId, call.headers.authorization]);
    const known = this.#transactions.get(key);
    if (known !== undefined) return known;
    const reply = this.#send(call, roomId);
    if (reply.status === 200) this.#transactions.set(key, reply);
    return reply;
  }

  #send(call: Call, roomId: string): Answer {
    const room = this.rooms.get(roomId);
    const sender = this.#actor(call);
    const content = call.body as unknown as KeptContent;
    // synapse/event_auth.py: "User %s not in room %s"; the same for a room that is none.
    if (room?.members.has(sender) !== true)
      return failure(403, 'M_FORBIDDEN', `User ${sender} not in room ${roomId}`);
    if (room.isQuiet)
      return failure(
        403,
        'M_FORBIDDEN',
        "You don't have permission to post that to the room. user_level (0) < send_level (50)",
      );
    // client-server-api/_index.md, size limits; synapse/api/errors.py, EventSizeError. What a server adds is taken for 4 KiB.
    if (call.bytes.length + 4096 > 65_536) return failure(413, 'M_TOO_LARGE', 'event too large');
    const { rel_type, event_id } = content['m.relates_to'] ?? {};
    const root = this.events.find((event) => event.event_id === event_id);
    // modules/threading.md, validation of m.thread relationships; synapse/handlers/message.py.
    if (rel_type === 'm.thread' && root?.content['m.relates_to']?.rel_type !== undefined)
      return failure(400, 'M_UNKNOWN', 'Cannot start threads from an event with a relation');
    const hidden = (content.formatted_body?.match(/<[^>]*>/g) ?? []).find((tag) => !SHOWN.test(tag));
    if (hidden !== undefined) throw new Error(`${hidden} is none of the elements that clients show`);
    return { status: 200, json: { event_id: this.#keep(roomId, sender, content).event_id } };
  }

  #page(call: Call): Answer {
    const { roomId = '' } = call.at;
    if (this.rooms.get(roomId)?.members.has(this.#actor(call)) !== true)
      return failure(403, 'M_FORBIDDEN', `User ${this.#actor(call)} not in room ${roomId}`);
    const newest = this.events.filter(({ room_id }) => room_id === roomId).reverse();
    const at = Number((call.query.get('from') ?? 't0').slice(1));
    // A server may give fewer than it is asked for: here, never more than 20.
    const end = at + Math.min(20, Number(call.query.get('limit') ?? 10));
    const more = end < newest.length ? { end: `t${end}` } : {};
    return { status: 200, json: { start: `t${at}`, chunk: newest.slice(at, end).map(shown), ...more } };
  }
}

function failure(status: number, errcode: string, error: string): Answer {
  return { status, json: { errcode, error } };
}

function shown({ isRedacted, content, ...event }: KeptEvent): unknown {
  const type = 'm.room.message';
  if (isRedacted !== true) return { ...event, type, content };
  return { ...event, type, content: {}, unsigned: { redacted_because: { type: 'm.room.redaction' } } };
}
