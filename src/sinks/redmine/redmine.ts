/**
 * The Redmine sink: notes on issues, and new issues, by the user who wrote the mail.
 *
 * Contract: a thread is `issue/NUMBER`; the container of a new one is a project's identifier. Posts are made with an
 * administrator's key as the user (X-Redmine-Switch-User), and nobody else: Redmine is asked first as whom it takes us, for
 * with a wrong key, or one that may not switch, it may post as somebody else and answer 204.
 * A note counts as posted when it is seen in the issue: Redmine answers 204 as well to a user who may add none.
 * `exists` knows a note by its author, its text and its time (notes.ts).
 * Failure: an answer to a private note is refused, for it would be public.
 * Standards: Redmine 5.0.4: issues_controller.rb, attachments_controller.rb, users_controller.rb, application_controller.rb.
 */
import type { Post, PostAttachment } from '../../reply/post.ts';
import type { Meaning } from '../answer.ts';
import { NoPost } from '../no-post.ts';
import {
  type Examined,
  lacks,
  listIn,
  member,
  openPlatformClient,
  type PlatformAnswer,
  type PlatformClient,
  pathOf,
  refuse,
  settled,
  sought,
  unexpected,
  wholeOf,
} from '../platform/client.ts';
import { draftText, type TextForm, titleOr } from '../platform/draft.ts';
import { fileContent, handOver } from '../platform/files.ts';
import { openerOf, previewerOf } from '../platform/open.ts';
import { loginOf, type PlatformOptions } from '../platform/options.ts';
import type { Outcome, Sink } from '../sink.ts';
import type { SinkEnvironment } from '../sink-kind.ts';
import { redmineMarkdown } from './markdown.ts';
import { type Author, createNotes, type Issue, readIssue } from './notes.ts';
import { recogniseRedmine } from './recognise.ts';
import { REDMINE_SETTINGS } from './settings.ts';
import { textile } from './textile.ts';
import { findUser, listUsers } from './users.ts';

type Options = PlatformOptions<typeof REDMINE_SETTINGS>;

/** Characters of an issue's subject (issue.rb). */
const MOST_SUBJECT_CHARS = 255;

/** Reads the table and opens the sink. */
export const open = openerOf(REDMINE_SETTINGS, createRedmineSink);

/** Shows the note that would be made of a post, or the issue that it starts, without its files. */
export const preview = previewerOf(REDMINE_SETTINGS, (post, options) => {
  const text = draftText(post, formOf(options));
  const started = { project_id: post.newThread?.container, subject: subjectOf(post), description: text };
  const issue = post.newThread === undefined ? { notes: text } : started;
  const login = loginIn(options.map, post.user);
  return { body: { issue }, fields: { thread: post.thread, 'X-Redmine-Switch-User': login } };
});

/**
 * Gives the form of a text by the Redmine's text formatting. Textile keeps a mark inert by an entity, Markdown by the
 * draft's joiner.
 */
function formOf({ format, policy }: Pick<Options, 'format' | 'policy'>): TextForm {
  if (format === 'markdown') return { dialect: redmineMarkdown, policy, attribution: '' };
  // Entities say it better than joiners, which stay in what is copied.
  const live = { mentions: !policy.mentions, references: !policy.references };
  const left = { ...policy, mentions: false, references: false };
  return { dialect: (markdown) => textile(markdown, live), policy: left, attribution: '' };
}

/**
 * Makes the sink. The issue is read before and after the note is made: the post is the note that is there now and was
 * not before. Without one Redmine kept none, whatever it answered.
 */
