/** Notifications that mailgw sends, and what a thread has seen of notifications and replies. */
import Type from 'typebox';
import { hideTokens } from '../../actions/items.ts';
import { notificationState, notify } from '../../actions/notify.ts';
import { renameThread } from '../../actions/threads.ts';
import { NOTIFICATION_LIMITS } from '../../mail/notification.ts';
import type { SecretSession } from '../../site/session.ts';
import { tokenMask } from '../../site/token-mask.ts';
import { type Route, route } from '../route.ts';
import { nullable, PAGE, page, record, text, time, toRead, words } from '../schemas.ts';
import { itemDetailRow, notificationRow } from '../shown.ts';
import { DIGEST, orderedPosts } from './addresses.ts';
import { ITEM } from './items.ts';

const ORDER = record(
  {
    user: Type.String({ maxLength: 255, description: 'Who is notified: a name that the directory has.' }),
    thread: Type.Optional(
      Type.String({
        maxLength: 1000,
        description:
          "The platform's own name of the thread. Each notification is about a `thread`, or `posts`.",
      }),
    ),
    posts: Type.Optional(DIGEST),
    replied_to: Type.Optional(time('When the post was made. Now where it is missing.')),
    to: Type.Optional(text('One of the addresses of the user; the first of them where it is missing.', 320)),
    subject: Type.String({
      maxLength: 10_000,
      description: `One line; beyond ${NOTIFICATION_LIMITS.subjectChars} characters it is cut off. The same for all mails of a thread: Gmail parts threads by it.`,
    }),
    text: Type.String({ description: 'What the mail says, as plain text.' }),
    html: Type.Optional(Type.String({ description: 'The same as HTML.' })),
    from: Type.Optional(
      record({
        name: Type.String({ maxLength: 1000, description: 'Who is shown as the author: "Bob via Tracker".' }),
      }),
    ),
    headers: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description: 'Fields of your own: X-… and a few others, each on one line.',
      }),
    ),
    list: Type.Optional(
      record({
        id: Type.Optional(
          Type.String({ description: 'List-Id, such as `issue-7.acme.tracker.example.org`.' }),
        ),
        unsubscribe: Type.Optional(
          Type.String({ description: 'An https address that takes one-click unsubscriptions (RFC 8058).' }),
        ),
      }),
    ),
  },
  'NotificationOrder',
);

const NOTIFICATION = record(
  {
    id: Type.String(),
    state: words('waiting', 'sent', 'failed'),
    user: Type.String(),
    thread: nullable(Type.String({ description: 'Null of a digest.' })),
    message_id: Type.String(),
    replied_to: nullable(time('The time of the post.')),
    created_at: nullable(time('When it was handed over.')),
    attempts: Type.Integer(),
    due_at: nullable(time('When the next attempt is due.')),
    settled_at: nullable(time('When it was sent, or given up.')),
    last_diagnostic: nullable(Type.String({ description: 'What the mail server said last.' })),
  },
  'Notification',
);

const send = route({
  operation: 'sendNotification',
  method: 'POST',
  path: '/v1/notifications',
  scope: 'send',
  tag: 'notifications',
  summary:
    'Send a notification about a post, or a digest of several, to one user, with a reply address and all that a thread needs',
  description:
    'It is on disk before the answer, and Postfix has it soon after; for five days it is tried again.',
  body: ORDER,
  idempotent: 'own',
  fields: { idempotency_key: 'Idempotency-Key' },
  answers: {
    202: {
      doc: 'It is on disk, and will be sent.',
      schema: record(
        { id: Type.String(), message_id: Type.String(), reply_to: Type.String() },
        'NotificationQueued',
      ),
    },
  },
  run: async (inside, { body, key }) => {
    const { replied_to: repliedTo, posts, ...rest } = body;
    const { id, messageId, replyTo, isRepeated } = await notify(
      inside.session(),
      { ...rest, ...(posts !== undefined && { posts: orderedPosts(posts) }), repliedTo },
      key,
    );
    inside.notified();
    return {
      status: 202,
      body: { id, message_id: `<${messageId}>`, reply_to: replyTo },
      ...(isRepeated ? { fields: { 'idempotency-replayed': 'true' } } : {}),
    };
  },
});

