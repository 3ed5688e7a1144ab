// A GitHub for the tests, as far as its published interface goes (github/rest-api-description, the description for
// api.github.com of version 2022-11-28: issues/create-comment, issues/list-comments, issues/create, issues/list-for-repo,
// users/get-authenticated, rate-limit/get).
//
// Each answer that is an error has its place in GitHub's documentation beside it, or the message as GitHub's own clients know it.

import type { IncomingHttpHeaders } from 'node:http';
import {
  type Answered,
  type Asked,
  type Interface,
  type Published,
  type Route,
  type Shape,
  startPublished,
} from './forge.ts';
import type { Scratch } from './scratch.ts';

// components/schemas/simple-user, as far as we read it
const USER: Shape = {
  members: {
    login: 'text',
    id: 'whole',
    node_id: 'text',
    url: 'text',
    html_url: 'text',
    type: 'text',
    site_admin: 'flag',
  },
};
// components/schemas/issue-comment
const COMMENT: Shape = {
  members: {
    id: 'whole',
    node_id: 'text',
    url: 'text',
    html_url: 'text',
    issue_url: 'text',
    user: { either: [USER, 'null'] },
    'body?': 'text',
    created_at: 'time',
    updated_at: 'time',
    author_association: 'text',
  },
};
// components/schemas/issue
const ISSUE: Shape = {
  members: {
    id: 'whole',
    node_id: 'text',
    number: 'whole',
    title: 'text',
    'body?': { either: ['text', 'null'] },
    user: { either: [USER, 'null'] },
    state: 'text',
    locked: 'flag',
    url: 'text',
    created_at: 'time',
    updated_at: 'time',
  },
};
const RATE: Shape = { members: { limit: 'whole', used: 'whole', remaining: 'whole', reset: 'whole' } };
// components/schemas/basic-error and validation-error
const BASIC: Shape = {
  members: { 'message?': 'text', 'documentation_url?': 'text', 'url?': 'text', 'status?': 'text' },
};
const INVALID: Shape = {
  members: {
    message: 'text',
    documentation_url: 'text',
    'status?': 'text',
    'errors?': {
      list: { members: { 'resource?': 'text', 'field?': 'text', 'message?': 'text', code: 'text' } },
    },
  },
};
const ERRORS = { 401: BASIC, 403: BASIC, 404: BASIC, 410: BASIC, 422: INVALID, 429: BASIC };

interface Entry {
  readonly id: number;
  readonly author: string;
  readonly body: string;
  readonly at: string;
}

interface Issue extends Entry {
  readonly number: number;
  readonly title: string;
  readonly comments: Entry[];
  isLocked: boolean;
}

const REPOSITORY = 'acme/app';

/** Starts a GitHub with the account of the sink, and the users alice and bob. */
export async function startGithub(scratch: Scratch): Promise<Github> {
  const github = new Github();
  github.server = await startPublished(scratch, github.published());
  return github;
}

/** A GitHub. */
export class Github {
  readonly token = 'ghp_9x3f7d1c55aa0e62418f0123456789abcdef';
  /** Tokens by their value: whose they are, and what a classic one may. */
  readonly tokens = new Map<string, { readonly login: string; readonly scopes?: string }>([
    [this.token, { login: 'acme-mail', scopes: 'repo' }],
    ['ghp_reads', { login: 'acme-mail', scopes: 'read:user, gist' }],
    ['ghp_alice', { login: 'alice', scopes: 'public_repo' }],
    ['ghp_bob', { login: 'bob' }],
  ]);
  server!: Published;
  readonly issues: Issue[] = [];
  /** What the next request that makes something is answered. */
  next: Answered | undefined;
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
      const answer = await fetch(this.server.origin + path, { headers: this.#headers() });
      const shown = (await answer.json()) as { body: string; user: { login: string } }[];
      found.push(...shown);
      if (shown.length < 100) return found;
    }
  }

  published(): Interface {
    return {
      routes: this.#routes(),
      guard: (headers) => {
        // docs.github.com, getting started with the REST API: a request without a User-Agent is refused
        if (headers['user-agent'] === undefined)
          return refused(403, 'Request forbidden by administrative rules.');
        // docs.github.com, authenticating to the REST API: a token that is none is a 401
        return this.#owner(headers) === undefined ? refused(401, 'Bad credentials') : undefined;
      },
      nowhere: refused(404, 'Not Found'),
    };
  }

