// A GitLab for the tests, as far as its published interface goes: doc/api/openapi/openapi_v3.yaml of gitlabhq/gitlabhq at 045bf877
// (19.5), to whose facts published-facts.json holds it; pages by doc/api/rest/_index.md (017a6c12); what it does not say by lib/api
// with its entities (notes.rb at 017a6c12, discussions.rb at 05f0ebba) and doc/api/notes.md (077b92f7).
//
// Each answer that is an error has its place in GitLab's documentation or source beside it.

import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type Entry, type Paging, pageOf, since } from './forge.ts';
import {
  type Answer,
  type Call,
  either,
  Fake,
  FLAG,
  type Interface,
  list,
  mapOf,
  NULL,
  NUMBER,
  type Operation,
  object,
  orNull,
  type Schema,
  type SentFile,
  TEXT,
  TIME,
  texts,
} from './published.ts';
import type { Scratch } from './scratch.ts';

// lib/api/entities/user_basic.rb
const PUBLIC = { id: NUMBER, username: TEXT, name: TEXT, state: TEXT, web_url: TEXT };
const AUTHOR: Schema = object(PUBLIC);
// lib/api/users.rb and entities/user_with_admin.rb: what an administrator is told, and what others are not.
const USER: Schema = object({
  ...PUBLIC,
  'email?': TEXT,
  'confirmed_at?': orNull(TIME),
  'is_admin?': FLAG,
});
const EMAIL: Schema = object({ id: NUMBER, email: TEXT, confirmed_at: orNull(TIME) });
// lib/api/entities/note.rb
const NOTE: Schema = object({
  id: NUMBER,
  type: NULL,
  body: TEXT,
  author: AUTHOR,
  created_at: TIME,
  updated_at: TIME,
  system: FLAG,
  noteable_id: NUMBER,
  noteable_type: TEXT,
  noteable_iid: NUMBER,
  resolvable: FLAG,
  confidential: FLAG,
  internal: FLAG,
  imported: FLAG,
  imported_from: TEXT,
  commands_changes: object({}),
});
// lib/api/entities/discussion.rb
const DISCUSSION: Schema = object({ id: TEXT, individual_note: FLAG, notes: list(NOTE) });
// lib/api/entities/note.rb: NoteCommands, of quick actions alone
const COMMANDS: Schema = object({ commands_changes: object({}), summary: list(TEXT) });
// lib/api/notes.rb and entities/award_emoji.rb: of an emoji alone
const AWARD: Schema = object({ id: NUMBER, name: TEXT, user: AUTHOR, awardable_id: NUMBER });
const ISSUE: Schema = object({
  id: NUMBER,
  iid: NUMBER,
  title: TEXT,
  description: TEXT,
  state: TEXT,
  author: AUTHOR,
  confidential: FLAG,
  discussion_locked: FLAG,
  created_at: TIME,
  updated_at: TIME,
  web_url: TEXT,
});
// lib/api/entities/project_upload.rb
const UPLOAD: Schema = object({ id: NUMBER, alt: TEXT, url: TEXT, full_path: TEXT, markdown: TEXT });
const TOKEN: Schema = object({
  id: NUMBER,
  name: TEXT,
  revoked: FLAG,
  active: FLAG,
  user_id: NUMBER,
  scopes: list(TEXT),
  expires_at: TEXT,
});
// lib/api/helpers.rb: render_api_error! and render_validation_error!; pages that are none are told as Grape does, and a scope that
// is missing as OAuth does (RFC 6750).
const ERROR: Schema = either(
  object({ message: TEXT }),
  object({ message: object({ error: TEXT }) }),
  object({ message: mapOf(list(TEXT)) }),
  object({ error: TEXT }),
  object({ error: TEXT, error_description: TEXT, scope: TEXT }),
);
const ERRORS = { 400: ERROR, 401: ERROR, 403: ERROR, 404: ERROR, 405: ERROR, 413: ERROR, 429: ERROR };

interface Account {
  readonly id: number;
  readonly username: string;
  readonly email: string;
  readonly isConfirmed: boolean;
  readonly state: 'active' | 'blocked';
  readonly isAdmin?: boolean;
  /** May read internal notes, and make such (app/policies/note_policy.rb). */
  readonly isReporter?: boolean;
  readonly others?: readonly { readonly email: string; readonly isConfirmed: boolean }[];
}

