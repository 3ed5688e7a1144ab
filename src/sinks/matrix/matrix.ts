/**
 * Matrix: replies become messages in the thread of an event, by a bot with a line that names who wrote them, or as the user
 * by an application service.
 *
 * Contract: every event goes under a transaction id of ours, which a homeserver answers like the first time as long as it
 * remembers it: half an hour at least with Synapse, and no longer than until its restart where an application service
 * sends. After that `exists` finds an event by its mark, and sends what is missing. Files are uploaded first and follow the
 * text as events of their own.
 * Failure: a token that is not known, a path that is none and a blocked account are an operator's matter, as is `post_as =
 * "user"` with the token of a mere bot, whose posts would all be the bot's. Nobody is made to join a room.
 * Limits: into an encrypted room a message goes as it is, not encrypted.
 */
import type { Post, PostAttachment } from '../../reply/post.ts';
import type { Meaning } from '../answer.ts';
import { NoPost } from '../no-post.ts';
import {
  type Examined,
  lacks,
  member,
  members,
  openPlatformClient,
  type PlatformAnswer,
  type PlatformClient,
  type PlatformRequest,
  pathOf,
  refuse,
  settled,
  sought,
  unexpected,
} from '../platform/client.ts';
import { draftText, type TextForm, titled } from '../platform/draft.ts';
import { fileContent, handOver } from '../platform/files.ts';
import { openerOf, previewerOf } from '../platform/open.ts';
import { type PlatformOptions } from '../platform/options.ts';
import type { Examination, Outcome, Sink } from '../sink.ts';
import type { SinkEnvironment } from '../sink-kind.ts';
import { fileEvent, MARK, type Relation, textContent } from './content.ts';
import { type Place, readContainer, readThread } from './locator.ts';
import { MATRIX_SETTINGS } from './settings.ts';

type Options = PlatformOptions<typeof MATRIX_SETTINGS>;

const EVENTS_PER_PAGE = 50;

/** Pages of events that are looked through for ours. */
const MOST_PAGES = 50;

/** How far the homeserver's clock may be behind ours. */
const CLOCK_SLACK_MS = 600_000;

/** Opens the sink. */
export const open = openerOf(MATRIX_SETTINGS, createMatrixSink);

/** Shows the event of the text; how it relates to another one, the homeserver is asked for. */
export const preview = previewerOf(MATRIX_SETTINGS, (post, options) => {
  const whole = post.newThread === undefined ? post : titled(post, options.policy);
  const content = textContent(draftText(whole, formOf(options)), markOf(post.id, 0), {});
  const author = options.post_as === 'bot' ? {} : { user_id: idOf(post, options) };
  return { body: content, fields: { ...author, txnId: txnOf(post.id, 0), [MARK]: markOf(post.id, 0) } };
});

/** Gives the form of the texts: under a line that names the user, but where the user posts. */
function formOf({
  policy,
  post_as,
  attribution,
}: Pick<Options, 'policy' | 'post_as' | 'attribution'>): TextForm {
  return { dialect: (markdown) => markdown, policy, attribution: post_as === 'user' ? '' : attribution };
}

/** Gives the Matrix id of a post's user; throws the outcome where there is none. */
function idOf({ user }: Post, { map, user: template }: Pick<Options, 'map' | 'user'>): string {
  const id = Object.hasOwn(map, user) ? (map[user] ?? '') : template.replaceAll('{user}', () => user);
  if (/^@[^:\s]+:\S+$/.test(id)) return id;
  throw refuse(
    `${JSON.stringify(user)} has no Matrix id; expected one in sink.map, or sink.user as @{user}:host`,
  );
}

/** Gives the mark of one of a post's events: the text is 0, the files follow. */
const markOf = (id: string, at: number): string => (at === 0 ? id : `${id}/${at}`);

const txnOf = (id: string, at: number): string => `mailgw-${id}-${at}`;

/** A client that acts as one user. */
interface Acting {
  ask(request: PlatformRequest, signal: AbortSignal): Promise<PlatformAnswer>;
  demand(request: PlatformRequest, signal: AbortSignal): Promise<PlatformAnswer>;
}

