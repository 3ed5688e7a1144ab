// A Gitea for the tests, as far as its published interface goes (templates/swagger/v1_json.tmpl, made from the comments in
// go-gitea/gitea routers/api/v1 and the types in modules/structs; Forgejo has the same). Held against the interface of 1.23 as
// gitea-js 1.23.0 is made from it: paths, parameters, and the members of all bodies.
//
// Each answer that is an error has its place in Gitea's source beside it.

import type { IncomingHttpHeaders } from 'node:http';
import { nowToTheSecond, pageOf, repositoryOf, since } from './forge.ts';
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
  type Schema,
  type SentFile,
  TEXT,
  TIME,
  texts,
} from './published.ts';
import type { Scratch } from './scratch.ts';

// modules/structs/user.go
const USER: Schema = object({
  id: NUMBER,
  login: TEXT,
  username: TEXT,
  full_name: TEXT,
  email: TEXT,
  active: FLAG,
  is_admin: FLAG,
  prohibit_login: FLAG,
  restricted: FLAG,
  created: TIME,
});
// modules/structs/user_email.go
const EMAIL: Schema = object({ email: TEXT, verified: FLAG, primary: FLAG, user_id: NUMBER, username: TEXT });
// modules/structs/attachment.go
const ATTACHMENT: Schema = object({
  id: NUMBER,
  name: TEXT,
  size: NUMBER,
  download_count: NUMBER,
  created_at: TIME,
  uuid: TEXT,
  browser_download_url: TEXT,
});
// modules/structs/issue_comment.go
const COMMENT: Schema = object({
  id: NUMBER,
  html_url: TEXT,
  issue_url: TEXT,
  pull_request_url: TEXT,
  user: USER,
  body: TEXT,
  assets: list(ATTACHMENT),
  created_at: TIME,
  updated_at: TIME,
});
// modules/structs/issue.go
const ISSUE: Schema = object({
  id: NUMBER,
  number: NUMBER,
  title: TEXT,
  body: TEXT,
  user: USER,
  state: TEXT,
  is_locked: FLAG,
  assets: list(ATTACHMENT),
  created_at: TIME,
  updated_at: TIME,
});
// services/context/api.go: APIError; the sudo of routers/api/v1/api.go leaves the url out.
const ERROR: Schema = object({ message: TEXT, 'url?': TEXT });
const TEXT_OF_COMMENT: Schema = object({ body: TEXT });

interface Account {
  readonly id: number;
  readonly login: string;
  readonly emails: readonly { readonly email: string; readonly verified: boolean }[];
  readonly isAdmin?: boolean;
  readonly isBarred?: boolean;
}

interface KeptFile extends Pick<SentFile, 'name' | 'bytes'> {
  readonly id: number;
}

interface Entry {
  readonly id: number;
  readonly author: string;
  body: string;
  readonly files: KeptFile[];
  readonly at: string;
}

interface Issue extends Entry {
  readonly title: string;
  readonly repository: Repository;
  readonly comments: Entry[];
  isLocked: boolean;
}

interface Repository {
  readonly name: string;
  isArchived: boolean;
  readonly issues: Issue[];
}

/** The differences between versions that a test can choose. */
export interface Version {
  /** An unknown issue is answered by a 500, whose reason an administrator alone is told. */
  readonly missingIsFault?: boolean;
  /** A file type that is not allowed is answered by a 500. */
  readonly typeIsFault?: boolean;
}

/** Starts a Gitea with the users root (an administrator), alice, and barred, who may not log in. */
export function startGitea(scratch: Scratch, version: Version = {}): Promise<Gitea> {
  return new Gitea(version).start(scratch);
}