interface Noteable {
  readonly iid: number;
  readonly kind: 'issues' | 'merge_requests';
  readonly author: string;
  readonly title: string;
  readonly description: string;
  readonly at: string;
  isLocked: boolean;
  readonly notes: Note[];
}

/** A note, in the discussion that it began or was added to. */
interface Note extends Entry {
  readonly discussion: string;
  readonly isInternal: boolean;
}

const PROJECT = 'acme/tools/app';

/** Starts a GitLab with the users root (an administrator), alice and others, and a project. */
export function startGitlab(scratch: Scratch): Promise<Gitlab> {
  return new Gitlab().start(scratch);
}

/** A GitLab. */
export class Gitlab extends Fake {
  readonly token = 'glpat-9x3f7d1c55aa0e62418f';
  /** The token of somebody who is no administrator, and one that may not act as others. */
  readonly plainToken = 'glpat-11111111111111111111';
  readonly narrowToken = 'glpat-22222222222222222222';
  readonly noteables: Noteable[] = [];
  /** How many notes a user may make from now on; the limit is told by no field of the header. */
  notesLeft = Infinity;
  /** How many users are listed by the number of a page (doc/api/rest/_index.md). */
  mostByPage = 50_000;
  /** What it does of cursors for users: before 16.5 it knows nothing of them, and behind a flag it refused them. */
  cursors: 'taken' | 'refused' | 'unknown' = 'taken';
  readonly #uploads = new Map<string, SentFile>();
  readonly #users: Account[] = [
    { id: 1, username: 'root', email: 'root@example.org', isConfirmed: true, state: 'active', isAdmin: true },
    {
      id: 2,
      username: 'alice',
      email: 'alice@example.org',
      isConfirmed: true,
      state: 'active',
      isReporter: true,
      others: [
        { email: 'al@example.net', isConfirmed: true },
        { email: 'ceo@example.org', isConfirmed: false },
      ],
    },
    { id: 3, username: 'gone', email: 'gone@example.org', isConfirmed: true, state: 'blocked' },
    { id: 4, username: 'mallory', email: 'boss@example.org', isConfirmed: false, state: 'active' },
  ];
  #made = 100;

  /** Adds active users with confirmed addresses: user5, user6 and so on. */
  populate(count: number): void {
    for (let at = 0; at < count; at++) {
      const id = this.#users.length + 1;
      const username = `user${id}`;
      const email = `${username}@example.org`;
      this.#users.push({ id, username, email, isConfirmed: true, state: 'active' });
    }
  }

  /** Makes an issue or a merge request; its locator. */
  noteable(kind: Noteable['kind'] = 'issues', change: { readonly isLocked?: boolean } = {}): string {
    const made = this.#start(kind, 'root', 'Something', '');
    made.isLocked = change.isLocked === true;
    return `${PROJECT}/${kind}/${made.iid}`;
  }

  /** Says something in a thread, in a discussion of its own; what a locator has behind the thread to name it, in two ways. */
  say(thread: string, isInternal = false): { readonly discussion: string; readonly note: string } {
    const [kind = '', iid = ''] = thread.split('/').slice(-2);
    const found = this.noteables.find((each) => each.kind === kind && String(each.iid) === iid)!;
    const note = this.#add(found, 'root', 'Said before.', { isInternal });
    return { discussion: `/discussions/${note.discussion}`, note: `/notes/${note.id}` };
  }

  /** Reads the notes of a thread through the interface, in order. */
  async notes(thread: string): Promise<ShownNote[]> {
    const [kind = '', iid = ''] = thread.split('/').slice(-2);
    const found = [];
    for (let page = '1'; page !== ''; ) {
      const path = `/api/v4/projects/${encodeURIComponent(PROJECT)}/${kind}/${iid}/notes?sort=asc&per_page=100&page=${page}`;
      const answer = await fetch(this.origin + path, { headers: { 'private-token': this.token } });
      found.push(...((await answer.json()) as ShownNote[]));
      page = answer.headers.get('x-next-page') ?? '';
    }
    return found;
  }

  /** Gives a file that was handed over by the address in a text. */
  uploaded(address: string): SentFile | undefined {
    return this.#uploads.get(address);
  }

  protected override published(): Interface {
    return {
      operations: [...this.#people(), ...this.#threads()],
      before: ({ headers: { 'private-token': token } }) =>
        [this.token, this.plainToken, this.narrowToken].includes(String(token))
          ? undefined
          : // lib/api/helpers.rb: unauthorized!
            refused(401, '401 Unauthorized'),
    };
  }

  #people(): Operation[] {
    return [
      {
        method: 'GET',
        path: '/api/v4/user',
        answers: { 200: USER, ...ERRORS },
        run: this.#as((doer) => ({ status: 200, json: this.#user(doer, doer) })),
      },
      {
        method: 'GET',
        path: '/api/v4/personal_access_tokens/self',
        answers: { 200: TOKEN, ...ERRORS },
        run: this.#as((doer, { headers }) => {
          const scopes = headers['private-token'] === this.narrowToken ? ['api'] : ['api', 'sudo'];
          const json = { id: 9, name: 'mailgw', revoked: false, active: true, user_id: doer.id, scopes };
          return { status: 200, json: { ...json, expires_at: '2027-01-01' } };
        }),
      },
      {
        method: 'GET',
        path: '/api/v4/users',
        query: texts(
          'search?',
          'active?',
          'page?',
          'per_page?',
          'pagination?',
          'cursor?',
          'order_by?',
          'sort?',
        ),
        answers: { 200: list(USER), ...ERRORS },
        // app/finders/users_finder.rb and app/models/user.rb: names by a part of them, addresses as a whole, and private ones for
        // administrators.
        run: this.#as((doer, { query }) => {
          const wanted = query.get('search')?.toLowerCase();
          const found = this.#users.filter(({ username, email, others = [], state }) => {
            if (query.get('active') === 'true' && state !== 'active') return false;
            const addresses = [email, ...others.map((other) => other.email)];
            return wanted === undefined || username.includes(wanted) || addresses.includes(wanted);
          });
          const shown = (users: readonly Account[]) => users.map((user) => this.#user(user, doer));
          if (query.get('pagination') === 'keyset') {
            // lib/api/helpers/pagination_strategies.rb: keyset_paginator
            if (this.cursors === 'refused') return NO_CURSORS;
            if (this.cursors === 'taken') return byCursor(found, shown, query);
          }
          // lib/api/helpers/pagination_strategies.rb: offset_paginator, and User in lib/gitlab/pagination/cursor_based_keyset.rb
          if (Number(query.get('page') ?? 1) * sizeIn(query) > this.mostByPage)
            return {
              status: 405,
              json: { error: `Offset pagination has a maximum allowed offset of ${this.mostByPage}` },
            };
          return paged(shown(found), query);
        }),
      },
      {
        method: 'GET',
        path: '/api/v4/users/{id:whole}/emails',
        answers: { 200: list(EMAIL), ...ERRORS },
        run: this.#as((doer, { at }) => {
          // lib/api/users.rb: authenticated_as_admin!
          if (doer.isAdmin !== true) return refused(403, '403 Forbidden');
          const { others = [] } = this.#users.find(({ id }) => String(id) === at['id']) ?? {};
          const shown = others.map(({ email, isConfirmed }, id) => ({
            id,
            email,
            confirmed_at: confirmedAt(isConfirmed),
          }));
          return { status: 200, json: shown };
        }),
      },
    ];
  }

  #threads(): Operation[] {
    const noting = object({ body: TEXT, 'internal?': FLAG, 'created_at?': TEXT });
    const listed = texts('order_by?', 'sort?', 'activity_filter?', 'page?', 'per_page?');
    const ofKind = (kind: Noteable['kind']): Operation[] => {
      const path = `/api/v4/projects/{id}/${kind}/{iid:whole}/notes`;
      return [
        {
          method: 'GET',
          path,
          query: listed,
          answers: { 200: list(NOTE), ...ERRORS },
          run: this.#on(kind, (doer, found, { query }) => {
            const shown = readable(found.notes, doer).map((note) => this.#note(note, found));
            return paged(query.get('sort') === 'asc' ? shown : shown.toReversed(), query);
          }),
        },
        {
          method: 'POST',
          path,
          body: { type: 'json', schema: noting },
          answers: { 201: either(NOTE, AWARD), 202: COMMANDS, ...ERRORS },
          run: this.#on(kind, (doer, found, { body: { body, internal } }) =>
            // app/services/notes/build_service.rb: who may not make internal notes makes public ones.
            this.#take(doer, found, String(body), { isInternal: internal === true && mayBeInternal(doer) }),
          ),
        },
        ...this.#answered(kind),
      ];
    };
    return [
      ...ofKind('issues'),
      ...ofKind('merge_requests'),
      {
        method: 'POST',
        path: '/api/v4/projects/{id}/uploads',
        body: { type: 'multipart', schema: object({}), file: 'file' },
        answers: { 201: UPLOAD, ...ERRORS },
        run: this.#as((_, { at, files: [file] }) => {
          // lib/api/helpers.rb: find_project!
          if (at['id'] !== PROJECT || file === undefined) return refused(404, '404 Project Not Found');
          const id = ++this.#made;
          const url = `/uploads/${String(id).padStart(32, '0')}/${encodeURIComponent(file.name)}`;
          this.#uploads.set(url, file);
          const markdown = `[${file.name}](${url})`;
          return {
            status: 201,
            json: { id, alt: file.name, url, full_path: `/-/project/1${url}`, markdown },
          };
        }),
      },
      {
        method: 'GET',
        path: '/api/v4/projects/{id}/issues',
        query: texts('created_after?', 'order_by?', 'sort?', 'page?', 'per_page?'),
        answers: { 200: list(ISSUE), ...ERRORS },
        run: this.#as((_, { query }) => {
          const issues = this.noteables.filter(({ kind }) => kind === 'issues');
          const found = since(issues, query.get('created_after'));
          return paged(found.map((issue) => this.#issue(issue)).reverse(), query);
        }),
      },
      {
        method: 'POST',
        path: '/api/v4/projects/{id}/issues',
        body: { type: 'json', schema: object({ title: TEXT, 'description?': TEXT }) },
        answers: { 201: ISSUE, ...ERRORS },
        run: this.#as((doer, { at, body }) => {
          // lib/api/helpers.rb: find_project!
          if (at['id'] !== PROJECT) return refused(404, '404 Project Not Found');
          // app/models/concerns/issuable.rb: TITLE_LENGTH_MAX; lib/api/issues.rb: render_validation_error!
          if (String(body['title']).length > 255)
            return {
              status: 400,
              json: { message: { title: ['is too long (maximum is 255 characters)'] } },
            };
          const made = this.#start(
            'issues',
            doer.username,
            String(body['title']),
            String(body['description']),
          );
          return { status: 201, json: this.#issue(made) };
        }),
      },
    ];
  }

  /** What is answered, and answers in a discussion (lib/api/discussions.rb; lib/api/helpers/notes_helpers.rb, get_note). */
  #answered(kind: Noteable['kind']): Operation[] {
    const path = `/api/v4/projects/{id}/${kind}/{iid:whole}`;
    const inDiscussion = (notes: readonly Note[], doer: Account, id: string | undefined): readonly Note[] =>
      readable(notes, doer).filter(({ discussion }) => discussion === id);
    return [
      {
        method: 'GET',
        path: `${path}/notes/{note:whole}`,
        answers: { 200: NOTE, ...ERRORS },
        run: this.#on(kind, (doer, found, { at }) => {
          const note = readable(found.notes, doer).find(({ id }) => String(id) === at['note']);
          // lib/api/helpers/notes_helpers.rb: get_note
          return note === undefined
            ? refused(404, '404 Note Not Found')
            : { status: 200, json: this.#note(note, found) };
        }),
      },
      {
        method: 'GET',
        path: `${path}/discussions/{discussion}`,
        answers: { 200: DISCUSSION, ...ERRORS },
        run: this.#on(kind, (doer, found, { at: { discussion: id } }) => {
          const notes = inDiscussion(found.notes, doer, id).map((note) => this.#note(note, found));
          // lib/api/discussions.rb: not_found!
          if (notes.length === 0) return refused(404, '404 Discussion Not Found');
          return { status: 200, json: { id, individual_note: notes.length === 1, notes } };
        }),
      },
      {
        method: 'POST',
        path: `${path}/discussions/{discussion}/notes`,
        body: { type: 'json', schema: object({ body: TEXT, 'created_at?': TEXT }) },
        answers: { 201: NOTE, ...ERRORS },
        run: this.#on(kind, (doer, found, { at, body }) => {
          const [first] = inDiscussion(found.notes, doer, at['discussion']);
          // lib/api/discussions.rb: not_found!
          if (first === undefined) return refused(404, '404 Discussion Not Found');
          return this.#take(doer, found, String(body['body']), first);
        }),
      },
    ];
  }

  /** Makes a note, or what GitLab makes of a text instead. */
  #take(
    doer: Account,
    found: Noteable,
    text: string,
    as: Partial<Pick<Note, 'discussion' | 'isInternal'>>,
  ): Answer {
    // lib/api/notes.rb: check_rate_limit!, before anything else; lib/api/helpers/rate_limiter.rb says nothing of a time.
    if (this.notesLeft-- <= 0) {
      const error = 'This endpoint has been requested too many times. Try again later.';
      return { status: 429, json: { message: { error } } };
    }
    // lib/api/helpers/notes_helpers.rb: create_note; app/policies/issuable_policy.rb: locked, and no member of the project
    if (found.isLocked && doer.isAdmin !== true) return refused(403, '403 Forbidden');
    // lib/gitlab/database.rb: MAX_TEXT_SIZE_LIMIT; lib/api/helpers/notes_helpers.rb: process_note_creation_result
    if (Array.from(text).length > 1_000_000)
      return refused(400, '400 Bad request - Note {:note=>["is too long (maximum is 1000000 characters)"]}');
    // app/services/notes/create_service.rb: what is left when the quick actions are taken out
    const rest = text.replace(/^\/[a-z_]+.*$/gm, '').trim();
    if (rest === '') return { status: 202, json: { commands_changes: {}, summary: ['Closed this issue.'] } };
    // doc/api/notes.md: an award, where the text is an emoji and nothing else
    if (/^:[-_+\w]+:\s*$/.test(rest))
      return {
        status: 201,
        json: {
          id: ++this.#made,
          name: rest.slice(1, -1),
          user: this.#author(doer.username),
          awardable_id: found.iid,
        },
      };
    return { status: 201, json: this.#note(this.#add(found, doer.username, rest, as), found) };
  }

  #add(
    { notes }: Noteable,
    author: string,
    body: string,
    { isInternal = false, discussion }: Partial<Pick<Note, 'discussion' | 'isInternal'>>,
  ): Note {
    const id = ++this.#made;
    const own = createHash('sha1').update(String(id)).digest('hex');
    const at = new Date().toISOString();
    const note = { id, author, body, at, discussion: discussion ?? own, isInternal };
    notes.push(note);
    return note;
  }

  /** Finds out who asks, and whether the token may (lib/api/helpers.rb: sudo!). */
  #as(act: (doer: Account, asked: Call) => Answer): Operation['run'] {
    return (asked) => {
      const { headers } = asked;
      const owner = this.#users[headers['private-token'] === this.plainToken ? 1 : 0]!;
      const name = headers['sudo'];
      if (name === undefined) return act(owner, asked);
      if (owner.isAdmin !== true) return refused(403, '403 Forbidden - Must be admin to use sudo');
      if (headers['private-token'] === this.narrowToken) return SCOPE;
      const found = this.#sudoed(headers);
      return found === undefined
        ? refused(404, `404 User with ID or username '${String(name)}' Not Found`)
        : act(found, asked);
    };
  }

  // app/finders/user_finder.rb: digits alone are a number
  #sudoed({ sudo }: IncomingHttpHeaders): Account | undefined {
    return this.#users.find(
      ({ id, username }) => String(id) === sudo || username === String(sudo).toLowerCase(),
    );
  }

  #on(
    kind: Noteable['kind'],
    act: (doer: Account, found: Noteable, asked: Call) => Answer,
  ): Operation['run'] {
    return this.#as((doer, asked) => {
      // lib/api/helpers.rb: find_project!; lib/api/helpers/notes_helpers.rb: find_noteable
      if (asked.at['id'] !== PROJECT) return refused(404, '404 Project Not Found');
      const found = this.noteables.find((each) => each.kind === kind && String(each.iid) === asked.at['iid']);
      if (found !== undefined) return act(doer, found, asked);
      return refused(404, kind === 'issues' ? '404 Issue Not Found' : '404 MergeRequest Not Found');
    });
  }

  #start(kind: Noteable['kind'], author: string, title: string, description: string): Noteable {
    const iid = this.noteables.filter((each) => each.kind === kind).length + 1;
    const at = new Date().toISOString();
    const made = { iid, kind, author, title, description, at, isLocked: false, notes: [] };
    this.noteables.push(made);
    return made;
  }

  #author(username: string): object {
    const { id, state } = this.#users.find((user) => user.username === username)!;
    return { id, username, name: username, state, web_url: `${this.origin}/${username}` };
  }

  #user(user: Account, doer: Account): object {
    const shown = this.#author(user.username);
    // lib/api/entities/user_with_admin.rb
    if (doer.isAdmin !== true) return shown;
    const { email, isConfirmed, isAdmin } = user;
    return { ...shown, email, confirmed_at: confirmedAt(isConfirmed), is_admin: isAdmin === true };
  }

  #note({ id, author, body, at, isInternal }: Note, { iid, kind }: Noteable): object {
    return {
      id,
      type: null,
      body,
      author: this.#author(author),
      created_at: at,
      updated_at: at,
      system: false,
      noteable_id: 1000 + iid,
      noteable_type: kind === 'issues' ? 'Issue' : 'MergeRequest',
      noteable_iid: iid,
      resolvable: false,
      confidential: isInternal,
      internal: isInternal,
      imported: false,
      imported_from: 'none',
      commands_changes: {},
    };
  }

  #issue({ iid, title, description, author, isLocked, at }: Noteable): object {
    return {
      id: 1000 + iid,
      iid,
      title,
      description,
      state: 'opened',
      author: this.#author(author),
      confidential: false,
      discussion_locked: isLocked,
      created_at: at,
      updated_at: at,
      web_url: `${this.origin}/${PROJECT}/-/issues/${iid}`,
    };
  }
}

