// A Zulip for tests, held to its published interface: zulip.com/api (zerver/openapi/zulip.yaml, to whose facts at 0002748a, Zulip 10,
// published-facts.json holds it) says what is asked and answered, zulip/zulip what is refused and how texts are shown. Errors are
// told apart by their `code`. Read up to feature level 450, which is Zulip 12.0.

import type { IncomingHttpHeaders } from 'node:http';
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
  TEXT,
  texts,
} from './published.ts';
import type { Scratch } from './scratch.ts';

/** A message. */
export interface Message {
  readonly id: number;
  readonly sender: string;
  /** The channel, or the users of a conversation. */
  readonly channel: number | undefined;
  readonly people: readonly number[];
  topic: string;
  readonly content: string;
}

// zulip.com/api/rest-error-handling
const ERROR = { result: { const: 'error' }, msg: TEXT, code: TEXT };
const REFUSED = object(ERROR);
const done = (members: Readonly<Record<string, unknown>>) =>
  object({ result: { const: 'success' }, msg: TEXT, ...members });

/** Code points of a message and of a topic (zerver/lib/message.py, zerver/models/constants.py). */
const MOST = 10_000;
const MOST_TOPIC = 60;

/** A Zulip with one bot and some channels. */
export class FakeZulip extends Fake {
  readonly email = 'mailgw-bot@chat.example.org';
  readonly key = 'xK7'.repeat(10) + 'ab';
  readonly messages: Message[] = [];
  /** Channels by their number. */
  readonly channels = new Set([7]);
  /** The people; a hidden address is told to nobody, and a bot has no other one than the one that it bears. */
  readonly people: Person[] = [
    { user_id: 10, full_name: 'alice', address: 'alice@example.com' },
    { user_id: 12, full_name: 'bob', address: 'bob@example.com' },
  ];
  readonly #uploads = new Map<string, Buffer>();

  protected override published(): Interface {
    return { operations: this.#operations() };
  }

  /** Says something as somebody else. */
  say(topic: string, content: string, sender = 'bob@example.com'): void {
    this.#add({ sender, channel: 7, people: [], topic, content });
  }

  #add(message: Omit<Message, 'id'>): Message {
    const added = { id: 100 + this.messages.length, ...message };
    this.messages.push(added);
    return added;
  }