  #routes(): Route[] {
    const thread = '/repos/{owner}/{repo}/issues/{issue_number:whole}/comments';
    const issues = '/repos/{owner}/{repo}/issues';
    return [
      {
        method: 'GET',
        path: '/user',
        answers: { 200: USER, ...ERRORS },
        act: ({ headers }) => {
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
          200: { members: { resources: { members: { core: RATE, search: RATE } }, rate: RATE } },
          ...ERRORS,
        },
        act: () => {
          const core = { limit: 5000, used: 1, remaining: 4999, reset: 1795194131 };
          return { status: 200, json: { resources: { core, search: core }, rate: core } };
        },
      },
      {
        method: 'GET',
        path: thread,
        query: ['since', 'per_page', 'page'],
        answers: { 200: { list: COMMENT }, ...ERRORS },
        act: (asked) =>
          this.#on(asked, ({ comments }) =>
            paged(
              since(comments, asked).map((each) => this.#comment(each)),
              asked,
            ),
          ),
      },
      {
        method: 'POST',
        path: thread,
        body: { members: { body: 'text' } },
        answers: { 201: COMMENT, ...ERRORS },
        act: (asked) =>
          this.#on(asked, (issue) => {
            const refusal = this.#refusal(asked, issue);
            if (refusal !== undefined) return refusal;
            const made = this.#entry(this.#owner(asked.headers)?.login ?? '', String(asked.json['body']));
            issue.comments.push(made);
            return { status: 201, json: this.#comment(made) };
          }),
      },
      {
        method: 'GET',
        path: issues,
        query: ['state', 'sort', 'direction', 'since', 'per_page', 'page'],
        answers: { 200: { list: ISSUE }, ...ERRORS },
        act: (asked) =>
          paged(
            since(this.issues, asked)
              .map((each) => this.#shown(each))
              .reverse(),
            asked,
          ),
      },
      {
        method: 'POST',
        path: issues,
        body: { members: { title: 'text', 'body?': 'text' } },
        answers: { 201: ISSUE, ...ERRORS },
        act: (asked) => {
          const { parts, json, headers } = asked;
          if (`${parts['owner']}/${parts['repo']}` !== REPOSITORY) return refused(404, 'Not Found');
          const refusal = this.#refusal(asked);
          if (refusal !== undefined) return refusal;
          const made = this.#start(
            this.#owner(headers)?.login ?? '',
            String(json['title']),
            String(json['body']),
          );
          return { status: 201, json: this.#shown(made) };
        },
      },
    ];
  }

  #refusal({ json, headers }: Asked, issue?: Issue): Answered | undefined {
    const { next } = this;
    this.next = undefined;
    if (next !== undefined) return next;
    // docs.github.com, scopes: a classic token without the scope may read what is public, and write nothing
    if (this.#owner(headers)?.scopes?.includes('repo') === false) return refused(404, 'Not Found');
    // docs.github.com/articles/locking-conversations
    if (issue?.isLocked === true) return refused(403, 'Unable to create comment because issue is locked.');
    if (Array.from(String(json['body'])).length <= 65_536) return undefined;
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

  #on({ parts }: Asked, act: (issue: Issue) => Answered): Answered {
    const isHere = `${parts['owner']}/${parts['repo']}` === REPOSITORY;
    const found = isHere ? this.issues[Number(parts['issue_number']) - 1] : undefined;
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
    return { id: ++this.#made, author, body, at: `${new Date().toISOString().slice(0, 19)}Z` };
  }

  #user(login: string): object {
    const url = `${this.server.origin}/users/${login}`;
    return { login, id: login.length, node_id: login, url, html_url: url, type: 'User', site_admin: false };
  }

  #comment({ id, author, body, at }: Entry): object {
    const url = `${this.server.origin}/comments/${id}`;
    const user = this.#user(author);
    const shown = { id, node_id: `IC_${id}`, url, html_url: url, issue_url: url, user, body };
    return { ...shown, created_at: at, updated_at: at, author_association: 'MEMBER' };
  }

  #shown({ id, number, title, body, author, isLocked, at }: Issue): object {
    const url = `${this.server.origin}/repos/${REPOSITORY}/issues/${number}`;
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
export function refused(status: number, message: string, headers: Record<string, string> = {}): Answered {
  const json = { message, documentation_url: DOCUMENTATION, status: String(status) };
  return { status, json, headers };
}

function since<T extends Entry>(entries: readonly T[], { query }: Asked): T[] {
  return entries.filter(({ at }) => at >= (query['since'] ?? ''));
}

// docs.github.com, using pagination in the REST API
function paged(all: readonly object[], { query }: Asked): Answered {
  const [size, page] = [Math.min(Number(query['per_page'] ?? 30), 100), Number(query['page'] ?? 1)];
  return { status: 200, json: all.slice((page - 1) * size, page * size) };
}
