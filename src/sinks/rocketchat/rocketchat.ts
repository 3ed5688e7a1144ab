/**
 * Rocket.Chat: replies become messages of a bot in the thread's room, with a line that names who wrote them, or under the
 * user's name where the bot may impersonate.
 *
 * Contract: a message has an id of ours, and the server inserts an id once: the text is there exactly once. Files follow as
 * messages of their own, which take no id; `exists` looks for them by name, size and author, and sends what is missing.
 * Failure: a repetition is answered like a fault of the server, so that a refusal without a name is looked into. 401 is an
 * operator's matter, as are an address that is not Rocket.Chat's, a missing right to impersonate and a restricted workspace.
 * Needs Rocket.Chat 6.10 or newer (rooms.media).
 */
import type { Post } from '../../reply/post.ts';
import type { Meaning } from '../answer.ts';
import { NoPost } from '../no-post.ts';
import {
  type Examined,
  lacks,
  member,
  openPlatformClient,
  type PlatformAnswer,
  type PlatformClient,
  refuse,
  settled,
  sought,
  unexpected,
  wholeOf,
} from '../platform/client.ts';
import { draftText, refusedNote, type TextForm, titled } from '../platform/draft.ts';
import { previewerOf } from '../platform/open.ts';
import { loginOf, type PlatformOptions, readPlatformOptions } from '../platform/options.ts';
import type { Examination, Outcome, Sink } from '../sink.ts';
import type { LoadedSink, SinkEnvironment, SinkTable } from '../sink-kind.ts';
import { rocketChatText } from './dialect.ts';
import { confirm, confirmEach, missingFiles, type Uploaded, upload } from './files.ts';
import { type Place, readContainer, readThread } from './locator.ts';
import { ROCKETCHAT_SETTINGS } from './settings.ts';
import { findUser, listUsers } from './users.ts';

type Options = PlatformOptions<typeof ROCKETCHAT_SETTINGS>;

/** Opens the sink. */
export function open(table: SinkTable, environment: SinkEnvironment): LoadedSink {
  const read = readPlatformOptions(table, ROCKETCHAT_SETTINGS, environment);
  if (!read.ok) return read;
  const [, user, token] = /^([^\s:]+):(\S+)$/.exec(read.options.token) ?? [];
  if (user === undefined || token === undefined) {
    const problem = 'sink.token_file: does not hold a user id and a token; expected ID:TOKEN on one line';
    return { ok: false, problems: [problem] };
  }
  return { ok: true, sink: createRocketChatSink(read.options, { user, token }, environment) };
}

/** Shows the message that would be sent. */
export const preview = previewerOf(ROCKETCHAT_SETTINGS, (post, options) => {
  const whole = post.newThread === undefined ? post : titled(post, options.policy);
  const place = placeOf(post);
  const message = messageOf(idOf(post), place, draftText(whole, formOf(options)), aliasOf(post, options));
  const { msg, ...fields } = message;
  return { body: { message: { ...fields, msg } }, fields };
});

/** Gives the form of the texts: under a line that names the user, but where their name stands above the message. */
function formOf({
  policy,
  post_as,
  attribution,
  max_chars,
}: Pick<Options, 'policy' | 'post_as' | 'attribution' | 'max_chars'>): TextForm {
  return {
    dialect: rocketChatText,
    policy,
    attribution: post_as === 'alias' ? '' : attribution,
    mostChars: max_chars,
    charsOf: (text) => text.length,
  };
}

/** Names the user, where messages bear another name than the bot's. */
const aliasOf = ({ user }: Post, { post_as, map }: Pick<Options, 'post_as' | 'map'>): object =>
  post_as === 'alias' ? { alias: loginOf(map, user) } : {};

/** Gives the message's id, which the server takes once. */
function idOf(post: Post): string {
  return `mailgw-${post.id}`;
}

function createRocketChatSink(
  options: Options,
  { user, token }: { user: string; token: string },
  { now }: SinkEnvironment,
): Sink {
  const client = openPlatformClient(options, {
    now,
    headers: { 'x-user-id': user, 'x-auth-token': token },
    // The user's id is a part of the ids of its direct messages.
    secrets: [token],
    means,
  });
  const form = formOf(options);
  const send = async (post: Post, place: Place, signal: AbortSignal): Promise<Outcome> => {
    await checkParent(client, place, signal);
    const { taken, refused } = await upload(client, post.attachments, place, signal);
    const text = draftText(post, form, refused);
    const answer = await say(client, idOf(post), place, text, aliasOf(post, options), signal);
    const outcome = client.judge(answer);
    if (isUnclear(answer) && (await complete(post, place, signal)))
      return { kind: 'posted', diagnostic: 'it was there already', status: answer.status };
    if (isUnclear(answer) && outcome.kind === 'posted') throw unexpected(answer, 'no message was made');
    if (outcome.kind === 'posted') await confirmAll(post, place, taken, signal);
    return outcome;
  };
  // A file that is lost now, after its text was sent, is told of in a message of its own, whose id is taken once too.
  const confirmAll = async (post: Post, place: Place, files: readonly Uploaded[], signal: AbortSignal) => {
    const give = (file: Uploaded): Promise<void> =>
      confirm(client, file, { ...threadOf(place), ...aliasOf(post, options) }, place, signal);
    const lost = await confirmEach(files, give);
    if (lost.length === 0) return;
    const note = refusedNote(lost, rocketChatText);
    await say(client, `${idOf(post)}-files`, place, note, aliasOf(post, options), signal);
  };
  const complete = async (post: Post, place: Place, signal: AbortSignal): Promise<boolean> => {
    const found = await find(client, post, place, signal);
    if (found === undefined) return false;
    const missing = await missingFiles(client, post, found, signal);
    const { taken } = await upload(client, missing, place, signal);
    await confirmAll(post, place, taken, signal);
    return true;
  };
  return {
    deliver: (post, signal) => settled(async () => send(post, readThread(post.thread), signal)),
    created: (post, signal) => settled(async () => send(titled(post, options.policy), placeOf(post), signal)),
    exists: (post, signal) => sought(async () => complete(post, placeOf(post), signal)),
    examine: (signal) => examine(client, options, signal),
    findUser: (address, signal) => findUser(client, options.map, address, signal),
    users: (signal) => listUsers(client, options.map, signal),
    close: () => client.close(),
  };
}