/**
 * Makes the sink. Text and files of a post are events of their own, numbered in their marks and transaction ids: what
 * broke off between two of them is completed by `exists`.
 */
function createMatrixSink(options: Options, { now }: SinkEnvironment): Sink {
  const client = openPlatformClient(options, {
    now,
    headers: { authorization: `Bearer ${options.token}` },
    means,
    pauseIn: (json) => {
      const ms = member(json, 'retry_after_ms');
      return typeof ms === 'number' && ms >= 0 ? ms : undefined;
    },
  });
  const form = formOf(options);
  const acts = actorOf(client, options);
  const send = async (post: Post, place: Place, signal: AbortSignal): Promise<Outcome> => {
    const as = await acts(post, signal);
    const relation = await relationTo(as, place, options.threads, signal);
    const files = [...post.attachments.entries()];
    const urls = new Map<PostAttachment, string>();
    const { refused } = await handOver(post.attachments, async (file) => {
      urls.set(file, await upload(as, file, signal));
    });
    const text = draftText(post, form, refused);
    const content = textContent(text, markOf(post.id, 0), relation);
    const answer = await put(as, place, txnOf(post.id, 0), content, signal);
    for (const [at, file] of files) {
      const url = urls.get(file);
      if (url === undefined) continue;
      const event = fileEvent(file, url, markOf(post.id, at + 1), relation);
      await put(as, place, txnOf(post.id, at + 1), event, signal);
    }
    return client.judge(answer);
  };
  const complete = async (post: Post, place: Place, signal: AbortSignal): Promise<boolean> => {
    const as = await acts(post, signal);
    const { marks, text } = await findEvents(as, post, place, signal);
    if (text === undefined) return false;
    const relation = await relationTo(as, place, options.threads, signal);
    for (const [at, file] of post.attachments.entries()) {
      const mark = markOf(post.id, at + 1);
      // A file that the text names was refused before.
      if (marks.has(mark) || text.includes(file.filename)) continue;
      const event = fileEvent(file, await upload(as, file, signal), mark, relation);
      await put(as, place, txnOf(post.id, at + 1), event, signal);
    }
    return true;
  };
  return {
    deliver: (post, signal) => settled(async () => send(post, readThread(post.thread), signal)),
    created: (post, signal) => settled(async () => send(titled(post, options.policy), placeOf(post), signal)),
    exists: (post, signal) => sought(async () => complete(post, placeOf(post), signal)),
    examine: (signal) => examine(client, options, signal),
    close: () => client.close(),
  };
}

const placeOf = ({ newThread, thread }: Post): Place =>
  newThread === undefined ? readThread(thread) : readContainer(newThread.container);

/** Gives what an answer means: a path that is none, and an account that is blocked, are none of a reply's. */
function means({ json }: PlatformAnswer): Meaning | undefined {
  const code = member(json, 'errcode');
  const isOfAll = ['M_UNRECOGNIZED', 'M_RESOURCE_LIMIT_EXCEEDED', 'M_USER_SUSPENDED', 'M_USER_DEACTIVATED'];
  return typeof code === 'string' && isOfAll.includes(code) ? 'broken' : undefined;
}

/** Makes what acts for a post: the bot, or the user by the application service, once that is known to be one. */
function actorOf(client: PlatformClient, options: Options) {
  let isService = false;
  return async (post: Post, signal: AbortSignal): Promise<Acting> => {
    if (options.post_as === 'bot') return client;
    const id = idOf(post, options);
    const asUser = (request: PlatformRequest): PlatformRequest => ({
      ...request,
      query: { ...request.query, user_id: id },
    });
    if (!isService) {
      const answer = await client.demand(asUser({ path: '/_matrix/client/v3/account/whoami' }), signal);
      isService = member(answer.json, 'user_id') === id;
      const diagnostic =
        'the token is not of an application service that may act for users; expected its as_token';
      if (!isService) throw new NoPost({ kind: 'deferred', broken: true, diagnostic, status: answer.status });
    }
    return {
      ask: (request, given) => client.ask(asUser(request), given),
      demand: (request, given) => client.demand(asUser(request), given),
    };
  };
}

