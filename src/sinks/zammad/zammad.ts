/**
 * The zammad sink: posts each reply as an article of its user, by a token that may act on behalf of others.
 *
 * Contract: `From` (and `X-On-Behalf-Of`, its older name) names the user; text is HTML; files go with the
 * article. The article's `message_id` is ours, and by it the article is found again among the ticket's last ones. An
 * agent's reply to what was internal is internal.
 * Failure: Zammad refuses an unknown user with 401 or 403 and words that are the same in every language; so a user who is
 * not there, a right that the token lacks and a token that is wrong are told apart. It lets a user who is not active act
 * on behalf: the sink asks first. What is too much for the web server before it goes without files.
 * Sources: docs.zammad.org (2026-05); zammad/zammad, files named at the tests.
 */

import type { Post, PostAttachment } from '../../reply/post.ts';
import type { Meaning } from '../answer.ts';
import { NoPost } from '../no-post.ts';
import {
  type Examined,
  lacks,
  listIn,
  type Means,
  member,
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
import { draftText } from '../platform/draft.ts';
import { html } from '../platform/html.ts';
import { openerOf, previewerOf } from '../platform/open.ts';
import { loginOf, type PlatformOptions } from '../platform/options.ts';
import { addressesOf, type Listed, ourUsers, userOfAddress } from '../platform/people.ts';
import type { Examination, Outcome, PlatformUser, Sink } from '../sink.ts';
import type { SinkEnvironment } from '../sink-kind.ts';
import { recogniseZammad } from './recognise.ts';
import { ZAMMAD_SETTINGS } from './settings.ts';

type Options = PlatformOptions<typeof ZAMMAD_SETTINGS>;

/** Characters of an article (app/models/ticket/article.rb). */
const MOST_CHARS = 1_500_000;

/** Articles that are looked through, the last ones. */
const LOOKED_THROUGH = 50;

/** An article is made after its reply came, as far as the clocks of two hosts agree. */
const CLOCKS_MS = 3600 * 1000;

/** The account of Zammad itself, which is always there. */
const SYSTEM_ID = '1';

const PAGE = 100;

/** Opens the sink of a `[sink]` table. */
export const open = openerOf(ZAMMAD_SETTINGS, (options, environment) => new ZammadSink(options, environment));

/** Shows the article of a post; whether it is internal is left out where that depends on the article that it answers. */
export const preview = previewerOf(ZAMMAD_SETTINGS, (post, options) => {
  const { visibility } = options;
  const seen = visibility === 'as-answered' ? {} : { internal: visibility === 'internal' };
  const { from } = onBehalf(loginOf(options.map, post.user));
  return {
    body: { body: bodyOf(post, options), ...articleOf(post, options), ...seen },
    fields: { From: from, ticket: post.thread },
  };
});

/** Writes the text of an article. */
function bodyOf(
  post: Post,
  { policy }: Pick<Options, 'policy'>,
  refused: readonly PostAttachment[] = [],
): string {
  const form = { dialect: html, policy, attribution: '', mostChars: MOST_CHARS };
  return draftText(post, form, refused);
}

/** Gives what an article has beside its text, its place and who sees it. */
const articleOf = (post: Post, { article }: Pick<Options, 'article'>) => ({
  content_type: 'text/html',
  type: article,
  message_id: messageId(post),
});

/** Reads what Zammad means by 401 and 403 out of its words. */
const means: Means = ({ status, json }): Meaning | undefined => {
  const error = member(json, 'error');
  if ((status !== 401 && status !== 403) || typeof error !== 'string') return undefined;
  if (error.startsWith('No such user')) return 'refused';
  if (error.startsWith('Maintenance mode')) return 'busy';
  // "Not authorized" is said of a ticket; all else of the token.
  return status === 403 && error === 'Not authorized' ? 'refused' : 'broken';
};

/** The sink; a post, and what is looked up for it, is asked for on behalf of its user. */
class ZammadSink implements Sink {
  readonly recognise = recogniseZammad;
  readonly #options: Options;
  readonly #client: PlatformClient;

  constructor(options: Options, { now }: SinkEnvironment) {
    this.#options = options;
    const headers = { authorization: `Token token=${options.token}` };
    this.#client = openPlatformClient(options, { now, headers, means });
  }

  deliver(post: Post, signal: AbortSignal): Promise<Outcome> {
    return settled(async () => {
      const ticket = ticketOf(post.thread);
      const body = bodyOf(post, this.#options);
      const headers = onBehalf(loginOf(this.#options.map, post.user));
      const ask: Ask = (request) => this.#client.demand({ ...request, headers }, signal);
      await isActive(ask);
      const articles = await articlesOf(ticket, ask);
      const internal = await this.#isInternal(post, articles, ask);
      const json = { ticket_id: ticket, internal, ...articleOf(post, this.#options) };
      const files = post.attachments.map(written);
      const make = (more: object): Promise<PlatformAnswer> =>
        this.#client.ask({ path: '/api/v1/ticket_articles', json: { ...json, ...more }, headers }, signal);
      let answer = await make({ body, ...(files.length === 0 ? {} : { attachments: files }) });
      if (answer.status === 413 && files.length > 0)
        answer = await make({ body: bodyOf(post, this.#options, post.attachments) });
      return this.#judge(answer);
    });
  }

  exists(post: Post, signal: AbortSignal): Promise<boolean> {
    return sought(async () => {
      const headers = onBehalf(loginOf(this.#options.map, post.user));
      const ask: Ask = (request) => this.#client.demand({ ...request, headers }, signal);
      for await (const article of lastOnes(await articlesOf(ticketOf(post.thread), ask), ask)) {
        if (member(article, 'message_id') === messageId(post)) return true;
        if (madeAt(article) < post.receivedAt - CLOCKS_MS) return false;
      }
      return false;
    });
  }

  examine(signal: AbortSignal): Promise<Examination> {
    // Zammad itself is there in every Zammad: on its behalf only a right token may ask.
    const request = { path: '/api/v1/users/me', headers: onBehalf(SYSTEM_ID, true) };
    return this.#client.examine(request, readExamination, signal);
  }

  async findUser(address: string, signal: AbortSignal): Promise<string | undefined> {
    const query = { query: address.toLowerCase(), page: '1', per_page: String(PAGE) };
    const answer = await this.#client.demand({ path: '/api/v1/users/search', query }, signal);
    return userOfAddress(this.#options.map, usersIn(answer), address);
  }

  users(signal: AbortSignal): AsyncIterable<PlatformUser> {
    return ourUsers(this.#options.map, this.#listed(signal));
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** Tells whether a reply is for agents alone: as the newest article was when the notification went out. */
  async #isInternal(post: Post, articles: readonly number[], ask: Ask): Promise<boolean> {
    const { visibility } = this.#options;
    if (visibility !== 'as-answered') return visibility === 'internal';
    for await (const article of lastOnes(articles, ask))
      if (madeAt(article) <= post.repliedToAt) return member(article, 'internal') === true;
    // In doubt nobody outside reads it; what a customer writes is public whatever is asked for.
    return true;
  }

  #judge(answer: PlatformAnswer): Outcome {
    const outcome = this.#client.judge(answer);
    if (outcome.kind !== 'posted') return outcome;
    const id = member(wholeOf(answer).json, 'id');
    if (typeof id !== 'number' || typeof member(answer.json, 'ticket_id') !== 'number')
      throw unexpected(answer, 'the answer to an article names none');
    return { ...outcome, diagnostic: `article ${id}` };
  }

  async *#listed(signal: AbortSignal): AsyncIterable<Listed> {
    for (let page = 1; ; page += 1) {
      const query = { page: String(page), per_page: String(PAGE) };
      const answer = await this.#client.demand({ path: '/api/v1/users', query }, signal);
      if (listIn(answer).length === 0) return;
      yield* usersIn(answer);
    }
  }
}

/** Asks on behalf of a user, and gives the answer where it is one. */
type Ask = (request: PlatformRequest) => Promise<PlatformAnswer>;

function ticketOf(locator = ''): number {
  const [, ticket] = /^ticket\/(\d{1,12})$/.exec(locator) ?? [];
  if (ticket === undefined)
    throw refuse(
      `${JSON.stringify(locator)} is no ticket of Zammad; expected ticket/ID, the ID of its address in the browser`,
    );
  return Number(ticket);
}

/** Names the user whose request it is, by a login or an address; a number would name whoever has it. */
function onBehalf(login: string, isNumber = false): Record<string, string> {
  if (!/^[\x21-\x7e]+$/.test(login) || /^\d+$/.test(login) !== isNumber)
    throw refuse(
      `${JSON.stringify(login)} cannot be named in a request to Zammad; expected a login in ASCII`,
    );
  return { from: login, 'x-on-behalf-of': login };
}

/** Refuses a post of a user who is not active; rejects where Zammad does not say. */
async function isActive(ask: Ask): Promise<void> {
  const answer = await ask({ path: '/api/v1/users/me' });
  const active = member(wholeOf(answer).json, 'active');
  if (active === false) throw refuse(`${String(member(answer.json, 'login'))} is not active in Zammad`);
  if (active !== true) throw unexpected(answer, 'the answer names no user');
}

/** Gives the ids of a ticket's articles in their order; a ticket that was merged into another one takes none. */
async function articlesOf(ticket: number, ask: Ask): Promise<readonly number[]> {
  const answer = await ask({ path: pathOf('api', 'v1', 'tickets', ticket), query: { expand: 'true' } });
  const ids = member(wholeOf(answer).json, 'article_ids');
  if (!Array.isArray(ids)) throw unexpected(answer, 'the answer is no ticket');
  if (member(answer.json, 'state') === 'merged')
    throw refuse(`ticket ${ticket} of Zammad was merged into another one`);
  return ids.filter((id) => typeof id === 'number').sort((left, right) => left - right);
}

/** Gives articles from the last one on, without those that the user may not see. */
async function* lastOnes(ids: readonly number[], ask: Ask): AsyncIterable<unknown> {
  for (const id of ids.slice(-LOOKED_THROUGH).reverse()) {
    try {
      const { json } = await ask({ path: pathOf('api', 'v1', 'ticket_articles', id) });
      yield json;
    } catch (error) {
      // Deleted since, or an internal one that the user does not see.
      if (!(error instanceof NoPost) || error.outcome.kind !== 'failed') throw error;
    }
  }
}

function madeAt(article: unknown): number {
  return Date.parse(String(member(article, 'created_at')));
}

function messageId(post: Post): string {
  return `<mailgw.${post.id.replace(/[^\w-]/g, '_')}@mailgw.invalid>`;
}

function written({ filename, contentType, content }: PostAttachment): object {
  const data = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('base64');
  return { filename, data, 'mime-type': contentType };
}

/** Reads whether the token is one, and whether it may act on behalf of others. */
function readExamination({ status, json }: PlatformAnswer): Examined {
  const postsAs = 'the user of each reply, on whose behalf the token asks (From)';
  if (status !== 401 && status !== 403) return { postsAs };
  const isRight =
    status === 403 || String(member(json, 'error')).startsWith('Current user has no permission');
  return isRight
    ? lacks(
        'the token of Zammad may not act on behalf of others',
        'give it admin.user, ticket.agent and ticket.customer, and its user a role that has them',
        postsAs,
      )
    : lacks(
        'Zammad does not take the token',
        'make one in your profile, Token Access, and put it into the file of sink.token_file',
        postsAs,
      );
}

function usersIn(answer: PlatformAnswer): readonly Listed[] {
  return listIn(answer)
    .map(userOf)
    .filter((user) => user !== undefined);
}

/** Reads an active user of a list; addresses in lower case. */
function userOf(listed: unknown): Listed | undefined {
  const login = member(listed, 'login');
  if (member(listed, 'active') !== true || typeof login !== 'string' || login === '') return undefined;
  return { login, addresses: addressesOf(member(listed, 'email')).map((each) => each.toLowerCase()) };
}
