// A GitHub for the tests, as far as its published interface goes (github/rest-api-description, the description for
// api.github.com of version 2022-11-28: issues/create-comment, issues/list-comments, issues/create, issues/list-for-repo,
// users/get-authenticated, rate-limit/get). Held against @octokit/openapi-types 29.0.1, which is made from it.
//
// Each answer that is an error has its place in GitHub's documentation beside it, or the message as GitHub's own clients know it.

import type { IncomingHttpHeaders } from 'node:http';
import { type Entry, nowToTheSecond, pageOf, repositoryOf, since } from './forge.ts';
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
  type Schema,
  TEXT,
  TIME,
  texts,
} from './published.ts';
import type { Scratch } from './scratch.ts';

// components/schemas/simple-user, as far as we read it
const USER: Schema = object({
  login: TEXT,
  id: NUMBER,
  node_id: TEXT,
  url: TEXT,
  html_url: TEXT,
  type: TEXT,
  site_admin: FLAG,
});
// components/schemas/issue-comment
const COMMENT: Schema = object({
  id: NUMBER,
  node_id: TEXT,
  url: TEXT,
  html_url: TEXT,
  issue_url: TEXT,
  user: orNull(USER),
  'body?': TEXT,
  created_at: TIME,
  updated_at: TIME,
  author_association: TEXT,
});
// components/schemas/issue
const ISSUE: Schema = object({
  id: NUMBER,
  node_id: TEXT,
  number: NUMBER,
  title: TEXT,
  'body?': orNull(TEXT),
  user: orNull(USER),
  state: TEXT,
  locked: FLAG,
  url: TEXT,
  created_at: TIME,
  updated_at: TIME,
});
const RATE: Schema = object({ limit: NUMBER, used: NUMBER, remaining: NUMBER, reset: NUMBER });
// components/schemas/basic-error and validation-error
const BASIC: Schema = object({ 'message?': TEXT, 'documentation_url?': TEXT, 'url?': TEXT, 'status?': TEXT });
const INVALID: Schema = object({
  message: TEXT,
  documentation_url: TEXT,
  'status?': TEXT,
  'errors?': list(object({ 'resource?': TEXT, 'field?': TEXT, 'message?': TEXT, code: TEXT })),
});
const ERRORS = { 401: BASIC, 403: BASIC, 404: BASIC, 410: BASIC, 422: INVALID, 429: BASIC };

interface Issue extends Entry {
  readonly number: number;
  readonly title: string;
  readonly comments: Entry[];
  isLocked: boolean;
}

const REPOSITORY = 'acme/app';

/** Starts a GitHub with the account of the sink, and the users alice and bob. */
export function startGithub(scratch: Scratch): Promise<Github> {
  return new Github().start(scratch);
}

/** A GitHub. */
export class Github extends Fake {
  readonly token = 'ghp_9x3f7d1c55aa0e62418f0123456789abcdef';
  /** Tokens by their value: whose they are, and what a classic one may. */
  readonly tokens = new Map<string, { readonly login: string; readonly scopes?: string }>([
    [this.token, { login: 'acme-mail', scopes: 'repo' }],
    ['ghp_reads', { login: 'acme-mail', scopes: 'read:user, gist' }],
    ['ghp_alice', { login: 'alice', scopes: 'public_repo' }],
    ['ghp_bob', { login: 'bob' }],
  ]);
  readonly issues: Issue[] = [];
  /** What the next request that makes something is answered. */
  next: Answer | undefined;
  #made = 100;

  /** Makes an issue; its locator. */
  issue(change: { readonly isLocked?: boolean } = {}): string {
    const issue = this.#start('acme-mail', 'Something', '');
    issue.isLocked = change.isLocked === true;
    return `${REPOSITORY}/issues/${issue.number}`;
  }