/** Gives the relation to the event of a place, which is asked for: a reply to what is gone would be seen by nobody. */
async function relationTo(
  as: Acting,
  { room, event }: Place,
  how: Options['threads'],
  signal: AbortSignal,
): Promise<Relation> {
  if (event === undefined) return {};
  const path = pathOf('_matrix', 'client', 'v3', 'rooms', room, 'event', event);
  const answer = await as.demand({ path }, signal);
  if (member(answer.json, 'event_id') === undefined) throw unexpected(answer, 'no event in the answer');
  if (member(answer.json, 'unsigned', 'redacted_because') !== undefined) throw refuse(`${event} was deleted`);
  const reply = { 'm.in_reply_to': { event_id: event } };
  if (how === 'reply') return { 'm.relates_to': reply };
  // No thread starts at an event that relates to another one: that one's is meant.
  const related = member(answer.json, 'content', 'm.relates_to');
  const other = member(related, 'rel_type') === undefined ? undefined : member(related, 'event_id');
  const root = typeof other === 'string' ? other : event;
  return { 'm.relates_to': { rel_type: 'm.thread', event_id: root, is_falling_back: true, ...reply } };
}

/** Uploads a file and gives its `mxc:` address, for the event that names it. */
async function upload(as: Acting, file: PostAttachment, signal: AbortSignal): Promise<string> {
  const request = {
    path: '/_matrix/media/v3/upload',
    query: { filename: file.filename },
    content: fileContent(file),
  };
  const answer = await as.demand(request, signal);
  const uri = member(answer.json, 'content_uri');
  if (typeof uri !== 'string') throw unexpected(answer, 'no content_uri in the answer');
  return uri;
}

/** Sends an event under its transaction id; the same id again is answered like the first time. */
async function put(
  as: Acting,
  { room }: Place,
  txn: string,
  json: object,
  signal: AbortSignal,
): Promise<PlatformAnswer> {
  const path = pathOf('_matrix', 'client', 'v3', 'rooms', room, 'send', 'm.room.message', txn);
  const answer = await as.demand({ method: 'PUT', path, json }, signal);
  if (typeof member(answer.json, 'event_id') !== 'string')
    throw unexpected(answer, 'no event_id in the answer');
  return answer;
}

/** Looks through the room's newest messages for a post's events, back to the time when the reply came. */
async function findEvents(as: Acting, { id, receivedAt }: Post, { room }: Place, signal: AbortSignal) {
  const path = pathOf('_matrix', 'client', 'v3', 'rooms', room, 'messages');
  const marks = new Set<string>();
  let text: string | undefined;
  let from: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const filter = JSON.stringify({ types: ['m.room.message'] });
    const query = {
      dir: 'b',
      limit: String(EVENTS_PER_PAGE),
      filter,
      ...(from === undefined ? {} : { from }),
    };
    const answer = await as.demand({ path, query }, signal);
    const chunk = member(answer.json, 'chunk');
    if (!Array.isArray(chunk)) throw unexpected(answer, 'no events in the answer');
    let oldest = Infinity;
    for (const event of members(chunk)) {
      const mark = member(event, 'content', MARK);
      if (mark === id) text = String(member(event, 'content', 'body'));
      if (typeof mark === 'string') marks.add(mark);
      oldest = Math.min(oldest, Number(member(event, 'origin_server_ts')));
    }
    const end = member(answer.json, 'end');
    if (typeof end !== 'string' || oldest < receivedAt - CLOCK_SLACK_MS) break;
    from = end;
  }
  return { marks, text };
}

/** Asks whose token it is. */
function examine(client: PlatformClient, { post_as }: Options, signal: AbortSignal): Promise<Examination> {
  const read = ({ status, json }: PlatformAnswer): Examined => {
    const id = member(json, 'user_id');
    if (status === 200 && typeof id === 'string') {
      const isBot = post_as === 'bot';
      return { postsAs: isBot ? `${id}, with a line that names the user` : `each user, by ${id}` };
    }
    if (status !== 401) return { postsAs: 'nobody yet' };
    const fix =
      'log in as the bot once and put its access token, or the as_token of the application service, into sink.token_file';
    return lacks('the access token is not taken', fix, 'nobody yet');
  };
  return client.examine({ path: '/_matrix/client/v3/account/whoami' }, read, signal);
}