const show = route({
  operation: 'getNotification',
  method: 'GET',
  path: '/v1/notifications/{id}',
  scope: 'send',
  tag: 'notifications',
  summary: 'Say what became of a notification',
  params: record({ id: text('The id of a notification.', 64) }),
  answers: { 200: { doc: 'The notification.', schema: NOTIFICATION } },
  problems: { 'not-found': 'There is no such notification, or not any more.' },
  run: async (inside, { params }) => {
    return { status: 200, body: notificationRow(await notificationState(inside.session(), params.id)) };
  },
});

/** Sorts above every id. */
const ABOVE_ALL_IDS = '~';

const thread = route({
  operation: 'getThread',
  method: 'GET',
  path: '/v1/threads/{thread}',
  isWhole: true,
  scope: 'read',
  tag: 'notifications',
  summary: 'List the notifications sent and the replies taken of a thread, the newest first',
  params: record({
    thread: text("The platform's own name of the thread; its slashes may stand as they are."),
  }),
  query: record(PAGE),
  answers: {
    200: {
      doc: 'A page of the thread, which is empty where nothing was sent or taken.',
      schema: record(
        {
          thread: Type.String(),
          notifications: Type.Array(NOTIFICATION),
          replies: Type.Array(ITEM),
          next_cursor: nullable(Type.String({ description: 'Where the next page of both begins.' })),
        },
        'Thread',
      ),
    },
  },
  run: async (inside, { params, query }) => {
    return { status: 200, body: await threadPage(inside.session(), params.thread, query) };
  },
});

const rename = route({
  operation: 'renameThread',
  method: 'POST',
  path: '/v1/threads/{thread}/rename',
  scope: 'send',
  tag: 'notifications',
  summary: 'Follow a thread that has another name now; every reply address stays valid',
  params: record({ thread: text('The name of before, its slashes as %2F.') }),
  body: record({ to: text('The new name.') }, 'ThreadRenameOrder'),
  idempotent: 'answer',
  answers: {
    200: {
      doc: 'The thread has the new name.',
      schema: record(
        {
          thread: Type.String(),
          open_replies: Type.Integer({
            description: 'Replies that are not posted yet, and go to the new name.',
          }),
        },
        'ThreadRenamed',
      ),
    },
  },
  problems: { conflict: 'Another thread has that name.' },
  run: async (inside, { params, body }) => {
    const { open } = await renameThread(inside.session(), params.thread, body.to);
    return { status: 200, body: { thread: body.to, open_replies: open } };
  },
});

/** The routes. */
export const NOTIFICATION_ROUTES: readonly Route[] = [send, show, thread, rename];

/** Makes a page of a thread: of notifications and replies together the newest, and those apart. */
async function threadPage(
  { config, store }: SecretSession,
  thread: string,
  { limit, cursor }: { readonly limit?: number; readonly cursor?: string },
) {
  const filter = { thread, before: cursor ?? ABOVE_ALL_IDS, limit: toRead(limit) };
  const mask = tokenMask(config);
  const [notifications, replies] = await Promise.all([
    store.listNotifications(filter),
    store.list({ ...filter, newestFirst: true }),
  ]);
  // The ids of both are of one kind, and sort by their times.
  const entries = [
    ...notifications.map((each) => ({ id: each.id, notification: hideTokens(notificationRow(each), mask) })),
    ...replies.map((each) => ({ id: each.id, reply: hideTokens(itemDetailRow(each), mask) })),
  ].toSorted((one, other) => (one.id > other.id ? -1 : 1));
  const { items, next_cursor } = page(
    entries,
    limit,
    (entry) => entry,
    ({ id }) => id,
  );
  return {
    thread,
    notifications: items.flatMap((entry) => ('notification' in entry ? [entry.notification] : [])),
    replies: items.flatMap((entry) => ('reply' in entry ? [entry.reply] : [])),
    next_cursor,
  };
}
