// A Zammad for tests, held to its published interface: docs.zammad.org (zammad/zammad-documentation of 2026-05, to whose facts at
// ca3d14bf published-facts.json holds it) says what is asked and answered, zammad/zammad what is refused; its error texts are the
// same in all languages.

import type { IncomingHttpHeaders } from 'node:http';
import type { Comment, RunningPlatform } from '../sinks/platform-contract.ts';
import {
  type Answer,
  Fake,
  FLAG,
  type Interface,
  list,
  NUMBER,
  type Operation,
  object,
  orNull,
  type Signed,
  signedBy,
  TEXT,
  texts,
} from './published.ts';
import { readSimple } from './read-simple.ts';
import type { Scratch } from './scratch.ts';

/** A user of Zammad. */
export interface ZammadUser {
  readonly id: number;
  readonly login: string;
  readonly email: string;
  readonly isAgent: boolean;
  active: boolean;
}

/** A ticket. */
export interface Ticket {
  readonly id: number;
  readonly customer: ZammadUser | undefined;
  state: string;
  /** group.follow_up_possible (app/policies/ticket_policy.rb) */
  readonly followUp: boolean;
}

/** An article. */
export interface Article {
  readonly id: number;
  readonly ticket: number;
  readonly by: ZammadUser;
  readonly body: string;
  readonly type: string;
  readonly internal: boolean;
  readonly messageId: string | null;
  readonly at: number;
  readonly files: readonly { readonly id: number; readonly filename: string; readonly bytes: Buffer }[];
}

// app/controllers/application_controller/handles_errors.rb, humanize_error
const REFUSED = object({ error: TEXT, 'error_human?': TEXT });
const USER = object({
  id: NUMBER,
  login: TEXT,
  email: TEXT,
  firstname: TEXT,
  active: FLAG,
  role_ids: list(NUMBER),
});
const ARTICLE = object({
  id: NUMBER,
  ticket_id: NUMBER,
  content_type: TEXT,
  body: TEXT,
  internal: FLAG,
  message_id: orNull(TEXT),
  created_at: TEXT,
  created_by: TEXT,
  type: TEXT,
  attachments: list(object({ id: NUMBER, filename: TEXT, size: TEXT, preferences: {} })),
});

/** A Zammad with two agents and a customer. */
export class FakeZammad extends Fake {
  readonly token = 'kZ3'.repeat(20);
  readonly users: ZammadUser[] = [];
  readonly tickets: Ticket[] = [];
  readonly articles: Article[] = [];
  /** The permission of the token's user (app/policies/sessions_policy.rb). */
  mayImpersonate = true;
  /** Answers as before `From` (app/controllers/application_controller/has_user.rb, 2021). */
  isOld = false;

  constructor() {
    super();
    this.user('-', '', { active: false });
    this.user('alice@example.com', 'alice@example.com');
    this.user('bob', 'bob@example.com');
    this.user('carol@example.net', 'carol@example.net', { isAgent: false });
  }

  protected override published(): Interface {
    return { operations: this.#operations() };
  }

  user(login: string, email: string, change: Partial<ZammadUser> = {}): ZammadUser {
    const user = { id: this.users.length + 1, login, email, isAgent: true, active: true, ...change };
    this.users.push(user);
    return user;
  }

  /** Makes a ticket of carol with her question; its locator. */
  ticket(change: Partial<Ticket> = {}): string {
    const ticket = {
      id: this.tickets.length + 1,
      customer: this.users[3],
      state: 'open',
      followUp: true,
      ...change,
    };
    this.tickets.push(ticket);
    this.say(ticket.id, 'carol@example.net', 'It does not work.', { at: Date.now() - 120_000 });
    return `ticket/${ticket.id}`;
  }

  /** Makes an article as if on the web. */
  say(ticket: number, login: string, body: string, change: Partial<Article> = {}): Article {
    const article = {
      id: this.articles.length + 1,
      ticket,
      by: this.users.find((user) => user.login === login)!,
      body,
      type: 'note',
      internal: false,
      messageId: null,
      at: Date.now(),
      files: [],
      ...change,
    };
    this.articles.push(article);
    return article;
  }

  #who(headers: IncomingHttpHeaders): ZammadUser | Answer {
    // app/controllers/application_controller/authenticates.rb
    const [, token] = /^Token token=(.+)$/.exec(headers.authorization ?? '') ?? [];
    if (token === undefined) return refused(403, 'Authentication required');
    if (token !== this.token) return refused(401, "Can't find User for Token");
    // app/controllers/application_controller/has_user.rb: current_user_on_behalf
    const name = String((this.isOld ? undefined : headers.from) ?? headers['x-on-behalf-of'] ?? '');
    if (name === '') return this.users[1]!;
    const status = this.isOld ? 401 : 403;
    if (!this.mayImpersonate)
      return refused(status, "Current user has no permission to use 'From'/'X-On-Behalf-Of'!");
    const wanted = name.toLowerCase().trim();
    const user =
      (/^\d+$/.test(wanted) ? this.users.find(({ id }) => id === Number(wanted)) : undefined) ??
      this.users.find(({ login, email }) => login === wanted || email === wanted);
    return user ?? refused(status, `No such user '${name}'`);
  }

