/**
 * Mattermost: replies become posts in the thread's channel, of a bot with a line that names who wrote them, or of the user
 * who has given a personal access token.
 *
 * Contract: our id goes along as `pending_post_id`, by which the server knows a repetition for half a minute, and as a
 * property of the post, by which `exists` finds it later. Files are handed over first, ten of them at most, by whoever posts:
 * a post takes no file of somebody else (server/channels/store/sqlstore/file_info_store.go, AttachToPost). All that is looked
 * up is asked for by the bot.
 * Failure: 401 is an operator's matter, as is an address that is not Mattermost's; everything else that is refused is
 * refused to this reply alone: a channel that is archived or that the bot is not in, a root post that was deleted.
 */
import type { Post, PostAttachment } from '../../reply/post.ts';
import {
  type Examined,
  lacks,
  listIn,
  member,
  members,
  openPlatformClient,
  type PlatformAnswer,
  type PlatformClient,
  pathOf,
  settled,
  sought,
  unexpected,
} from '../platform/client.ts';
import { draftText, type TextForm, titled } from '../platform/draft.ts';
import { handOver, multipart } from '../platform/files.ts';
import { openerOf, previewerOf } from '../platform/open.ts';
import { type PlatformOptions } from '../platform/options.ts';
import { addressesOf, type FindUser, type Listed, ourUsers, userOfAddress } from '../platform/people.ts';
import { createUserTokens, directoryProblem, hasToken } from '../platform/user-tokens.ts';
import type { Examination, Outcome, Sink } from '../sink.ts';
import type { SinkEnvironment } from '../sink-kind.ts';
import { ID, readContainer, readThread } from './locator.ts';
import { recogniserOf } from './recognise.ts';
import { MATTERMOST_SETTINGS } from './settings.ts';
import { bearer, ownerOf } from './tokens.ts';

/** Characters of a message: the column of the server's database has so many bytes, four for each. */
const MOST_CHARS = 16_383;

/** The list of a post's files has room for so many ids. */
const MOST_FILES = 10;

/** The property of a post that holds our id. */
const MARK = 'mailgw_post';

const POSTS_PER_PAGE = 60;
const USERS_PER_PAGE = 200;

/** Pages of posts that are looked through for one of ours: more than a channel has while a reply waits. */
const MOST_PAGES = 50;

/** How far the platform's clock may be behind ours. */
const CLOCK_SLACK_MS = 600_000;

type Options = PlatformOptions<typeof MATTERMOST_SETTINGS>;

/** Where a post goes, once the channel is known. */
interface Target {
  readonly channel: string;
  readonly root: string | undefined;
}

/** Opens the sink. */
export const open = openerOf(MATTERMOST_SETTINGS, createMattermostSink, ({ user_tokens }) =>
  directoryProblem(user_tokens),
);

/**
 * Shows the post that would be made; of whoever has given a token, as it is if that is taken. Where the thread names no
 * channel, Mattermost is asked for it.
 */
export const preview = previewerOf(MATTERMOST_SETTINGS, (post, options) => {
  const { newThread } = post;
  const whole = newThread === undefined ? post : titled(post, options.policy);
  const place = newThread === undefined ? readThread(post.thread) : beginningIn(newThread.container);
  const target = place.channel === undefined ? {} : addressOf(place);
  const above = hasToken(options.user_tokens, post.user) ? '' : options.attribution;
  return { body: { ...target, ...contentOf(whole, options.policy, above, []) }, fields: target };
});

/** Writes what a post says, and by what it is known again. */
function contentOf(
  post: Post,
  policy: Options['policy'],
  attribution: string,
  refused: readonly PostAttachment[],
) {
  const form: TextForm = { dialect: (text) => text, policy, attribution, mostChars: MOST_CHARS };
  return {
    message: draftText(post, form, refused),
    pending_post_id: `mailgw:${post.id}`,
    props: { [MARK]: post.id },
  };
}