function createRedmineSink(options: Options, { now }: SinkEnvironment): Sink {
  const client = openPlatformClient(options, {
    now,
    headers: { 'x-redmine-api-key': options.token },
    means,
  });
  const form = formOf(options);
  const notes = createNotes(form);
  const place = { client, options, now };
  return {
    deliver: (post, signal) =>
      settled(async () => {
        const id = issueOf(post.thread);
        const author = await identify(place, post.user, signal);
        const before = await readIssue(client, id, author, signal);
        refusePrivate(before, post);
        const { taken, refused } = await upload(client, author, post.attachments, signal);
        const issue = {
          notes: draftText(post, form, refused),
          ...(taken.length === 0 ? {} : { uploads: taken }),
        };
        const path = `${pathOf('issues', id)}.json`;
        const answer = await client.demand(
          { method: 'PUT', path, headers: author.headers, json: { issue } },
          signal,
        );
        const after = await readIssue(client, id, author, signal);
        if (notes.claim(post, after, author, before)) return client.judge(answer);
        // Its own answer to a note has no body, whatever became of the note.
        if (answer.text.trim() !== '') throw unexpected(answer, 'no answer of Redmine to a note');
        throw refuse(
          `Redmine answered ${answer.status} and kept no note: ${author.login} may add none to this issue (permission "Add notes")`,
        );
      }),
    created: (post, signal) => settled(() => createIssue(place, form, post, signal)),
    exists: (post, signal) =>
      sought(async () => {
        const author = await identify(place, post.user, signal);
        if (post.newThread !== undefined) return isCreated(place, form, author, post, signal);
        return notes.holds(post, await readIssue(client, issueOf(post.thread), author, signal), author);
      }),
    examine: (signal) => client.examine({ path: CURRENT }, examined, signal),
    findUser: (address, signal) => findUser(client, options.map, address, signal),
    users: (signal) => listUsers(client, options.map, signal),
    recognise: recogniseRedmine(options.host),
    close: () => client.close(),
  };
}

/** What every request needs. */
interface Place {
  readonly client: PlatformClient;
  readonly options: Options;
  readonly now: () => number;
}

const CURRENT = '/users/current.json';

/**
 * Gives what a 422 means: without a reason the issue was changed by somebody else meanwhile, and the next try finds it so.
 */
function means({ status, json }: PlatformAnswer): Meaning | undefined {
  if (status !== 422) return undefined;
  const errors = member(json, 'errors');
  return Array.isArray(errors) && errors.length === 0 ? 'busy' : undefined;
}

/** Reads the number of an issue out of a locator. */
function issueOf(thread: string | undefined): string {
  const id = /^issue\/([1-9]\d{0,9})$/.exec(thread ?? '')?.[1];
  if (id === undefined) throw refuse(`the thread ${JSON.stringify(thread ?? '')} is not issue/NUMBER`);
  return id;
}

/** Gives the login of a user; throws where Redmine can have none such. */
function loginIn(map: Options['map'], user: string): string {
  const login = loginOf(map, user);
  // user.rb: the characters and the length of a login.
  if (!/^[\w@.-]{1,60}$/.test(login)) throw refuse(`${JSON.stringify(login)} can be no login of Redmine`);
  return login;
}

/** Asks Redmine as whom it takes a post of this user; whoever else it names is no author of it. */
async function identify({ client, options, now }: Place, user: string, signal: AbortSignal): Promise<Author> {
  const login = loginIn(options.map, user);
  const headers = { 'x-redmine-switch-user': login };
  const answer = await client.ask({ path: CURRENT, headers }, signal);
  const { status } = answer;
  if (status === 412) throw refuse(`412: Redmine has no active user ${login}`);
  if (status === 403 || status === 404) throw brokenBy(status, `${status} to ${CURRENT}: ${REST_OFF}`);
  const outcome = client.judge(answer);
  if (outcome.kind !== 'posted') throw new NoPost(outcome);
  const { json } = wholeOf(answer);
  const [id, name] = [member(json, 'user', 'id'), member(json, 'user', 'login')];
  if (typeof id !== 'number' || typeof name !== 'string') throw unexpected(answer, `no user in ${CURRENT}`);
  if (name.toLowerCase() !== login.toLowerCase())
    throw brokenBy(status, `Redmine takes us for ${name}, not for ${login}: ${name} is no administrator`);
  const clock = Date.parse(String(answer.headers?.date));
  return { id, login, headers, aheadMs: Number.isNaN(clock) ? 0 : clock - now() };
}

const REST_OFF = 'the REST web service is off (Administration, Settings, API)';

/** Puts a post off with an alarm for the operator: the key or the switch is wrong for every post. */
function brokenBy(status: number, diagnostic: string): NoPost {
  return new NoPost({ kind: 'deferred', broken: true, diagnostic, status });
}

/** Refuses what answers a private note, as Redmine's own mail handler makes it private, which its interface cannot promise. */
function refusePrivate({ journals }: Issue, { repliedToAt }: Post): void {
  const second = Math.floor(repliedToAt / 1000) * 1000;
  if (journals.some(({ isPrivate, at }) => isPrivate && at === second))
    throw refuse('this answers a private note, and would be public: answer it in Redmine');
}