/** A note as a test reads it. */
interface ShownNote {
  readonly body: string;
  readonly internal: boolean;
  readonly author: { readonly username: string };
}

// app/policies/note_policy.rb: can_read_internal_note
const mayBeInternal = ({ isAdmin = false, isReporter = false }: Account): boolean => isAdmin || isReporter;

const readable = (notes: readonly Note[], doer: Account): readonly Note[] =>
  notes.filter(({ isInternal }) => !isInternal || mayBeInternal(doer));

// doc/api/rest/authentication.md: a token without the scope
const SCOPE: Answer = {
  status: 403,
  json: {
    error: 'insufficient_scope',
    error_description: 'The request requires higher privileges than provided by the access token.',
    scope: 'sudo',
  },
};

function confirmedAt(isConfirmed: boolean): string | null {
  return isConfirmed ? '2026-01-01T00:00:00.000Z' : null;
}

function refused(status: number, message: string): Answer {
  return { status, json: { message } };
}

const PAGES: Paging = { size: 'per_page', usual: 20, most: 100 };

function sizeIn(query: URLSearchParams): number {
  return Math.min(Number(query.get(PAGES.size) ?? PAGES.usual), PAGES.most);
}

// doc/api/rest/_index.md: pages by offset, whose next one is in the header
function paged(all: readonly unknown[], query: URLSearchParams): Answer {
  const { entries, next } = pageOf(all, query, PAGES);
  return { status: 200, json: entries, headers: { 'x-next-page': String(next ?? '') } };
}

const NO_CURSORS: Answer = {
  status: 405,
  json: { error: 'Keyset pagination is not yet available for this type of request' },
};

// doc/api/rest/_index.md: pages by keyset, whose next one is behind a link; lib/api/helpers/pagination_strategies.rb: keyset_paginator
function byCursor(
  all: readonly Account[],
  shown: (users: readonly Account[]) => readonly object[],
  query: URLSearchParams,
): Answer {
  if (query.get('order_by') !== 'id' || query.get('sort') !== 'asc') return NO_CURSORS;
  const after = Number(Buffer.from(query.get('cursor') ?? '', 'base64').toString());
  const left = all.filter(({ id }) => id > after);
  const page = left.slice(0, sizeIn(query));
  const cursor = Buffer.from(String(page.at(-1)?.id)).toString('base64');
  const next = new URLSearchParams({ ...Object.fromEntries(query), cursor });
  // The address that GitLab has of its own, which need not be the one that it was asked under.
  const link = `<https://gitlab.example.org/api/v4/users?${next.toString()}>; rel="next"`;
  return { status: 200, json: shown(page), headers: page.length < left.length ? { link } : {} };
}