/** Gives the place where a thread begins. */
const beginningIn = (container: string): Target => ({ channel: readContainer(container), root: undefined });

const addressOf = ({ channel, root }: Target) => ({ channel_id: channel, root_id: root ?? '' });

/**
 * Makes the sink. Each post has its id twice: as `pending_post_id`, by which the server knows a repetition at once,
 * and as a property, by which `exists` finds it later.
 */
function createMattermostSink(options: Options, environment: SinkEnvironment): Sink {
  const client = openPlatformClient(options, {
    now: environment.now,
    headers: bearer(options.token),
    means: ({ json }) => (errorId(json) === 'api.context.404.app_error' ? 'broken' : undefined),
  });
  const tokens = createUserTokens(
    { ...environment, directory: options.user_tokens, map: options.map },
    {
      name: 'Mattermost',
      isToken: (text) => ID.test(text),
      ownerOf: (token, signal) => ownerOf(client, token, signal),
      isRefusal: ({ status }) => status === 401,
    },
  );
  const send = (post: Post, target: Target, signal: AbortSignal): Promise<Outcome> =>
    tokens.post(
      post.user,
      async (token) => {
        const by = token === undefined ? {} : bearer(token);
        const { taken, refused } = await handFiles(client, post, { ...target, by }, signal);
        const above = token === undefined ? options.attribution : '';
        const content = contentOf(post, options.policy, above, refused);
        const json = { ...addressOf(target), ...content, file_ids: taken };
        const answer = await client.demand({ path: '/api/v4/posts', json, headers: by }, signal);
        if (typeof member(answer.json, 'id') !== 'string') throw unexpected(answer, 'no post in the answer');
        return client.judge(answer);
      },
      signal,
    );
  return {
    deliver: (post, signal) =>
      settled(async () => send(post, await targetOf(client, post.thread, signal), signal)),
    created: (post, signal) =>
      settled(() => {
        const target = beginningIn(post.newThread?.container ?? '');
        return send(titled(post, options.policy), target, signal);
      }),
    exists: (post, signal) => sought(async () => isPosted(client, post, signal)),
    examine: (signal) => examine(client, options.user_tokens !== undefined, signal),
    findUser: (address, signal) => findUser(client, options.map, address, signal),
    users: (signal) => ourUsers(options.map, listed(client, signal)),
    recognise: recogniserOf(siteOf(options)),
    close: () => client.close(),
  };
}

/** Gives the host that notifications bear; a Unix socket tells none. */
function siteOf({ site, url }: Options): string | undefined {
  if (site !== '') return site;
  return url.socketPath === undefined ? new URL(url.origin).hostname : undefined;
}

function errorId(json: unknown): unknown {
  return member(json, 'id');
}

/** Gives the channel and the root post; a post's own channel is asked for. */
async function targetOf(
  client: PlatformClient,
  thread: string | undefined,
  signal: AbortSignal,
): Promise<Target> {
  const place = readThread(thread);
  if (place.channel !== undefined) return place;
  const answer = await client.demand({ path: pathOf('api', 'v4', 'posts', place.post) }, signal);
  const [channel, root] = [member(answer.json, 'channel_id'), member(answer.json, 'root_id')];
  if (typeof channel !== 'string') throw unexpected(answer, 'no channel in the answer');
  return { channel, root: typeof root === 'string' && root !== '' ? root : place.post };
}

/** Hands the files over that a post can have. */
async function handFiles(
  client: PlatformClient,
  post: Post,
  { channel, by }: Target & { readonly by: Readonly<Record<string, string>> },
  signal: AbortSignal,
) {
  const give = async (file: PostAttachment): Promise<string> => {
    const content = multipart({ channel_id: channel }, [{ field: 'files', file }]);
    const answer = await client.demand({ path: '/api/v4/files', content, headers: by }, signal);
    const id = member(members(member(answer.json, 'file_infos'))[0], 'id');
    if (typeof id !== 'string') throw unexpected(answer, 'no file in the answer');
    return id;
  };
  const { taken, refused } = await handOver(post.attachments.slice(0, MOST_FILES), give);
  return { taken, refused: [...refused, ...post.attachments.slice(MOST_FILES)] };
}

