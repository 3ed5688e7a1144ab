/**
 * The zulip sink: posts each reply as a message of a bot, under a line that names its author.
 *
 * Contract: a locator is `channel/ID/topic/NAME`, the name percent-encoded, or `direct/ID,ID` with the numbers of users.
 * Files are uploaded first and linked. A message is found again by a mark of characters that show nothing, behind the
 * line that names the author: Zulip keeps every character of a text, and shows an HTML comment.
 * Failure: Zulip cuts what is too long without a word, text and topic alike; so the sink refuses it. What Zulip means it
 * says in `code`, in no language.
 * Sources: zulip.com/api; zulip/zulip, files named at the tests.
 */
import { createHash } from 'node:crypto';
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
  refuse,
  settled,
  sought,
  unexpected,
  wholeOf,
} from '../platform/client.ts';
import { draftText, type TextForm, titleOr } from '../platform/draft.ts';
import { callNobody } from '../platform/everybody.ts';
import { handOver, multipart } from '../platform/files.ts';
import { openerOf, previewerOf } from '../platform/open.ts';
import { loginOf, type PlatformOptions } from '../platform/options.ts';
import type { Examination, Outcome, PlatformUser, Sink } from '../sink.ts';
import type { SinkEnvironment } from '../sink-kind.ts';
import { zulipMarkdown } from './dialect.ts';
import { findUser, listUsers } from './people.ts';
import { ZULIP_SETTINGS } from './settings.ts';

type Options = PlatformOptions<typeof ZULIP_SETTINGS>;

/** Code points of a message (MAX_MESSAGE_LENGTH) and of a topic (MAX_TOPIC_NAME_LENGTH). */
const MOST_CHARS = 10_000;
const MOST_TOPIC_CHARS = 60;

/** The bot's messages that are looked through, the newest ones of the channel. */
const LOOKED_THROUGH = 50;

/** Whom a wildcard calls (zerver/lib/mention.py). */
const EVERYBODY = ['all', 'everyone', 'channel', 'stream', 'topic'];

/** The dialect marks all itself. */
const UNTOUCHED = { mentions: false, references: false, commands: false, closing: false };

/** Opens the sink of a `[sink]` table. */
export const open = openerOf(
  ZULIP_SETTINGS,
  (options, environment) => new ZulipSink(options, environment),
  ({ token, token_file: file }) =>
    /^[^:\s]+@[^:\s]+:[^:\s]+$/.test(token)
      ? undefined
      : `sink.token_file: ${file}: expected the address of a bot, a colon and its key`,
);

/** Shows the message of a post, without the links of its files. */
export const preview = previewerOf(ZULIP_SETTINGS, (post, options) => {
  const { address } = post.newThread === undefined ? placeOf(post.thread) : beginning(post);
  const fields = { user: loginOf(options.map, post.user), thread: post.thread };
  return { body: { ...address, content: contentOf(post, options) }, fields };
});

/** Gives what a code means for all posts alike; every other one is about this message. */
const means: Means = ({ json }): Meaning | undefined => {
  switch (member(json, 'code')) {
    case 'INVALID_API_KEY':
    case 'UNAUTHORIZED':
    case 'UNAUTHENTICATED_USER':
    case 'USER_DEACTIVATED':
    case 'REALM_DEACTIVATED':
    case 'NONEXISTENT_SUBDOMAIN':
      return 'broken';
    case 'SERVER_NOT_READY':
      return 'busy';
    default:
      return undefined;
  }
};

/**
 * The sink. It looks for a message among the bot's own ones in the whole channel, since a topic may have another name
 * by then.
 */
class ZulipSink implements Sink {
  readonly #options: Options;
  readonly #client: PlatformClient;

  constructor(options: Options, { now }: SinkEnvironment) {
    this.#options = options;
    const authorization = `Basic ${Buffer.from(options.token).toString('base64')}`;
    this.#client = openPlatformClient(options, { now, headers: { authorization }, means });
  }