  /** app/policies/ticket_policy.rb: agents have all groups here, customers their own tickets. */
  #mayUse(user: ZammadUser, ticket: Ticket): boolean {
    return user.isAgent || ticket.customer === user;
  }

  #operations(): Operation[] {
    const signed = signedBy((headers) => this.#who(headers));
    const answers = { 401: REFUSED, 403: REFUSED, 404: REFUSED, 422: REFUSED };
    return [
      {
        method: 'POST',
        path: '/api/v1/ticket_articles',
        body: {
          type: 'json',
          schema: object({
            ticket_id: NUMBER,
            body: TEXT,
            content_type: { enum: ['text/html', 'text/plain'] },
            type: { enum: ['note', 'web', 'email', 'phone'] },
            internal: FLAG,
            'message_id?': TEXT,
            'attachments?': list(object({ filename: TEXT, data: TEXT, 'mime-type': TEXT })),
          }),
        },
        answers: { ...answers, 201: ARTICLE },
        run: signed((call, user) => this.#create(call.body as unknown as NewArticle, user)),
      },
      ...this.#reading(signed, answers),
      ...this.#people(signed, answers),
    ];
  }

  #create(body: NewArticle, user: ZammadUser): Answer {
    const ticket = this.tickets.find(({ id }) => id === body.ticket_id);
    // app/controllers/application_controller/handles_errors.rb: not_found, pundit_not_authorized_error
    if (ticket === undefined) return refused(404, `Couldn't find Ticket with 'id'=${body.ticket_id}`);
    if (!this.#mayUse(user, ticket)) return refused(403, 'Not authorized');
    // app/policies/ticket_policy.rb: follow_up?
    if (ticket.state === 'closed' && !user.isAgent && !ticket.followUp)
      return refused(422, 'Cannot follow-up on a closed ticket. Please create a new ticket.');
    const length = Array.from(body.body).length;
    // app/models/ticket/article.rb: check_body
    if (length > 1_500_000)
      return refused(422, `body of article is too large, ${length} chars - only 1500000 allowed`);
    const files = [];
    for (const [at, { filename, data }] of (body.attachments ?? []).entries()) {
      const bytes = Buffer.from(data, 'base64');
      // app/controllers/concerns/creates_ticket_articles.rb
      if (bytes.toString('base64') !== data)
        return refused(422, `Invalid base64 for attachment with index '${at}'`);
      files.push({ id: this.articles.length * 100 + at, filename, bytes });
    }
    const { type, message_id: messageId = null } = body;
    // The same file: what a customer writes is never internal.
    const internal = user.isAgent && body.internal;
    const article = { type, internal, messageId, files };
    return { status: 201, json: shown(this.say(ticket.id, user.login, body.body, article)) };
  }

  #reading(signed: Signed<ZammadUser>, answers: Operation['answers']): Operation[] {
    return [
      {
        method: 'GET',
        path: '/api/v1/tickets/{id}',
        query: texts('expand?'),
        answers: {
          ...answers,
          200: object({ id: NUMBER, title: TEXT, 'article_ids?': list(NUMBER), 'state?': TEXT }),
        },
        run: signed(({ at, query }, user) => {
          const ticket = this.tickets.find(({ id }) => id === Number(at.id));
          // app/controllers/tickets_controller.rb: show; handles_errors.rb says it
          if (ticket === undefined) return refused(404, `Couldn't find Ticket with 'id'=${at.id ?? ''}`);
          if (!this.#mayUse(user, ticket)) return refused(403, 'Not authorized');
          const article_ids = this.articles.filter((each) => each.ticket === ticket.id).map(({ id }) => id);
          // api/intro, Response Payloads (Expand): what belongs to it, and the names of relations; not in api/ticket, Show.
          const relations = query.get('expand') === 'true' ? { article_ids, state: ticket.state } : {};
          return { status: 200, json: { id: ticket.id, title: 'It does not work', ...relations } };
        }),
      },
      {
        method: 'GET',
        path: '/api/v1/ticket_articles/{id}',
        answers: { ...answers, 200: ARTICLE },
        run: signed(({ at }, user) => {
          const article = this.articles.find(({ id }) => id === Number(at.id));
          // app/controllers/application_controller/handles_errors.rb: not_found
          if (article === undefined)
            return refused(404, `Couldn't find Ticket::Article with 'id'=${at.id ?? ''}`);
          // app/policies/ticket/article_policy.rb
          if (article.internal && !user.isAgent) return refused(403, 'Not authorized');
          return { status: 200, json: shown(article) };
        }),
      },
      {
        method: 'GET',
        path: '/api/v1/ticket_articles/by_ticket/{id}',
        answers: { ...answers, 200: list(ARTICLE) },
        run: signed(({ at }) => ({
          status: 200,
          json: this.articles.filter(({ ticket }) => ticket === Number(at.id)).map(shown),
        })),
      },
      {
        method: 'GET',
        path: '/api/v1/ticket_attachment/{ticket}/{article}/{id}',
        answers: { ...answers, 200: {} },
        run: signed(({ at }) => {
          const files = this.articles.flatMap((article) => article.files);
          const bytes = files.find(({ id }) => id === Number(at.id))?.bytes ?? Buffer.alloc(0);
          return { status: 200, bytes };
        }),
      },
    ];
  }

  #people(signed: Signed<ZammadUser>, answers: Operation['answers']): Operation[] {
    const listed = ({ id, login, email, active, isAgent }: ZammadUser): object => {
      return { id, login, email, firstname: login, active, role_ids: isAgent ? [2] : [3] };
    };
    return [
      {
        method: 'GET',
        path: '/api/v1/users/me',
        answers: { ...answers, 200: USER },
        run: signed((_, user) => ({ status: 200, json: listed(user) })),
      },
      {
        method: 'GET',
        path: '/api/v1/users',
        query: texts('page', 'per_page', 'expand?'),
        answers: { ...answers, 200: list(USER) },
        run: signed(({ query }) => ({ status: 200, json: pageOf(this.users, query).map(listed) })),
      },
      {
        method: 'GET',
        path: '/api/v1/users/search',
        query: texts('query', 'page', 'per_page', 'expand?', 'sort_by?', 'order_by?'),
        answers: { ...answers, 200: list(USER) },
        run: signed(({ query }) => {
          // What is found only holds a part of what is sought, as with a search engine and without one.
          const parts = (query.get('query') ?? '').toLowerCase().split(/[@.+*]/);
          const found = this.users.filter(({ email }) => parts.some((part) => email.includes(part)));
          return { status: 200, json: pageOf(found, query).map(listed) };
        }),
      },
    ];
  }
}