/** Looks through the channel's newest posts for ours, back to the time when the reply came. */
async function isPosted(client: PlatformClient, post: Post, signal: AbortSignal): Promise<boolean> {
  const { container } = post.newThread ?? {};
  const channel =
    container === undefined
      ? (await targetOf(client, post.thread, signal)).channel
      : readContainer(container);
  const since = post.receivedAt - CLOCK_SLACK_MS;
  const path = pathOf('api', 'v4', 'channels', channel, 'posts');
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = { page: String(page), per_page: String(POSTS_PER_PAGE), skipFetchThreads: 'true' };
    const answer = await client.demand({ path, query }, signal);
    const order = listIn(answer, 'order');
    const posts = order.map((id) => member(answer.json, 'posts', String(id)));
    if (order.length > 0 && posts[0] === undefined) throw unexpected(answer, 'no posts in the answer');
    if (posts.some((each) => member(each, 'props', MARK) === post.id)) return true;
    const oldest = Number(member(posts.at(-1), 'create_at'));
    if (order.length < POSTS_PER_PAGE || oldest < since) return false;
  }
  return false;
}

/** Asks whose token it is. */
function examine(client: PlatformClient, hasTokens: boolean, signal: AbortSignal): Promise<Examination> {
  const own = hasTokens ? '; as the user where a token of theirs is there' : '';
  const read = ({ status, json }: PlatformAnswer): Examined => {
    const name = member(json, 'username');
    if (status === 200 && typeof name === 'string')
      return { postsAs: `@${name}, with a line that names the user${own}` };
    if (status !== 401) return { postsAs: 'nobody yet' };
    const fix =
      'make a bot account (Integrations > Bot Accounts), put its access token into sink.token_file, and see that the bot is enabled';
    return lacks('the access token is not taken', fix, 'nobody yet');
  };
  return client.examine({ path: '/api/v4/users/me' }, read, signal);
}

/** Names the user with an address; Mattermost knows one at most. */
const findUser: FindUser = async (client, map, address, signal) => {
  const answer = await client.ask({ path: pathOf('api', 'v4', 'users', 'email', address) }, signal);
  // 400 is an address that Mattermost takes for none.
  const isUnknown =
    (answer.status === 404 || answer.status === 400) && errorId(answer.json) !== 'api.context.404.app_error';
  if (isUnknown && errorId(answer.json) !== undefined) return undefined;
  const outcome = client.judge(answer);
  if (outcome.kind !== 'posted') throw new Error(outcome.diagnostic);
  if (typeof member(answer.json, 'username') !== 'string') throw unexpected(answer, 'no user in the answer');
  const user = userOf(answer.json);
  return user && userOfAddress(map, [user], address);
};

/** Lists the people who may log in; whose address the bot may not see, it does not list. */
async function* listed(client: PlatformClient, signal: AbortSignal): AsyncIterable<Listed> {
  for (let page = 0; ; page++) {
    const query = { page: String(page), per_page: String(USERS_PER_PAGE), active: 'true' };
    const answer = await client.demand({ path: '/api/v4/users', query }, signal);
    if (!Array.isArray(answer.json)) throw new Error(`no list of users: ${answer.text.slice(0, 200)}`);
    yield* members(answer.json)
      .map(userOf)
      .filter((user) => user !== undefined);
    if (answer.json.length < USERS_PER_PAGE) return;
  }
}

/** Gives name and address of a person who is active and whose address may be seen. */
function userOf(json: unknown): Listed | undefined {
  const [login, addresses] = [member(json, 'username'), addressesOf(member(json, 'email'))];
  const isOut = member(json, 'is_bot') === true || Number(member(json, 'delete_at')) > 0;
  return typeof login !== 'string' || addresses.length === 0 || isOut ? undefined : { login, addresses };
}
