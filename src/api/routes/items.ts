/** The queue's items: what came, where it stands, and what an operator can do about it. */
import Type from 'typebox';
import { contentOf, findItem, hideTokens, readSelection } from '../../actions/items.ts';
import { OPERATIONS, type Operation, operate } from '../../actions/operate.ts';
import { openTeach } from '../../actions/spam.ts';
import { traceMail } from '../../actions/trace.ts';
import { tokenMask } from '../../site/token-mask.ts';
import { ITEM_STATES } from '../../store/item.ts';
import { refuse } from '../problem.ts';
import { type Inside, type Route, route } from '../route.ts';
import { nullable, PAGE, page, pageOf, record, text, time, toRead, words } from '../schemas.ts';
import { itemDetailRow } from '../shown.ts';

const STATE = words(...ITEM_STATES);

/** An item as it is shown. */
export const ITEM = record(
  {
    id: Type.String(),
    state: STATE,
    user: Type.String(),
    thread: Type.String(),
    message_id: nullable(Type.String()),
    received_at: nullable(time('When it was accepted.')),
    replied_to: nullable(time('The time of the post that it answers.')),
    reverse_path: Type.String(),
    bounce: nullable(words('hard', 'soft')),
    attempts: Type.Integer(),
    due_at: nullable(time('When the next attempt is due.')),
    lease_until: nullable(time('Until when an attempt has it.')),
    settled_at: nullable(time('When it was posted, or failed.')),
    hold_reason: nullable(Type.String()),
    spam_score: nullable(Type.Number()),
    last_diagnostic: nullable(Type.String()),
    bytes: Type.Integer(),
    sink: Type.Optional(text('Where there are several: the name of its sink, or "none".', 32)),
  },
  'Item',
);

const TRACE = record(
  {
    item: ITEM,
    way: Type.Array(record({ at: nullable(Type.String()), event: Type.String(), detail: Type.String() }), {
      description: 'What happened to it, in order; `at` is null for what is now.',
    }),
  },
  'ItemTrace',
);

const ID = record({ id: text('The id of an item, or an unambiguous beginning of it.', 64) });

const list = route({
  operation: 'listItems',
  method: 'GET',
  path: '/v1/items',
  scope: 'read',
  tag: 'items',
  summary: 'List items, the newest first',
  query: record({
    ...PAGE,
    state: Type.Optional(text(`One or more of ${ITEM_STATES.join(', ')}, separated by commas.`, 100)),
    user: Type.Optional(text('Only items of this user.')),
    thread: Type.Optional(text('Only items of this thread.')),
    sink: Type.Optional(
      text('Only items of this sink, where there are several; "none" are for no sink.', 32),
    ),
    since: Type.Optional(text('Only items received since then: a time, or an age such as "3d".', 40)),
    message_id: Type.Optional(text('Only the item of this Message-ID.')),
  }),
  answers: { 200: { doc: 'A page of items.', schema: pageOf(ITEM, 'ItemPage') } },
  run: async (inside, { query }) => {
    const { config, store } = inside.session();
    const { limit, cursor, state, user, thread, sink, since, message_id } = query;
    const states = state?.split(',') ?? [];
    const filter = readSelection(config, { states, isOpen: false, user, thread, sink, since });
    const messageId = message_id?.replace(/^<|>$/g, '');
    const items = await store.list({
      ...filter,
      messageId,
      before: cursor,
      newestFirst: true,
      limit: toRead(limit),
    });
    const mask = tokenMask(config);
    return {
      status: 200,
      body: page(
        items,
        limit,
        (item) => hideTokens(itemDetailRow(item), mask),
        ({ id }) => id,
      ),
    };
  },
});

const show = route({
  operation: 'getItem',
  method: 'GET',
  path: '/v1/items/{id}',
  scope: 'read',
  tag: 'items',
  summary: 'Show one item and its whole way',
  params: ID,
  answers: { 200: { doc: 'The item.', schema: TRACE } },
  problems: { 'not-found': 'There is no such item.' },
  run: async (inside, { params }) => ({ status: 200, body: await traced(inside, params.id) }),
});

