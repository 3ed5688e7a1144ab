/**
 * Request Tracker 5 as a sink, by its interface REST 2.
 *
 * Contract: a reply is a correspondence, or a comment, in the thread `ticket/N`: by the account of the key with a line that
 * names the user, or by the user where a token of theirs is at hand. A thread that is started is a ticket in the queue that is
 * its container, with the user as its requestor. Nothing is posted twice: each text bears a mark, and is looked for by it.
 * Limits: a site that sets `$TruncateLongAttachments` or `$DropLongAttachments` shortens or drops large files, and Request Tracker
 * does not say so in its answer.
 */
import type { Post } from '../../reply/post.ts';
import type { Meaning } from '../answer.ts';
import {
  type Examined,
  lacks,
  listIn,
  member,
  members,
  openPlatformClient,
  outcomeOf,
  type PlatformAnswer,
  type PlatformClient,
  pathOf,
  refuse,
  settled,
  sought,
  unexpected,
} from '../platform/client.ts';
import { titleOr } from '../platform/draft.ts';
import { openerOf, previewerOf } from '../platform/open.ts';
import { type PlatformOptions } from '../platform/options.ts';
import { createUserTokens, directoryProblem, hasToken, type UserTokens } from '../platform/user-tokens.ts';
import type { Examination, Outcome, Sink } from '../sink.ts';
import type { SinkEnvironment } from '../sink-kind.ts';
import { bodyOf, markOf, textForm, textMembers } from './message.ts';
import { recogniseTickets } from './recognise.ts';
import { RT_SETTINGS } from './settings.ts';
import { lacking, offers, type Poster, rightFor, seeTicket, ticketOf } from './ticket.ts';
import { authorisation, ownerOf, userIdOf } from './tokens.ts';
import { findUser, listUsers } from './users.ts';

type Given = PlatformOptions<typeof RT_SETTINGS>;
type Optional = 'user_tokens' | 'rtname';
type Options = Omit<Given, Optional> & { readonly [K in Optional]: Given[K] | undefined };

/** The clocks of two machines may differ by so much. */
const SKEW_MS = 3_600_000;

/** Opens Request Tracker. */
export const open = openerOf(RT_SETTINGS, createSink, ({ user_tokens }: Options) =>
  directoryProblem(user_tokens),
);

/** Shows what would be sent of a post; of whoever has given a token, as it is if that is taken. */
export const preview = previewerOf(RT_SETTINGS, (post, { policy, attribution, user_tokens }) => {
  const form = textForm(policy, hasToken(user_tokens, post.user) ? '' : attribution);
  const fields = { ...beginningOf(post), ...textMembers(post, form) };
  const files = post.attachments.map(({ filename, contentType, bytes }) => ({
    filename,
    contentType,
    bytes,
  }));
  return {
    body: { ...fields, ...(files.length === 0 ? {} : { Attachments: files }) },
    fields,
  };
});

/** Tells an answer of Request Tracker's own from one of what stands before it: its 400 has JSON, and it takes JSON. */
function means({ status, json }: PlatformAnswer): Meaning | undefined {
  if (status === 400 && json === undefined) return 'broken';
  return status === 415 ? 'broken' : undefined;
}

/** Makes the sink. Whoever posts, the account or a user by their token, the account alone looks for what is there. */
function createSink(options: Options, environment: SinkEnvironment): Sink {
  const { map, rtname } = options;
  const client = openPlatformClient(options, {
    now: environment.now,
    headers: authorisation(options.token),
    means,
  });
  const tokens = createUserTokens(
    { ...environment, directory: options.user_tokens, map },
    {
      name: 'Request Tracker',
      isToken: (text) => userIdOf(text) !== undefined,
      ownerOf: (token, signal) => ownerOf(client, token, signal),
      isRefusal: ({ status }) => status === 401,
    },
  );
  const post: ByPoster = { options, client, tokens };
  return {
    deliver: (reply, signal) => settled(() => byPoster(post, reply, postReply, signal)),
    created: (started, signal) => settled(() => byPoster(post, started, postTicket, signal)),
    exists: (sent, signal) => sought(() => isThere(client, sent, signal)),
    examine: (signal) => examine(options, client, signal),
    findUser: (address, signal) => findUser(client, map, address, signal),
    users: (signal) => listUsers(client, map, signal),
    recognise: recogniseTickets(rtname),
    close: () => client.close(),
  };
}

interface ByPoster {
  readonly options: Options;
  readonly client: PlatformClient;
  readonly tokens: UserTokens;
}

type MakePost = (
  on: Pick<ByPoster, 'options' | 'client'>,
  post: Post,
  by: Poster,
  signal: AbortSignal,
) => Promise<Outcome>;

/** Posts as the user who wrote, and by the account where there is no token or it is no longer taken. */
function byPoster(on: ByPoster, post: Post, make: MakePost, signal: AbortSignal): Promise<Outcome> {
  const { user } = post;
  const posterOf = (token: string | undefined): Poster =>
    token === undefined ? { is: 'bot' } : { is: 'user', user, headers: authorisation(token) };
  return on.tokens.post(user, (token) => make(on, post, posterOf(token), signal), signal);
}