  deliver(post: Post, signal: AbortSignal): Promise<Outcome> {
    return settled(() => this.#post(post, placeOf(post.thread), signal));
  }

  created(post: Post, signal: AbortSignal): Promise<Outcome> {
    return settled(() => this.#post(post, beginning(post), signal));
  }

  exists(post: Post, signal: AbortSignal): Promise<boolean> {
    return sought(async () => {
      const { narrow } = post.newThread === undefined ? placeOf(post.thread) : beginning(post);
      const sender = this.#options.token.split(':')[0] ?? '';
      const query = {
        anchor: 'newest',
        num_before: String(LOOKED_THROUGH),
        num_after: '0',
        apply_markdown: 'false',
        narrow: JSON.stringify([...narrow, { operator: 'sender', operand: sender }]),
      };
      const answer = await this.#ask({ path: '/api/v1/messages', query }, signal);
      // The channel is not there: whoever posts will hear of it.
      if (member(answer.json, 'code') === 'BAD_NARROW') return false;
      const outcome = this.#client.judge(answer);
      if (outcome.kind !== 'posted') throw new NoPost(outcome);
      return listIn(answer, 'messages').some((message) =>
        String(member(message, 'content')).includes(markOf(post)),
      );
    });
  }

  examine(signal: AbortSignal): Promise<Examination> {
    return this.#client.examine({ path: '/api/v1/users/me' }, readExamination, signal);
  }

  findUser(address: string, signal: AbortSignal): Promise<string | undefined> {
    return findUser(this.#client, this.#options.map, address, signal);
  }

  users(signal: AbortSignal): AsyncIterable<PlatformUser> {
    return listUsers(this.#client, this.#options.map, signal);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** Uploads the files and sends the message; a 200 that names no message is put off. */
  async #post(post: Post, { address }: Place, signal: AbortSignal): Promise<Outcome> {
    contentOf(post, this.#options); // what is too long needs no files
    const { taken, refused } = await handOver(post.attachments, (file) => this.#upload(file, signal));
    const content = contentOf(post, this.#options, taken, refused);
    const answer = await this.#ask({ path: '/api/v1/messages', form: { ...address, content } }, signal);
    const outcome = this.#client.judge(answer);
    if (outcome.kind !== 'posted') return outcome;
    const id = member(wholeOf(answer).json, 'id');
    if (member(answer.json, 'result') !== 'success' || typeof id !== 'number')
      throw unexpected(answer, 'the answer to a message names none');
    return { ...outcome, diagnostic: `message ${id}` };
  }

  /** Uploads a file and gives the Markdown that links to it. */
  async #upload(file: PostAttachment, signal: AbortSignal): Promise<string> {
    const content = multipart({}, [{ field: 'filename', file }]);
    const answer = await this.#ask({ path: '/api/v1/user_uploads', content }, signal);
    const outcome = this.#client.judge(answer);
    if (outcome.kind !== 'posted') throw new NoPost(outcome);
    wholeOf(answer); // `uri` is the older name
    const url = member(answer.json, 'url') ?? member(answer.json, 'uri');
    if (typeof url !== 'string' || !url.startsWith('/user_uploads/'))
      throw unexpected(answer, 'the answer to an upload names no file');
    const name = file.filename.replace(/[[\]`*~$:\\\s]+/g, ' ').trim() || 'file';
    return `[${name}](${url.replace(/\(/g, '%28').replace(/\)/g, '%29')})`;
  }

  /** Asks, and reads how long Zulip wants to be left alone: seconds with a fraction, which HTTP has not. */
  async #ask(request: PlatformRequest, signal: AbortSignal): Promise<PlatformAnswer> {
    const answer = await this.#client.ask(request, signal);
    const told = Number(answer.retryAfter ?? member(answer.json, 'retry-after') ?? Number.NaN);
    return Number.isFinite(told) && told >= 0 ? { ...answer, retryAfter: String(Math.ceil(told)) } : answer;
  }
}

/** Writes a message: what `form` says, with the user by their name in Zulip. */
function contentOf(
  post: Post,
  options: Pick<Options, 'map' | 'attribution' | 'mentions'>,
  files: readonly string[] = [],
  refused: readonly PostAttachment[] = [],
): string {
  const user = loginOf(options.map, post.user);
  return draftText({ ...post, user }, form(post, options, files), refused);
}

/** The form of a message: the author, the text, its files, and the mark. */
function form(
  post: Post,
  { attribution, mentions }: Pick<Options, 'attribution' | 'mentions'>,
  files: readonly string[],
): TextForm {
  const dialect = (markdown: string): string => {
    const written = callNobody(zulipMarkdown(markdown, { mentions: mentions === 'live' }), EVERYBODY);
    const whole = [written, ...files].filter((part) => part !== '').join('\n\n');
    if (attribution === '') return `${whole}\n\n${markOf(post)}`;
    const line = /^[^\n]*/.exec(whole)?.[0] ?? '';
    return line + markOf(post) + whole.slice(line.length);
  };
  return { dialect, policy: UNTOUCHED, attribution, mostChars: MOST_CHARS };
}

/** Gives the mark of a post: 48 bits of its id in characters that show nothing. */
function markOf({ id }: Post): string {
  const bits = createHash('sha256').update(id).digest().readUIntBE(0, 6).toString(2).padStart(48, '0');
  return bits.replace(/0/g, '\u200b').replace(/1/g, '\u2060');
}

/** A place for a message: its address as a request has it, and the filter that finds what was said there. */
interface Place {
  readonly address: Readonly<Record<string, string>>;
  readonly narrow: readonly { readonly operator: string; readonly operand: unknown }[];
}

/**
 * Reads a locator. A topic that is too long is refused: Zulip would cut it, and the reply would stand in another
 * topic than the one that it answers.
 */
function placeOf(locator = ''): Place {
  const [, channel, name] = /^channel\/(\d{1,10})\/topic\/([^/]+)$/.exec(locator) ?? [];
  const [, people] = /^direct\/(\d{1,10}(?:,\d{1,10}){0,99})$/.exec(locator) ?? [];
  if (people !== undefined) {
    const ids = people.split(',').map(Number);
    const narrow = [{ operator: 'dm', operand: ids }];
    return { address: { type: 'direct', to: JSON.stringify(ids) }, narrow };
  }
  const topic = name === undefined ? undefined : decoded(name);
  if (channel === undefined || topic === undefined)
    throw refuse(
      `${JSON.stringify(locator)} is no place in Zulip; expected channel/ID/topic/NAME or direct/ID,ID`,
    );
  if (Array.from(topic).length > MOST_TOPIC_CHARS)
    throw refuse(
      `${JSON.stringify(topic)} is longer than a topic of Zulip; expected ${MOST_TOPIC_CHARS} characters`,
    );
  return inChannel(channel, topic);
}

/** Gives the place of a new topic; a longer title is cut as Zulip would, but shows it. */
function beginning(post: Post): Place {
  const [, channel] = /^channel\/(\d{1,10})$/.exec(post.newThread?.container ?? '') ?? [];
  if (channel === undefined)
    throw refuse(
      `${JSON.stringify(post.newThread?.container ?? '')} is no channel of Zulip; expected channel/ID`,
    );
  const title = Array.from(titleOr(post, '(no subject)'));
  const isLong = title.length > MOST_TOPIC_CHARS;
  return inChannel(channel, isLong ? `${title.slice(0, MOST_TOPIC_CHARS - 1).join('')}…` : title.join(''));
}

/** Looks in the whole channel: a topic is renamed when it is resolved. */
function inChannel(channel: string, topic: string): Place {
  return {
    address: { type: 'stream', to: channel, topic },
    narrow: [{ operator: 'stream', operand: Number(channel) }],
  };
}

/** Decodes the name of a topic; undefined where it is none that Zulip could have. */
function decoded(part: string): string | undefined {
  try {
    const name = decodeURIComponent(part);
    return name.trim() === '' || /\p{Cc}/u.test(name) ? undefined : name;
  } catch {
    return undefined;
  }
}

function readExamination({ status, json }: PlatformAnswer): Examined {
  const name = member(json, 'full_name');
  const postsAs = `${typeof name === 'string' ? name : 'the bot'}, under a line that names the author`;
  if (status !== 401 && status !== 403) return { postsAs };
  return lacks(
    'Zulip does not take the key of the bot',
    'make a generic bot in Settings, Bots, and put its address, a colon and its key into the file of sink.token_file',
    postsAs,
  );
}