const raw = route({
  operation: 'getItemMessage',
  method: 'GET',
  path: '/v1/items/{id}/raw',
  scope: 'read',
  tag: 'items',
  summary: 'Give the message of an item as it was received',
  params: ID,
  answers: { 200: { doc: 'The message, byte for byte.', contentType: 'message/rfc822' } },
  problems: { 'not-found': 'There is no such item, or its message is not kept.' },
  run: async (inside, { params }) => {
    const { store } = inside.session();
    const item = await findItem(store, params.id);
    return { status: 200, bytes: await contentOf(store, item), contentType: 'message/rfc822' };
  },
});

const post = route({
  operation: 'getItemPost',
  method: 'GET',
  path: '/v1/items/{id}/post',
  scope: 'read',
  tag: 'items',
  summary: 'Give the post that would be sent of an item',
  params: ID,
  answers: { 200: { doc: 'The post, as the sink would send it.', schema: Type.Unknown() } },
  problems: { 'not-found': 'There is no such item, or its message is not kept.' },
  run: async (inside, { params }) => {
    const session = inside.session();
    const { previewItem } = await import('../../actions/rehearse.ts');
    return { status: 200, body: await previewItem(session, await findItem(session.store, params.id)) };
  },
});

const OPERATION_PROBLEMS = {
  'not-found': 'There is no such item.',
  conflict: 'It does not apply to the state of the item.',
};

const operation = (name: 'retry' | 'hold' | 'release', summary: string): Route =>
  route({
    operation: `${name}Item`,
    method: 'POST',
    path: `/v1/items/{id}/${name}`,
    scope: 'queue',
    tag: 'items',
    summary,
    params: ID,
    idempotent: 'answer',
    answers: { 200: { doc: 'The item as it is now.', schema: TRACE } },
    problems: OPERATION_PROBLEMS,
    run: async (inside, { params }) => {
      const id = await operated(inside, params.id, OPERATIONS[name]);
      return { status: 200, body: await traced(inside, id) };
    },
  });

const drop = route({
  operation: 'dropItem',
  method: 'DELETE',
  path: '/v1/items/{id}',
  scope: 'queue',
  tag: 'items',
  summary: 'Remove an item that is not being posted, with its message',
  params: ID,
  answers: { 204: { doc: 'It is gone.' } },
  problems: OPERATION_PROBLEMS,
  run: async (inside, { params }) => {
    await operated(inside, params.id, OPERATIONS.drop);
    return { status: 204, body: undefined };
  },
});

const learn = route({
  operation: 'learnItem',
  method: 'POST',
  path: '/v1/items/{id}/learn',
  scope: 'queue',
  tag: 'items',
  summary: 'Have spamd learn what an item was',
  params: ID,
  body: record({ as: words('spam', 'ham') }, 'LearnOrder'),
  idempotent: 'answer',
  answers: {
    200: {
      doc: 'Whether spamd learned something, or knew.',
      schema: record({ id: Type.String(), result: words('learned', 'known') }, 'Learned'),
    },
  },
  problems: {
    'not-found': 'There is no such item, or its message is not kept.',
    unavailable: 'There is no spamd, or it cannot be asked now.',
  },
  run: async (inside, { params, body }) => {
    const { config, store } = inside.session();
    const item = await findItem(store, params.id);
    return { status: 200, body: { id: item.id, result: await openTeach(config, store)(item, body.as) } };
  },
});

/** The routes. */
export const ITEM_ROUTES: readonly Route[] = [
  list,
  show,
  raw,
  post,
  operation('retry', 'Have an item tried again'),
  operation('hold', 'Keep an item from being posted'),
  operation('release', 'Have a held item posted'),
  learn,
  drop,
];

/** Does what an operator wants of an item; a problem where it stays as it is. */
async function operated(inside: Inside, name: string, wanted: Operation): Promise<string> {
  const { store } = inside.session();
  const { id } = await findItem(store, name);
  const result = await operate(store, wanted, id, undefined);
  if (typeof result !== 'string') throw refuse('conflict', `item ${id}: ${result.left}; ${result.advice}`);
  return id;
}

async function traced(inside: Inside, name: string) {
  const session = inside.session();
  const { id } = await findItem(session.store, name);
  const [found] = await traceMail(session, id);
  if (found === undefined) throw refuse('not-found', `item ${id}: is gone meanwhile`);
  return { item: itemDetailRow(found.trace.item), way: found.way };
}