  /** zerver/decorator.py, authenticated_rest_api_view: basic authentication. */
  #isBot({ authorization = '' }: IncomingHttpHeaders): boolean {
    const [, text = ''] = /^Basic (.+)$/.exec(authorization) ?? [];
    return Buffer.from(text, 'base64').toString() === `${this.email}:${this.key}`;
  }

  #operations(): Operation[] {
    const signed =
      (run: (call: Call) => Answer) =>
      (call: Call): Answer =>
        this.#isBot(call.headers)
          ? run(call)
          : // zerver/lib/exceptions.py: InvalidAPIKeyError
            refused(401, 'INVALID_API_KEY', 'Invalid API key');
    const answers = { 400: REFUSED, 401: REFUSED, 403: REFUSED, 404: REFUSED };
    return [
      {
        method: 'POST',
        path: '/api/v1/messages',
        body: {
          type: 'form',
          schema: object({
            type: { enum: ['direct', 'channel', 'stream', 'private'] },
            to: TEXT,
            content: TEXT,
            'topic?': TEXT,
            'queue_id?': TEXT,
            'local_id?': TEXT,
            'read_by_sender?': TEXT,
          }),
        },
        answers: { ...answers, 400: object({ ...ERROR, 'stream_id?': NUMBER }), 200: done({ id: NUMBER }) },
        run: signed(({ body }) => this.#send(body as unknown as NewMessage)),
      },
      {
        method: 'POST',
        path: '/api/v1/user_uploads',
        body: { type: 'multipart', schema: object({}), file: 'filename' },
        answers: { ...answers, 200: done({ uri: TEXT, 'url?': TEXT, 'filename?': TEXT }) },
        run: signed(({ files: [file] }) => {
          // zerver/views/upload.py
          if (file === undefined) return refused(400, 'BAD_REQUEST', 'You must specify a file to upload');
          const uri = `/user_uploads/2/${this.#uploads.size}/${encodeURIComponent(file.name)}`;
          this.#uploads.set(uri, file.bytes);
          return success({ uri, url: uri, filename: file.name });
        }),
      },
      ...this.#reading(signed, answers),
    ];
  }

  #send({ type, to, topic, content }: NewMessage): Answer {
    // zerver/lib/message.py, normalize_body: what is too long is cut, and nobody is told.
    const body = content.replace(/^\n+/, '').trimEnd();
    if (body === '') return refused(400, 'BAD_REQUEST', 'Message must not be empty');
    if (body.includes('\0')) return refused(400, 'BAD_REQUEST', 'Message must not contain null bytes');
    const cut = cutTo(body, MOST, '\n[message truncated]');
    const said = { sender: this.email, topic: '', people: [] as number[], channel: undefined, content: cut };
    if (type === 'direct' || type === 'private') {
      const people = JSON.parse(to) as number[];
      // zerver/lib/addressee.py
      const nobody = people.find((id) => id > 1000);
      if (nobody !== undefined) return refused(400, 'BAD_REQUEST', `Invalid user ID ${nobody}`);
      return success({ id: this.#add({ ...said, people }).id });
    }
    const channel = Number(to);
    // zerver/lib/exceptions.py: StreamWithIDDoesNotExistError
    if (!this.channels.has(channel))
      return {
        ...refused(400, 'STREAM_DOES_NOT_EXIST', `Channel with ID '${to}' does not exist`, {
          stream_id: channel,
        }),
      };
    // zerver/lib/string_validation.py: check_stream_topic before Zulip 10, which has a topic without a name
    if (topic === undefined || topic.trim() === '')
      return refused(400, 'BAD_REQUEST', "Topic can't be empty!");
    return success({ id: this.#add({ ...said, channel, topic: cutTo(topic, MOST_TOPIC, '...') }).id });
  }

  #reading(
    signed: (run: (call: Call) => Answer) => (call: Call) => Answer,
    answers: Operation['answers'],
  ): Operation[] {
    return [
      {
        method: 'GET',
        path: '/api/v1/messages',
        query: texts(
          'anchor',
          'num_before',
          'num_after',
          'narrow?',
          'apply_markdown?',
          'client_gravatar?',
          'include_anchor?',
        ),
        answers: {
          ...answers,
          200: done({
            messages: list(
              object({ id: NUMBER, sender_email: TEXT, subject: TEXT, content: TEXT, timestamp: NUMBER }),
            ),
            found_newest: FLAG,
            found_oldest: FLAG,
            found_anchor: FLAG,
            history_limited: FLAG,
            anchor: NUMBER,
          }),
        },
        run: signed(({ query }) => this.#find(query)),
      },
      {
        method: 'GET',
        path: '/api/v1/users/me',
        answers: {
          ...answers,
          200: done({ user_id: NUMBER, full_name: TEXT, email: TEXT, is_bot: FLAG, is_active: FLAG }),
        },
        run: signed(() =>
          success({ user_id: 9, full_name: 'Mail', email: this.email, is_bot: true, is_active: true }),
        ),
      },
      ...this.#listing(signed, answers),
      {
        method: 'GET',
        path: '/api/v1/users/me/{channel}/topics',
        answers: { ...answers, 200: done({ topics: list(object({ max_id: NUMBER, name: TEXT })) }) },
        run: signed(({ at }) => {
          const here = this.messages.filter(({ channel }) => channel === Number(at.channel));
          return success({ topics: here.map(({ id, topic }) => ({ max_id: id, name: topic })) });
        }),
      },
      {
        method: 'GET',
        path: '/user_uploads/{realm}/{number}/{name}',
        answers: { ...answers, 200: {} },
        run: signed(({ at }) => {
          const path = `/user_uploads/${at.realm ?? ''}/${at.number ?? ''}/${encodeURIComponent(at.name ?? '')}`;
          return { status: 200, bytes: this.#uploads.get(path) ?? Buffer.alloc(0) };
        }),
      },
    ];
  }

  #listing(
    signed: (run: (call: Call) => Answer) => (call: Call) => Answer,
    answers: Operation['answers'],
  ): Operation[] {
    // zulip.com/api/get-users; zerver/lib/users.py, format_user_row
    const user = object({
      user_id: NUMBER,
      email: TEXT,
      delivery_email: orNull(TEXT),
      full_name: TEXT,
      is_bot: FLAG,
      is_active: FLAG,
      'avatar_url?': orNull(TEXT),
    });
    return [
      {
        method: 'GET',
        path: '/api/v1/users',
        query: texts('client_gravatar?', 'include_custom_profile_fields?'),
        answers: { ...answers, 200: done({ members: list(user) }) },
        run: signed(() => success({ members: this.people.map(shownPerson) })),
      },
      {
        method: 'GET',
        path: '/api/v1/users/{email}',
        query: texts('client_gravatar?', 'include_custom_profile_fields?'),
        answers: { ...answers, 200: done({ user }) },
        // zerver/lib/users.py, access_user_by_email: by the address that is made up, or by one that the bot may see.
        run: signed(({ at: { email = '' } }) => {
          const [, id] = /^user(\d+)@chat\.example\.org$/.exec(email) ?? [];
          const found = this.people.find(({ user_id, address, isHidden }) =>
            id === undefined
              ? isHidden !== true && address.toLowerCase() === email.trim().toLowerCase()
              : user_id === Number(id),
          );
          return found === undefined
            ? refused(400, 'BAD_REQUEST', 'No such user')
            : success({ user: shownPerson(found) });
        }),
      },
    ];
  }

  /** zerver/lib/narrow.py; BadNarrowOperatorError says what is refused. */
  #find(query: URLSearchParams): Answer {
    const narrow = JSON.parse(query.get('narrow') ?? '[]') as { operator: string; operand: unknown }[];
    let found = this.messages;
    for (const { operator, operand } of narrow) {
      switch (operator) {
        case 'stream':
        case 'channel':
          if (!this.channels.has(Number(operand)))
            return refused(400, 'BAD_NARROW', 'Invalid narrow operator: unknown channel');
          found = found.filter(({ channel }) => channel === operand);
          break;
        case 'topic':
          found = found.filter(({ topic }) => topic.toLowerCase() === String(operand).toLowerCase());
          break;
        case 'sender':
          found = found.filter(({ sender }) => sender === operand);
          break;
        case 'dm':
          found = found.filter(({ people }) => people.length > 0 && String(people) === String(operand));
          break;
        default:
          return refused(400, 'BAD_NARROW', `Invalid narrow operator: unknown operator ${operator}`);
      }
    }
    const shown = found.slice(-Number(query.get('num_before'))).map(({ id, sender, topic, content }) => ({
      id,
      sender_email: sender,
      subject: topic,
      content: query.get('apply_markdown') === 'false' ? content : render(content),
      timestamp: 1795166100,
    }));
    const ends = {
      found_newest: true,
      found_oldest: true,
      found_anchor: false,
      history_limited: false,
      anchor: 10,
    };
    return success({ messages: shown, ...ends });
  }
}

/** A user of a Zulip. */
export interface Person {
  readonly user_id: number;
  readonly full_name: string;
  readonly address: string;
  readonly isHidden?: boolean;
  readonly is_bot?: boolean;
  readonly is_active?: boolean;
}

function shownPerson({ address, isHidden = false, ...person }: Person) {
  return {
    is_bot: false,
    is_active: true,
    avatar_url: null,
    ...person,
    email: isHidden ? `user${person.user_id}@chat.example.org` : address,
    delivery_email: isHidden ? null : address,
  };
}

interface NewMessage {
  readonly type: string;
  readonly to: string;
  readonly topic?: string;
  readonly content: string;
}

function success(members: object): Answer {
  return { status: 200, json: { result: 'success', msg: '', ...members } };
}

/** zerver/lib/exceptions.py, zerver/lib/response.py */
function refused(status: number, code: string, msg: string, more: object = {}): Answer {
  return { status, json: { result: 'error', msg, code, ...more } };
}

function cutTo(text: string, most: number, mark: string): string {
  const chars = Array.from(text);
  return chars.length <= most ? text : chars.slice(0, most - mark.length).join('') + mark;
}

/**
 * Renders as Zulip does, in the order of zerver/lib/markdown/__init__.py, build_inlinepatterns: a backslash escapes nothing, an
 * entity is what it stands for, and HTML is shown.
 */
export function render(content: string): string {
  const kept: string[] = [];
  const keep = (html: string): string => `\u0001${kept.push(html) - 1}\u0002`;
  const safe = (text: string): string =>
    text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  const written = content
    .replace(/^(`{3,}|~{3,})([^\n]*)\n([^]*?)\n\1$/gm, (_, _fence: string, info: string, code: string) =>
      keep(/^(?:spoiler|quote|math)/.test(info) ? '<div>block</div>' : `<pre>${safe(code)}</pre>`),
    )
    .replace(/(`+)(.+?)(?<!`)\1(?!`)/g, (_, _ticks: string, code: string) =>
      keep(`<code>${safe(code.trim())}</code>`),
    )
    .replace(/@_?\*\*([^*]+)\*\*/g, (_, name: string) =>
      keep(`<span class="user-mention">@${safe(name)}</span>`),
    )
    .replace(/@_?\*([^*]+)\*/g, (_, name: string) =>
      keep(`<span class="user-group-mention">@${safe(name)}</span>`),
    )
    .replace(/\[([^\]]*)\]\(([^)]*)\)/g, (_, label: string, href: string) =>
      keep(`<a href="${href}">${safe(label)}</a>`),
    )
    .replace(/https?:\/\/[^\s<>]+/g, (url) => keep(`<a href="${url}">${safe(url)}</a>`))
    .replace(/&#?\w{1,32};/g, keep)
    .replace(/\*\*([^\n]+?)\*\*/g, (_, text: string) => `\u0003strong\u0004${text}\u0003/strong\u0004`)
    .replace(/\*(?!\s)([^*^\n]+)(?<!\s)\*/g, (_, text: string) => `\u0003em\u0004${text}\u0003/em\u0004`)
    .replace(/~~([^~\n]+)~~/g, (_, text: string) => `\u0003del\u0004${text}\u0003/del\u0004`)
    .replace(/:[a-z][\w+-]*:/g, keep('<span class="emoji"></span>'))
    .replace(/^(?:#{1,6} |> ?|[*+-] |\d+\. |\|)/gm, keep('<li>'));
  return safe(written)
    .replace(/\u0003/g, '<')
    .replace(/\u0004/g, '>')
    .replace(/\n/g, '<br>\n')
    .replace(/\u0001(\d+)\u0002/g, (_, at: string) => kept[Number(at)] ?? '');
}

/** Gives a rendered text as it is read. */
export function read(html: string): string {
  return html
    .replace(/<a href="\/user_uploads[^>]*>[^<]*<\/a>/g, '')
    .replace(/<br>/g, '')
    .replace(/<[^>]*>/g, '')
    .replace(/&(?:#(\d+)|(\w+));/g, (all: string, number: string | undefined, name: string) =>
      number === undefined
        ? (({ lt: '<', gt: '>', quot: '"', amp: '&' } as Record<string, string>)[name] ?? all)
        : String.fromCodePoint(Number(number)),
    )
    .trim();
}

let topics = 0;

/** Starts a Zulip as the contract wants it. */
export async function runZulip(scratch: Scratch): Promise<RunningPlatform> {
  const zulip = await new FakeZulip().start(scratch);
  const authorization = `Basic ${Buffer.from(`${zulip.email}:${zulip.key}`).toString('base64')}`;
  const get = (path: string): Promise<Response> => fetch(zulip.origin + path, { headers: { authorization } });
  return {
    origin: zulip.origin,
    table: { type: 'zulip' },
    token: `${zulip.email}:${zulip.key}`,
    unfit: [(wrong) => wrong],
    user: 'alice',
    address: 'alice@example.com',
    thread: () => {
      topics += 1;
      return Promise.resolve(`channel/7/topic/${encodeURIComponent(`a topic: ${topics}/é?`)}`);
    },
    missing: 'channel/999/topic/none',
    comments: async (thread) => {
      const topic = decodeURIComponent(thread.split('/')[3] ?? '');
      const narrow = JSON.stringify([
        { operator: 'channel', operand: 7 },
        { operator: 'topic', operand: topic },
      ]);
      const query = new URLSearchParams({ anchor: 'newest', num_before: '1000', num_after: '0', narrow });
      const { messages } = (await (await get(`/api/v1/messages?${query.toString()}`)).json()) as {
        messages: { sender_email: string; content: string }[];
      };
      const comments: Comment[] = [];
      for (const { sender_email: author, content } of messages) {
        const files = [];
        for (const [, path = '', name = ''] of content.matchAll(/<a href="(\/user_uploads[^"]*)">([^<]*)/g))
          files.push({ name, bytes: Buffer.from(await (await get(path)).arrayBuffer()) });
        comments.push({ author, text: read(content), files });
      }
      return comments;
    },
    started: {
      container: 'channel/7',
      titles: async () => {
        const { topics: found } = (await (await get('/api/v1/users/me/7/topics')).json()) as {
          topics: { name: string }[];
        };
        return found.map(({ name }) => name);
      },
    },
  };
}