  /** Reads the comments of a thread through the interface, in order. */
  async comments(thread: string): Promise<{ body: string; user: { login: string } }[]> {
    const found = [];
    for (let page = 1; ; page++) {
      const path = `/repos/${thread}/comments?per_page=100&page=${page}`;
      const answer = await fetch(this.origin + path, { headers: this.#headers() });
      const shown = (await answer.json()) as { body: string; user: { login: string } }[];
      found.push(...shown);
      if (shown.length < 100) return found;
    }
  }

  protected override published(): Interface {
    return {
      operations: this.#routes(),
      before: ({ headers }) => {
        // docs.github.com, getting started with the REST API: a request without a User-Agent is refused
        if (headers['user-agent'] === undefined)
          return refused(403, 'Request forbidden by administrative rules.');
        // docs.github.com, authenticating to the REST API: a token that is none is a 401
        return this.#owner(headers) === undefined ? refused(401, 'Bad credentials') : undefined;
      },
    };
  }

  #routes(): Operation[] {
    const thread = '/repos/{owner}/{repo}/issues/{issue_number:whole}/comments';
    const issues = '/repos/{owner}/{repo}/issues';
    return [
      {
        method: 'GET',
        path: '/user',
        answers: { 200: USER, ...ERRORS },
        run: ({ headers }) => {
          const { login, scopes } = this.#owner(headers) ?? { login: '' };
          // docs.github.com, scopes for OAuth apps: X-OAuth-Scopes, of classic tokens alone
          return {
            status: 200,
            json: this.#user(login),
            headers: scopes === undefined ? {} : { 'x-oauth-scopes': scopes },
          };
        },
      },
      {
        method: 'GET',
        path: '/rate_limit',
        answers: {
          200: object({ resources: object({ core: RATE, search: RATE }), rate: RATE }),
          ...ERRORS,
        },
        run: () => {
          const core = { limit: 5000, used: 1, remaining: 4999, reset: 1795194131 };
          return { status: 200, json: { resources: { core, search: core }, rate: core } };
        },
      },
      {
        method: 'GET',
        path: thread,
        query: texts('since?', 'per_page?', 'page?'),
        answers: { 200: list(COMMENT), ...ERRORS },
        run: (asked) =>
          this.#on(asked, ({ comments }) =>
            paged(
              since(comments, asked.query.get('since')).map((each) => this.#comment(each)),
              asked,
            ),
          ),
      },
      {
        method: 'POST',
        path: thread,
        body: { type: 'json', schema: object({ body: TEXT }) },
        answers: { 201: COMMENT, ...ERRORS },
        run: (asked) =>
          this.#on(asked, (issue) => {
            const refusal = this.#refusal(asked, issue);
            if (refusal !== undefined) return refusal;
            const made = this.#entry(this.#owner(asked.headers)?.login ?? '', String(asked.body['body']));
            issue.comments.push(made);
            return { status: 201, json: this.#comment(made) };
          }),
      },
      {
        method: 'GET',
        path: issues,
        query: texts('state?', 'sort?', 'direction?', 'since?', 'per_page?', 'page?'),
        answers: { 200: list(ISSUE), ...ERRORS },
        run: (asked) =>
          paged(
            since(this.issues, asked.query.get('since'))
              .map((each) => this.#shown(each))
              .reverse(),
            asked,
          ),
      },
      {
        method: 'POST',
        path: issues,
        body: { type: 'json', schema: object({ title: TEXT, 'body?': TEXT }) },
        answers: { 201: ISSUE, ...ERRORS },
        run: (asked) => {
          const { at, body, headers } = asked;
          if (repositoryOf(at) !== REPOSITORY) return refused(404, 'Not Found');
          const refusal = this.#refusal(asked);
          if (refusal !== undefined) return refusal;
          const made = this.#start(
            this.#owner(headers)?.login ?? '',
            String(body['title']),
            String(body['body']),
          );
          return { status: 201, json: this.#shown(made) };
        },
      },
    ];
  }

  #refusal({ body, headers }: Call, issue?: Issue): Answer | undefined {
    const { next } = this;
    this.next = undefined;
    if (next !== undefined) return next;
    // docs.github.com, scopes: a classic token without the scope may read what is public, and write nothing
    if (this.#owner(headers)?.scopes?.includes('repo') === false) return refused(404, 'Not Found');
    // docs.github.com/articles/locking-conversations
    if (issue?.isLocked === true) return refused(403, 'Unable to create comment because issue is locked.');
    if (Array.from(String(body['body'])).length <= 65_536) return undefined;
    const error = {
      resource: 'IssueComment',
      code: 'custom',
      field: 'body',
      message: 'body is too long (maximum is 65536 characters)',
    };
    return {
      status: 422,
      json: {
        message: 'Validation Failed',
        errors: [error],
        documentation_url: DOCUMENTATION,
        status: '422',
      },
    };
  }

  #on({ at }: Call, act: (issue: Issue) => Answer): Answer {
    const isHere = repositoryOf(at) === REPOSITORY;
    const found = isHere ? this.issues[Number(at['issue_number']) - 1] : undefined;
    return found === undefined ? refused(404, 'Not Found') : act(found);
  }

  #owner({
    authorization = '',
  }: IncomingHttpHeaders): { readonly login: string; readonly scopes?: string } | undefined {
    return this.tokens.get(authorization.replace(/^Bearer /, ''));
  }

  #headers(): Record<string, string> {
    return { authorization: `Bearer ${this.token}`, 'user-agent': 'test' };
  }

  #start(author: string, title: string, body: string): Issue {
    const number = this.issues.length + 1;
    const made = { ...this.#entry(author, body), number, title, comments: [], isLocked: false };
    this.issues.push(made);
    return made;
  }

  #entry(author: string, body: string): Entry {
    return { id: ++this.#made, author, body, at: nowToTheSecond() };
  }

  #user(login: string): object {
    const url = `${this.origin}/users/${login}`;
    return { login, id: login.length, node_id: login, url, html_url: url, type: 'User', site_admin: false };
  }

  #comment({ id, author, body, at }: Entry): object {
    const url = `${this.origin}/comments/${id}`;
    const user = this.#user(author);
    const shown = { id, node_id: `IC_${id}`, url, html_url: url, issue_url: url, user, body };
    return { ...shown, created_at: at, updated_at: at, author_association: 'MEMBER' };
  }

  #shown({ id, number, title, body, author, isLocked, at }: Issue): object {
    const url = `${this.origin}/repos/${REPOSITORY}/issues/${number}`;
    const shown = {
      id,
      node_id: `I_${id}`,
      number,
      title,
      body,
      user: this.#user(author),
      state: 'open',
      locked: isLocked,
    };
    return { ...shown, url, created_at: at, updated_at: at };
  }
}

const DOCUMENTATION = 'https://docs.github.com/rest';

/** Makes an answer that is a refusal. */
export function refused(status: number, message: string, headers: Record<string, string> = {}): Answer {
  const json = { message, documentation_url: DOCUMENTATION, status: String(status) };
  return { status, json, headers };
}

// docs.github.com, using pagination in the REST API
function paged(all: readonly object[], { query }: Call): Answer {
  return { status: 200, json: pageOf(all, query, { size: 'per_page', usual: 30, most: 100 }).entries };
}