/** A Gitea. */
export class Gitea extends Fake {
  readonly token = '9b3f7d1c55aa0e62418fx7c2b90d4e1f6a3c8b75';
  /** The token of somebody who is no administrator, and one of an administrator with no scope for issues. */
  readonly plainToken = '1111111111111111111111111111111111111111';
  readonly narrowToken = '2222222222222222222222222222222222222222';
  readonly repository: Repository = { name: 'acme/app', isArchived: false, issues: [] };
  readonly #version: Version;
  readonly #users: Account[] = [
    { id: 1, login: 'root', emails: [{ email: 'root@example.org', verified: true }], isAdmin: true },
    { id: 2, login: 'alice', emails: [{ email: 'alice@example.org', verified: true }] },
    { id: 3, login: 'barred', emails: [{ email: 'barred@example.org', verified: true }], isBarred: true },
    { id: 4, login: 'mallory', emails: [{ email: 'ceo@example.org', verified: false }] },
  ];
  #made = 100;

  constructor(version: Version) {
    super();
    this.#version = version;
  }

  /** Makes an issue by root; its locator. */
  issue(change: { readonly isLocked?: boolean } = {}): string {
    const issue = this.#issue('root', 'An issue', 'text');
    issue.isLocked = change.isLocked === true;
    return `acme/app/issues/${this.#numberOf(issue)}`;
  }

  /** Asks as the administrator, as anybody could; the JSON of the answer. */
  async read(path: string): Promise<unknown> {
    const headers = { authorization: `token ${this.token}` };
    const answer = await fetch(`${this.origin}/api/v1${path}`, { headers });
    return answer.json();
  }

  protected override published(): Interface {
    return {
      operations: [...this.#people(), ...this.#issues(), ...this.#files()],
      before: ({ headers: { authorization = '' } }) => {
        const known = [this.token, this.plainToken, this.narrowToken];
        // routers/api/v1/api.go, reqToken and apiAuth: no token, or one that nobody has, is a 401.
        return known.some((token) => authorization === `token ${token}`)
          ? undefined
          : refused(401, 'invalid username, password or token');
      },
    };
  }

  #people(): Operation[] {
    return [
      {
        method: 'GET',
        path: '/api/v1/user',
        answers: { 200: USER, 403: ERROR, 404: ERROR },
        run: this.#as('read:user', (doer) => ({ status: 200, json: this.#user(doer) })),
      },
      {
        method: 'GET',
        path: '/api/v1/users/{username}',
        answers: { 200: USER, 403: ERROR, 404: ERROR },
        run: this.#as('read:user', (_, { at }) => {
          const found = this.#users.find(({ login }) => login === at['username']);
          // routers/api/v1/user/helper.go: GetUserByPathParam
          return found === undefined ? refused(404, 'not found') : { status: 200, json: this.#user(found) };
        }),
      },
      {
        method: 'GET',
        path: '/api/v1/admin/emails/search',
        query: texts('q?', 'page?', 'limit?'),
        answers: { 200: list(EMAIL), 403: ERROR },
        // models/user/email_address.go, SearchEmails: a part of an address, a name or a full name.
        run: this.#asAdmin(({ query }) => {
          const wanted = (query.get('q') ?? '').trim().toLowerCase();
          const found = this.#users.flatMap(({ id, login, emails }) =>
            emails
              .filter(({ email }) => `${email} ${login}`.includes(wanted))
              .map((email, at) => ({ ...email, primary: at === 0, user_id: id, username: login })),
          );
          return { status: 200, json: paged(found, query) };
        }),
      },
      {
        method: 'GET',
        path: '/api/v1/admin/users',
        query: texts('page?', 'limit?', 'login_name?', 'source_id?'),
        answers: { 200: list(USER), 403: ERROR },
        run: this.#asAdmin(({ query }) => ({
          status: 200,
          json: paged(
            this.#users.map((user) => this.#user(user)),
            query,
          ),
        })),
      },
    ];
  }

  #issues(): Operation[] {
    const errors = { 403: ERROR, 404: ERROR, 423: ERROR, 500: ERROR };
    const issue = '/api/v1/repos/{owner}/{repo}/issues/{index:whole}';
    return [
      {
        method: 'GET',
        path: `${issue}/comments`,
        query: texts('since?', 'before?'),
        answers: { 200: list(COMMENT), 404: ERROR, 500: ERROR },
        run: this.#onIssue('read:issue', (_, found, { query }) => ({
          status: 200,
          // routers/api/v1/repo/issue_comment.go, ListIssueComments: all that were updated since, on no page.
          json: since(found.comments, query.get('since')).map((each) => this.#comment(each, found)),
        })),
      },
      {
        method: 'POST',
        path: `${issue}/comments`,
        body: { type: 'json', schema: TEXT_OF_COMMENT },
        answers: { 201: COMMENT, ...errors },
        run: this.#onIssue('write:issue', (doer, found, { body }) => {
          if (found.repository.isArchived) return ARCHIVED;
          // routers/api/v1/repo/issue_comment.go, CreateIssueComment: unless the doer may write, or is an administrator.
          if (found.isLocked && doer.isAdmin !== true)
            return refused(403, 'Comments on a locked issue are not allowed.');
          const made = this.#entry(doer.login, String(body['body']));
          found.comments.push(made);
          return { status: 201, json: this.#comment(made, found) };
        }),
      },
      {
        method: 'PATCH',
        path: '/api/v1/repos/{owner}/{repo}/issues/comments/{id:whole}',
        body: { type: 'json', schema: TEXT_OF_COMMENT },
        answers: { 200: COMMENT, 204: undefined, ...errors },
        run: this.#onComment('write:issue', (doer, found, issueOf, { body }) => {
          // routers/api/v1/repo/issue_comment.go, editIssueComment: a status and nothing else.
          if (doer.login !== found.author && doer.isAdmin !== true) return refused(403, '');
          found.body = String(body['body']);
          return { status: 200, json: this.#comment(found, issueOf) };
        }),
      },
      {
        method: 'GET',
        path: issue,
        answers: { 200: ISSUE, 404: ERROR },
        // routers/api/v1/repo/issue.go, GetIssue: a 404 in every version.
        run: this.#as('read:issue', (_, { at }) => {
          const found = this.#find(at);
          return found === undefined ? refused(404, 'not found') : { status: 200, json: this.#shown(found) };
        }),
      },
      {
        method: 'PATCH',
        path: issue,
        body: { type: 'json', schema: object({ 'title?': TEXT, 'body?': TEXT, 'state?': TEXT }) },
        answers: { 201: ISSUE, 403: ERROR, 404: ERROR },
        run: this.#onIssue('write:issue', (_, found, { body }) => {
          found.body = String(body['body']);
          return { status: 201, json: this.#shown(found) };
        }),
      },
      {
        method: 'GET',
        path: '/api/v1/repos/{owner}/{repo}/issues',
        query: texts('state?', 'type?', 'since?', 'page?', 'limit?'),
        answers: { 200: list(ISSUE), 404: ERROR },
        run: this.#as('read:issue', (_, { query }) => ({
          status: 200,
          json: paged(this.repository.issues.map((each) => this.#shown(each)).reverse(), query),
        })),
      },
      {
        method: 'POST',
        path: '/api/v1/repos/{owner}/{repo}/issues',
        body: { type: 'json', schema: object({ title: TEXT, 'body?': TEXT }) },
        answers: { 201: ISSUE, ...errors, 422: ERROR },
        run: this.#as('write:issue', (doer, { body, at }) => {
          if (repositoryOf(at) !== this.repository.name) return refused(404, 'not found');
          return {
            status: 201,
            json: this.#shown(this.#issue(doer.login, String(body['title']), String(body['body']))),
          };
        }),
      },
    ];
  }

  #files(): Operation[] {
    const errors = { 403: ERROR, 404: ERROR, 413: ERROR, 422: ERROR, 423: ERROR, 500: ERROR };
    const give = (doer: Account, entry: Entry, { query, files: [file] }: Call): Answer => {
      // routers/api/v1/repo/issue_comment_attachment.go, canUserWriteIssueCommentAttachment: alice may read and comment, not write.
      if (doer.isAdmin !== true) return refused(403, 'user should have permission to edit comment');
      const name = query.get('name') ?? file?.name ?? '';
      // modules/upload (services/context/upload): ErrFileTypeForbidden; a 500 in versions before 1.21.
      if (name.endsWith('.exe'))
        return refused(
          this.#version.typeIsFault === true ? 500 : 422,
          'This file extension or type is not allowed to be uploaded.',
        );
      const made = { id: ++this.#made, name, bytes: file?.bytes ?? Buffer.alloc(0) };
      entry.files.push(made);
      return { status: 201, json: this.#file(made) };
    };
    const path = '/api/v1/repos/{owner}/{repo}/issues/comments/{id:whole}/assets';
    const ofIssue = '/api/v1/repos/{owner}/{repo}/issues/{index:whole}/assets';
    const taking = {
      query: texts('name?', 'updated_at?'),
      body: { type: 'multipart', schema: object({}), file: 'attachment' },
      answers: { 201: ATTACHMENT, ...errors },
    } as const;
    const listing = { answers: { 200: list(ATTACHMENT), 404: ERROR } };
    return [
      {
        method: 'POST',
        path,
        ...taking,
        run: this.#onComment('write:issue', (doer, found, _, asked) => give(doer, found, asked)),
      },
      {
        method: 'GET',
        path,
        ...listing,
        run: this.#onComment('read:issue', (_, found) => this.#filesOf(found)),
      },
      {
        method: 'POST',
        path: ofIssue,
        ...taking,
        run: this.#onIssue('write:issue', (doer, found, asked) => give(doer, found, asked)),
      },
      {
        method: 'GET',
        path: ofIssue,
        ...listing,
        run: this.#onIssue('read:issue', (_, found) => this.#filesOf(found)),
      },
      {
        method: 'GET',
        path: '/attachments/{uuid}',
        answers: { 200: undefined },
        run: ({ at }) => {
          const entries = this.repository.issues.flatMap((each) => [each, ...each.comments]);
          const file = entries.flatMap(({ files }) => files).find(({ id }) => String(id) === at['uuid']);
          return { status: 200, bytes: file?.bytes ?? Buffer.alloc(0) };
        },
      },
    ];
  }

  #filesOf({ files }: Entry): Answer {
    return { status: 200, json: files.map((file) => this.#file(file)) };
  }

  /** Finds out who asks, and whether the token may. */
  #as(scope: string, act: (doer: Account, asked: Call) => Answer): Operation['run'] {
    return (asked) => {
      const { doer, refusal } = this.#doer(asked.headers, scope);
      return doer === undefined ? refusal : act(doer, asked);
    };
  }

  #asAdmin(act: (asked: Call) => Answer): Operation['run'] {
    return this.#as('read:admin', (doer, asked) =>
      // routers/api/v1/api.go: reqSiteAdmin
      doer.isAdmin === true ? act(asked) : refused(403, 'user should be the site admin'),
    );
  }

  #onIssue(scope: string, act: (doer: Account, issue: Issue, asked: Call) => Answer): Operation['run'] {
    return this.#as(scope, (doer, asked) => {
      const found = this.#find(asked.at);
      if (found !== undefined) return act(doer, found, asked);
      const isHere = repositoryOf(asked.at) === this.repository.name;
      if (!isHere || this.#version.missingIsFault !== true) return refused(404, 'not found');
      // routers/api/v1/repo/issue_comment.go and services/context/api.go, apiErrorInternal: told to an administrator alone.
      const reason = `issue does not exist [id: 0, repo_id: 1, index: ${asked.at['index']}]`;
      return refused(500, doer.isAdmin === true ? reason : '');
    });
  }

  #onComment(
    scope: string,
    act: (doer: Account, comment: Entry, issue: Issue, asked: Call) => Answer,
  ): Operation['run'] {
    return this.#as(scope, (doer, asked) => {
      for (const issue of this.repository.issues) {
        const found = issue.comments.find(({ id }) => String(id) === asked.at['id']);
        if (found !== undefined) return act(doer, found, issue, asked);
      }
      // routers/api/v1/repo/issue_comment_attachment.go: getIssueCommentSafe
      return refused(404, 'no matching issue comment found');
    });
  }

  #doer(headers: IncomingHttpHeaders, scope: string): { doer?: Account; refusal: Answer } {
    const isPlain = headers.authorization === `token ${this.plainToken}`;
    const owner = this.#users[isPlain ? 1 : 0];
    // routers/api/v1/api.go: tokenRequiresScopes
    if (headers.authorization === `token ${this.narrowToken}` && scope !== 'read:user')
      return {
        refusal: refused(
          403,
          `token does not have at least one of required scope(s), required=[${scope}], token scope=read:user`,
        ),
      };
    const name = headers['sudo'];
    if (name === undefined) return { ...(owner && { doer: owner }), refusal: refused(401, '') };
    // routers/api/v1/api.go: sudo
    if (owner?.isAdmin !== true)
      return { refusal: { status: 403, json: { message: 'Only administrators allowed to sudo.' } } };
    const doer = this.#users.find(({ login }) => login === name);
    return { ...(doer && { doer }), refusal: refused(404, 'not found') };
  }

  #find(at: Call['at']): Issue | undefined {
    if (repositoryOf(at) !== this.repository.name) return undefined;
    return this.repository.issues[Number(at['index']) - 1];
  }

  #issue(author: string, title: string, body: string): Issue {
    const issue = {
      ...this.#entry(author, body),
      title,
      comments: [],
      isLocked: false,
      repository: this.repository,
    };
    this.repository.issues.push(issue);
    return issue;
  }

  #entry(author: string, body: string): Entry {
    return { id: ++this.#made, author, body, files: [], at: nowToTheSecond() };
  }

  #numberOf(issue: Issue): number {
    return this.repository.issues.findIndex(({ id }) => id === issue.id) + 1;
  }

  #user({ id, login, emails, isAdmin, isBarred }: Account): object {
    return {
      id,
      login,
      username: login,
      full_name: '',
      email: emails[0]?.email ?? '',
      active: true,
      is_admin: isAdmin === true,
      prohibit_login: isBarred === true,
      restricted: false,
      created: '2026-01-01T00:00:00Z',
    };
  }

  #named(login: string): object {
    return this.#user(this.#users.find((user) => user.login === login)!);
  }

  #comment({ id, author, body, files, at }: Entry, issue: Issue): object {
    const address = `${this.origin}/${issue.repository.name}/issues/${this.#numberOf(issue)}`;
    return {
      id,
      html_url: `${address}#issuecomment-${id}`,
      issue_url: address,
      pull_request_url: '',
      user: this.#named(author),
      body,
      assets: files.map((file) => this.#file(file)),
      created_at: at,
      updated_at: at,
    };
  }

  #shown(issue: Issue): object {
    const { id, title, body, author, isLocked, files, at } = issue;
    const assets = files.map((file) => this.#file(file));
    const number = this.#numberOf(issue);
    const user = this.#named(author);
    return {
      id,
      number,
      title,
      body,
      user,
      state: 'open',
      is_locked: isLocked,
      assets,
      created_at: at,
      updated_at: at,
    };
  }

  #file({ id, name, bytes }: KeptFile): object {
    return {
      id,
      name,
      size: bytes.length,
      download_count: 0,
      created_at: '2026-01-01T00:00:00Z',
      uuid: String(id),
      browser_download_url: `${this.origin}/attachments/${id}`,
    };
  }
}

// routers/api/v1/api.go: mustNotBeArchived
const ARCHIVED = refused(423, 'acme/app is archived');

function refused(status: number, message: string): Answer {
  return { status, json: { message, url: 'https://git.example.org/api/swagger' } };
}

// routers/api/v1/utils/page.go; MAX_RESPONSE_ITEMS is 50 unless it is set.
function paged<T>(all: readonly T[], query: URLSearchParams): readonly T[] {
  return pageOf(all, query, { size: 'limit', usual: 30, most: 50 }).entries;
}