const postReply: MakePost = async ({ options, client }, post, by, signal) => {
  const id = ticketOf(post.thread);
  const as = options.post_as;
  const { mayPost } = await seeTicket(client, id, { as, by, closed: options.closed }, signal);
  const path = pathOf('REST', '2.0', 'ticket', id, as);
  const { outcome, answer } = await send({ options, client }, post, by, path, {}, signal);
  if (answer.status !== 400 || answer.json === undefined) return outcome;
  // The words of a 400 are in the language of the account; the ticket has said what it stands for.
  if (!mayPost) return lacking(by, rightFor(as), id, answer.status);
  // All else is a database that did not take it, which may be over soon.
  return { kind: 'deferred', diagnostic: outcome.diagnostic, status: answer.status };
};

const postTicket: MakePost = async ({ options, client }, post, by, signal) => {
  if (post.newThread === undefined) throw refuse('the post starts no thread');
  const members = beginningOf(post);
  const path = pathOf('REST', '2.0', 'ticket');
  return (await send({ options, client }, post, by, path, members, signal)).outcome;
};

/** Gives the members of a ticket that a post starts; none of a reply. */
function beginningOf(post: Post): object {
  const { newThread, subject, from } = post;
  if (newThread === undefined) return {};
  return { Queue: newThread.container, Subject: titleOr(post, subject), Requestor: [from.address] };
}

/** Sends a post, and once more without its files where it is too large with them. */
async function send(
  { options, client }: Pick<ByPoster, 'options' | 'client'>,
  post: Post,
  by: Poster,
  path: string,
  members: object,
  signal: AbortSignal,
): Promise<{ readonly outcome: Outcome; readonly answer: PlatformAnswer }> {
  const form = textForm(options.policy, by.is === 'bot' ? options.attribution : '');
  const headers = by.is === 'bot' ? {} : by.headers;
  const ask = (files: Post['attachments'], refused: Post['attachments']): Promise<PlatformAnswer> => {
    const content = bodyOf({ ...members, ...textMembers(post, form, refused) }, files);
    return client.ask({ path, content, headers }, signal);
  };
  let answer = await ask(post.attachments, []);
  if (answer.status === 413 && post.attachments.length > 0) answer = await ask([], post.attachments);
  const outcome = client.judge(answer);
  // What Request Tracker makes it answers 201; a mere 200 is of somebody who stands before it.
  if (outcome.kind === 'posted' && answer.status !== 201) throw unexpected(answer, 'nothing was made');
  return { outcome, answer };
}

/** Looks for a post by its mark: in its ticket, or where it started one among what was stored since it came. */
async function isThere(client: PlatformClient, post: Post, signal: AbortSignal): Promise<boolean> {
  const mark = markOf(post);
  const since = new Date(post.receivedAt - SKEW_MS).toISOString().slice(0, 19).replace('T', ' ');
  const isReply = post.newThread === undefined;
  const conditions = [
    { field: 'Headers', operator: 'LIKE', value: `%${mark}%` },
    { field: 'Created', operator: '>=', value: since },
  ];
  const place = isReply ? ['ticket', ticketOf(post.thread)] : [];
  const query = {
    query: JSON.stringify(conditions),
    fields: 'Headers',
    orderby: 'id',
    order: 'DESC',
    per_page: '100',
  };
  const path = pathOf('REST', '2.0', ...place, 'attachments');
  const answer = await client.demand({ path, query }, signal);
  return listIn(answer, 'items').some((item) => String(member(item, 'Headers')).includes(mark));
}

/** Examines the account, and the newest ticket that it sees: only a ticket tells of rights. */
async function examine(options: Options, client: PlatformClient, signal: AbortSignal): Promise<Examination> {
  const id = userIdOf(options.token);
  const path = pathOf('REST', '2.0', ...(id === undefined ? ['rt'] : ['user', id]));
  const answered = await client.examine({ path }, readAccount(options), signal);
  if (answered.status !== 200 || answered.lack !== undefined) return answered;
  // What it says of the account is long, and of no use to who reads of its rights.
  const examined = { ...answered, diagnostic: '200 OK' };
  try {
    const query = { query: 'id > 0', orderby: 'id', order: 'DESC', per_page: '1', fields: '_hyperlinks' };
    const { json } = await client.demand({ path: pathOf('REST', '2.0', 'tickets'), query }, signal);
    const [ticket] = members(member(json, 'items'));
    const right = rightFor(options.post_as);
    if (ticket === undefined)
      return { ...examined, diagnostic: '200 OK; it sees no ticket, and only tickets tell of rights' };
    if (offers(ticket, options.post_as)) return examined;
    const what = `the account may not post into ticket ${String(member(ticket, 'id'))}`;
    return { ...examined, lack: { what, fix: `grant it ${right} on that queue, or on all` } };
  } catch (error) {
    return { ...examined, diagnostic: outcomeOf(error).diagnostic };
  }
}

/** Makes the reader of whose token it is; an answer without a name is of no REST 2. */
function readAccount(options: Options) {
  return ({ status, json }: PlatformAnswer): Examined => {
    const name = member(json, 'Name');
    if (status === 401) {
      const fix = `make one under Settings, Auth Tokens, and put it into ${options.token_file}`;
      return lacks('Request Tracker refuses the token', fix);
    }
    if (typeof name !== 'string')
      return lacks(
        'this is no REST 2 of Request Tracker',
        'name in sink.url the address below which REST/2.0 is',
      );
    const others =
      options.user_tokens === undefined ? '' : ', or as the user who has a token in sink.user_tokens';
    return { postsAs: `${name}, with a line that names the user${others}` };
  };
}
