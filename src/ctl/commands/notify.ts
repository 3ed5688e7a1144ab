/**
 * `mailgw-ctl notify`: hands over notifications that mailgw sends, from JSON lines on standard input; and
 * `mailgw-ctl notification`, which says what became of them.
 *
 * Contract: each line is the body of POST /v1/notifications, with `idempotency_key` and `to` beside it where they are
 * wanted, and is committed for itself. Each is answered by a row, in order; what is wrong with one is said with its number.
 */
import { Fault, invalid } from '../../actions/fault.ts';
import { readLimit } from '../../actions/items.ts';
import { type NotifyRequest, notificationState, type Queued } from '../../actions/notify.ts';
import { type Failed, failedOf, type NotifyOrder } from '../../api/own-actions.ts';
import { notificationRow } from '../../api/shown.ts';
import { withMinting } from '../act.ts';
import type { CommandGroup, CommandSpec } from '../command.ts';
import { forEachBatch, type JsonLine } from '../json-lines.ts';
import { withStore } from '../session.ts';
import { printDone, printRow, printRows, type Row } from '../terminal/print.ts';

const DEFAULT_LIMIT = 100;

/** Hands over notifications. */
export const notifyCommand: CommandSpec = {
  words: 'notify',
  summary: 'hand over notifications to be sent, one JSON object a line on standard input',
  examples: ['notify < notifications.jsonl', 'notify --json < notifications.jsonl'],
  run: (_input, context) =>
    withMinting(context, (act) =>
      forEachBatch(context, async (lines) => {
        const read = lines.map(readLine);
        const ends = (await act('notify', { orders: read.filter((each) => 'request' in each) })).values();
        return read.map((each) => {
          const end = 'failed' in each ? each : ends.next().value;
          if (end === undefined || 'failed' in end) return end?.failed.problems.join('; ');
          printDone(
            context.output,
            queuedRow(end),
            `${end.id} ${end.isRepeated ? 'was handed over before' : 'is queued'}`,
          );
          return undefined;
        });
      }),
    ),
};

/** Reads a line: the notification and its key, or what is wrong with it. */
function readLine({ value }: JsonLine): NotifyOrder | Failed {
  try {
    const { idempotency_key: key, ...order } = value;
    if (key !== undefined && typeof key !== 'string')
      throw invalid('idempotency_key', 'idempotency_key: is no text');
    return { request: readOrder(order), key };
  } catch (error) {
    if (error instanceof Fault) return failedOf(error);
    throw error;
  }
}

type Kind = 'text' | 'texts' | Members | { readonly each: Members };

/** The members of an object, all of them texts. */
type Members = { readonly [key: string]: 'text' };

/** The keys of a line, and what each is. */
const KEYS: Readonly<Record<string, { readonly kind: Kind; readonly isRequired?: true }>> = {
  user: { kind: 'text', isRequired: true },
  thread: { kind: 'text' },
  posts: { kind: { each: { thread: 'text', replied_to: 'text', label: 'text' } } },
  replied_to: { kind: 'text' },
  to: { kind: 'text' },
  subject: { kind: 'text', isRequired: true },
  text: { kind: 'text', isRequired: true },
  html: { kind: 'text' },
  from: { kind: { name: 'text' } },
  headers: { kind: 'texts' },
  list: { kind: { id: 'text', unsubscribe: 'text' } },
};

/** Reads a line as a request; throws a Fault that names the key. */
function readOrder(order: Readonly<Record<string, unknown>>): NotifyRequest {
  for (const key of Object.keys(order)) {
    if (!Object.hasOwn(KEYS, key)) throw invalid(key, `${key}: is no key of a notification`);
  }
  for (const [key, { kind, isRequired }] of Object.entries(KEYS)) {
    const value = order[key];
    if (value === undefined && isRequired !== true) continue;
    if (!isOf(kind, value))
      throw invalid(key, `${key}: ${value === undefined ? 'is missing' : `is not ${wordFor(kind)}`}`);
  }
  const { replied_to: repliedTo, posts, ...rest } = order;
  return {
    ...rest,
    ...(repliedTo !== undefined && { repliedTo }),
    ...(posts !== undefined && { posts: readPosts(posts as readonly Partial<PostLine>[]) }),
  } as unknown as NotifyRequest;
}

/** A post of a digest as a line has it. */
interface PostLine {
  readonly thread: string;
  readonly replied_to: string;
  readonly label: string;
}

function readPosts(posts: readonly Partial<PostLine>[]): NonNullable<NotifyRequest['posts']> {
  return posts.map(({ thread, replied_to: repliedTo, label }, index) => {
    for (const [key, value] of Object.entries({ thread, label }))
      if (value === undefined) throw invalid(`posts/${index}/${key}`, `posts/${index}/${key}: is missing`);
    return { thread: thread ?? '', repliedTo, label: label ?? '' };
  });
}

function isOf(kind: Kind, value: unknown): boolean {
  if (kind === 'text') return typeof value === 'string';
  if (isList(kind)) return Array.isArray(value) && value.every((each) => isOf(kind.each, each));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(
    ([key, each]) => typeof each === 'string' && (kind === 'texts' || Object.hasOwn(kind, key)),
  );
}

const isList = (kind: Kind): kind is { readonly each: Members } =>
  typeof kind === 'object' && typeof kind.each === 'object';

function wordFor(kind: Kind): string {
  if (kind === 'text') return 'a text';
  if (kind === 'texts') return 'an object of texts';
  if (isList(kind)) return `a list of objects of texts: ${Object.keys(kind.each).join(', ')}`;
  return `an object of texts: ${Object.keys(kind).join(', ')}`;
}

const list: CommandSpec = {
  words: 'list',
  summary: 'list notifications that were handed over, newest first',
  options: [
    { flags: '--thread <locator>', doc: 'only those of one thread' },
    { flags: '--limit <number>', doc: `at most so many (default: ${DEFAULT_LIMIT})` },
  ],
  examples: ['list', 'list --thread acme/site/issue/7 --json'],
  run: (input, context) =>
    withStore(context, async ({ store }) => {
      const limit = readLimit(input.text('limit') ?? String(DEFAULT_LIMIT));
      const notifications = await store.listNotifications({ thread: input.text('thread'), limit });
      printRows(
        context.output,
        notifications.map(notificationRow),
        [
          { key: 'id' },
          { key: 'state' },
          { key: 'user', shrinks: true },
          { key: 'thread', shrinks: true },
          { key: 'created_at', title: 'created' },
          { key: 'attempts', title: 'tries' },
          { key: 'due_at', title: 'due' },
          { key: 'last_diagnostic', title: 'diagnostic', shrinks: true },
        ],
        'No notification was handed over yet.',
      );
    }),
};

const show: CommandSpec = {
  words: 'show <id>',
  summary: 'show one notification, and what became of it',
  examples: ['show 06h20s6p79t3u5jjh4mlekss'],
  run: (input, context) =>
    withStore(context, async (session) => {
      printRow(context.output, notificationRow(await notificationState(session, input.argument())));
    }),
};

/** The commands on notifications. */
export const notificationGroup: CommandGroup = {
  name: 'notification',
  summary: 'the mail that tells users of posts, and what became of it',
  commands: [list, show],
};

function queuedRow({ id, messageId, replyTo, isRepeated }: Queued): Row {
  return { id, message_id: `<${messageId}>`, reply_to: replyTo, repeated: isRepeated };
}