/** A file that Redmine keeps under a token until a note or an issue claims it. */
interface Upload {
  readonly token: string;
  readonly filename: string;
  readonly content_type: string;
}

/** Hands the files over as the author; one that Redmine refuses is left out of the post. */
async function upload(
  client: PlatformClient,
  { headers }: Author,
  files: readonly PostAttachment[],
  signal: AbortSignal,
): Promise<{ readonly taken: readonly Upload[]; readonly refused: readonly PostAttachment[] }> {
  return handOver(files, async (file) => {
    const { filename, contentType } = file;
    const answer = await client.demand(
      {
        path: '/uploads.json',
        query: { filename },
        headers,
        content: fileContent(file, 'application/octet-stream'), // any other type is answered 406
      },
      signal,
    );
    const token = member(wholeOf(answer).json, 'upload', 'token');
    if (typeof token !== 'string') throw unexpected(answer, 'no token for a file');
    return { token, filename, content_type: contentType };
  });
}

/**
 * Makes the issue that a mail starts, with its files. A 2xx that names no issue is no post, and is put off for an
 * operator to look.
 */
async function createIssue(place: Place, form: TextForm, post: Post, signal: AbortSignal): Promise<Outcome> {
  const { client } = place;
  const project = projectOf(post);
  const author = await identify(place, post.user, signal);
  const { taken, refused } = await upload(client, author, post.attachments, signal);
  const issue = {
    project_id: project,
    subject: subjectOf(post),
    description: draftText(post, form, refused),
    ...(taken.length === 0 ? {} : { uploads: taken }),
  };
  const answer = await client.demand(
    { path: '/issues.json', headers: author.headers, json: { issue } },
    signal,
  );
  if (typeof member(wholeOf(answer).json, 'issue', 'id') !== 'number')
    throw unexpected(answer, 'no issue was made');
  return client.judge(answer);
}

/** Looks among the newest issues of the project for one by this author with this subject, made since the mail came. */
async function isCreated(
  { client }: Place,
  form: TextForm,
  author: Author,
  post: Post,
  signal: AbortSignal,
): Promise<boolean> {
  const path = `${pathOf('projects', projectOf(post), 'issues')}.json`;
  const query = { author_id: String(author.id), status_id: '*', sort: 'created_on:desc', limit: '100' };
  const answer = await client.demand({ path, query, headers: author.headers }, signal);
  const [subject, since] = [subjectOf(post), post.receivedAt + author.aheadMs - 2000];
  const begins = draftText(post, form).trim().slice(0, 200);
  return listIn(answer, 'issues').some(
    (issue) =>
      member(issue, 'subject') === subject &&
      Date.parse(String(member(issue, 'created_on'))) >= since &&
      String(member(issue, 'description')).replaceAll('\r\n', '\n').startsWith(begins),
  );
}

function projectOf({ newThread }: Post): string {
  const project = newThread?.container ?? '';
  if (!/^[a-z0-9][a-z0-9_-]{0,99}$/.test(project))
    throw refuse(`${JSON.stringify(project)} is no identifier of a project`);
  return project;
}

function subjectOf(post: Post): string {
  return Array.from(titleOr(post, '(no subject)')).slice(0, MOST_SUBJECT_CHARS).join('').trim();
}

/** Reads who the key belongs to: only an administrator may post as others. */
function examined({ status, json }: PlatformAnswer): Examined {
  const postsAs = 'the user of each reply, whom X-Redmine-Switch-User names';
  const login = member(json, 'user', 'login');
  if (status === 401)
    return lacks(
      'Redmine does not know the key in sink.token_file',
      'copy the API access key of an administrator: My account, API access key, Show',
      postsAs,
    );
  if (status === 403) return lacks(REST_OFF, 'switch on "Enable REST web service" there', postsAs);
  if (typeof login !== 'string' || member(json, 'user', 'admin') === true) return { postsAs };
  return lacks(
    `the key in sink.token_file is of ${login}, who is no administrator: Redmine would post everything as ${login}`,
    'use the API access key of an administrator, the only ones who may post as the user',
    `${login}, whoever wrote`,
  );
}