const placeOf = ({ newThread, thread }: Post): Place =>
  newThread === undefined ? readThread(thread) : readContainer(newThread.container);

/** Sends a message under an id of ours. */
function say(
  client: PlatformClient,
  id: string,
  place: Place,
  text: string,
  alias: object,
  signal: AbortSignal,
): Promise<PlatformAnswer> {
  const message = messageOf(id, place, text, alias);
  return client.ask({ path: '/api/v1/chat.sendMessage', json: { message } }, signal);
}

const messageOf = (id: string, place: Place, text: string, alias: object) => ({
  _id: id,
  rid: place.room,
  msg: text,
  ...threadOf(place),
  ...alias,
});

const threadOf = ({ parent }: Place): { tmid?: string } => (parent === undefined ? {} : { tmid: parent });

/** Gives what an answer means: only a path that is none is not found, and some refusals are of the bot, not of a reply. */
function means({ status, json }: PlatformAnswer): Meaning | undefined {
  if (status === 404) return 'broken';
  const words = [member(json, 'error'), member(json, 'errorType')];
  const isOfBot = ['Not enough permission', 'restricted-workspace', 'error-invalid-user'].some((word) =>
    words.includes(word),
  );
  return isOfBot ? 'broken' : undefined;
}

/** Tells whether an answer may be that to a repetition: a fault without a name, or a success without a message. */
function isUnclear({ status, json }: PlatformAnswer): boolean {
  if (status === 400) return member(json, 'errorType') === undefined;
  return status === 200 && json !== undefined && member(json, 'message', '_id') === undefined;
}

/** Refuses a post whose thread hangs on nothing: the server would take it, and nobody would see it. */
async function checkParent(client: PlatformClient, { room, parent }: Place, signal: AbortSignal) {
  if (parent === undefined) return;
  const answer = await client.demand({ path: '/api/v1/chat.getMessage', query: { msgId: parent } }, signal);
  const message = member(wholeOf(answer).json, 'message');
  if (typeof member(message, 'rid') !== 'string') throw unexpected(answer, 'no message in the answer');
  if (member(message, 'rid') !== room) throw refuse(`the message ${parent} is in another room than ${room}`);
  if (member(message, 't') === 'rm') throw refuse(`the message ${parent} was deleted`);
}

/** Gives our message; undefined where it is not there, or in another room. */
async function find(client: PlatformClient, post: Post, { room }: Place, signal: AbortSignal) {
  const query = { msgId: idOf(post) };
  const answer = await client.ask({ path: '/api/v1/chat.getMessage', query }, signal);
  const message = member(answer.json, 'message');
  if (answer.status === 200 && message !== undefined)
    return member(message, 'rid') === room ? message : undefined;
  // Without a name, the refusal says that there is no such message.
  if (answer.status === 400 && member(answer.json, 'success') === false) {
    if (member(answer.json, 'errorType') === undefined) return undefined;
  }
  const outcome = client.judge(answer);
  throw outcome.kind === 'posted' ? unexpected(answer, 'no message in the answer') : new NoPost(outcome);
}

function examine(client: PlatformClient, { post_as }: Options, signal: AbortSignal): Promise<Examination> {
  const read = ({ status, json }: PlatformAnswer): Examined => {
    const name = member(json, 'username');
    if (status === 200 && typeof name === 'string') {
      const how = post_as === 'alias' ? 'under the name of the user' : 'with a line that names the user';
      return { postsAs: `@${name}, ${how}` };
    }
    if (status !== 401) return { postsAs: 'nobody yet' };
    const fix =
      'as the bot, make a personal access token (My Account > Personal Access Tokens), and put the user id and the token into sink.token_file as ID:TOKEN';
    return lacks('the user id and token are not taken', fix, 'nobody yet');
  };
  return client.examine({ path: '/api/v1/me' }, read, signal);
}