/** api/intro, Pagination */
function pageOf<T>(all: readonly T[], query: URLSearchParams): readonly T[] {
  const size = Number(query.get('per_page'));
  const from = (Number(query.get('page')) - 1) * size;
  return all.slice(from, from + size);
}

interface NewArticle {
  readonly ticket_id: number;
  readonly body: string;
  readonly type: string;
  readonly internal: boolean;
  readonly message_id?: string;
  readonly attachments?: readonly { readonly filename: string; readonly data: string }[];
}

function refused(status: number, error: string): Answer {
  return { status, json: { error, error_human: error } };
}

function shown({ id, ticket, by, body, type, internal, messageId, at, files }: Article): object {
  return {
    id,
    ticket_id: ticket,
    content_type: 'text/html',
    // lib/html_sanitizer.rb: comments go.
    body: body.replace(/<!--[^]*?-->/g, ''),
    internal,
    message_id: messageId,
    created_at: new Date(at).toISOString(),
    created_by: by.login,
    type,
    attachments: files.map((file) => ({
      id: file.id,
      filename: file.filename,
      size: String(file.bytes.length),
      preferences: {},
    })),
  };
}

interface ShownArticle {
  readonly id: number;
  readonly created_by: string;
  readonly body: string;
  readonly attachments: readonly { readonly id: number; readonly filename: string }[];
}

/** Starts a Zammad as the contract wants it. */
export async function runZammad(scratch: Scratch): Promise<RunningPlatform> {
  const zammad = await new FakeZammad().start(scratch);
  const get = (path: string): Promise<Response> =>
    fetch(`${zammad.origin}/api/v1${path}`, { headers: { authorization: `Token token=${zammad.token}` } });
  return {
    origin: zammad.origin,
    table: { type: 'zammad' },
    token: zammad.token,
    unfit: [
      () => {
        zammad.mayImpersonate = false;
        return zammad.token;
      },
    ],
    user: 'alice@example.com',
    address: 'alice@example.com',
    thread: () => Promise.resolve(zammad.ticket()),
    missing: 'ticket/999999',
    closed: () => Promise.resolve(zammad.ticket({ state: 'merged' })),
    comments: async (thread) => {
      const ticket = thread.replace('ticket/', '');
      const answer = await get(`/ticket_articles/by_ticket/${ticket}`);
      const articles = ((await answer.json()) as ShownArticle[]).slice(1);
      const comments: Comment[] = [];
      for (const { id, created_by: author, body, attachments } of articles) {
        const files = [];
        for (const file of attachments) {
          const content = await get(`/ticket_attachment/${ticket}/${id}/${file.id}`);
          files.push({ name: file.filename, bytes: Buffer.from(await content.arrayBuffer()) });
        }
        comments.push({ author, text: readSimple(body), files });
      }
      return comments;
    },
  };
}
