/** The queue as a whole, and the figures of the gate. */
import Type from 'typebox';
import { type Stats, takeStats } from '../../actions/stats.ts';
import { readSince } from '../../actions/time.ts';
import { ITEM_STATES } from '../../store/item.ts';
import { isoTime } from '../../system/iso-time.ts';
import { type Inside, type Route, route } from '../route.ts';
import { nullable, PAGE_OF_ALL, pageOf, pageOfAll, record, text, time, words } from '../schemas.ts';

const COUNTS = record(
  Object.fromEntries(ITEM_STATES.map((state) => [state, Type.Integer({ minimum: 0 })])),
  'ItemCounts',
);

const SINK = record(
  {
    name: Type.String(),
    state: words('up', 'paused', 'down', 'broken'),
    since: nullable(time('Since when.')),
    diagnostic: Type.String({ description: 'The last answer that supports it.' }),
  },
  'SinkState',
);

const QUEUE = record(
  {
    paused: Type.Boolean({ description: 'Whether nothing is posted until the queue is resumed.' }),
    items: COUNTS,
    oldest_received_at: nullable(time('When the oldest item that waits came.')),
    sinks: Type.Array(SINK),
  },
  'Queue',
);

const VERDICT = record(
  {
    verdict: Type.String(),
    reason: Type.String(),
    cause: nullable(Type.String()),
    count: Type.Integer(),
    last_at: nullable(time('When it was given last.')),
  },
  'VerdictCount',
);

const SINCE = record({
  since: Type.Optional(text('Only what came since then: a time, or an age such as "3d".', 40)),
});

const show = route({
  operation: 'getQueue',
  method: 'GET',
  path: '/v1/queue',
  scope: 'read',
  tag: 'queue',
  summary: 'Show the queue: counts, the oldest item, the states of the sinks',
  answers: { 200: { doc: 'The queue.', schema: QUEUE } },
  run: async (inside) => ({ status: 200, body: await queueOf(inside) }),
});

const change = route({
  operation: 'changeQueue',
  method: 'PATCH',
  path: '/v1/queue',
  scope: 'queue',
  tag: 'queue',
  summary: 'Pause the queue, or resume it',
  body: record({ paused: Type.Boolean() }, 'QueueChange'),
  answers: { 200: { doc: 'The queue as it is now.', schema: QUEUE } },
  run: async (inside, { body }) => {
    await inside.session().store.setPaused(body.paused);
    return { status: 200, body: await queueOf(inside) };
  },
});

const stats = route({
  operation: 'getStats',
  method: 'GET',
  path: '/v1/stats',
  scope: 'read',
  tag: 'queue',
  summary: 'Give the queue and the gate in figures',
  query: SINCE,
  answers: {
    200: {
      doc: 'The figures.',
      schema: record(
        {
          since: nullable(time('The time from which they are; null for all time.')),
          items: COUNTS,
          verdicts: Type.Array(VERDICT),
          bounces: nullable(
            record({ hard: Type.Integer(), soft: Type.Integer(), last_at: nullable(time('The last one.')) }),
          ),
        },
        'Stats',
      ),
    },
  },
  run: async (inside, { query }) => {
    const { since, byState, verdicts, bounces } = await takeStats(inside.session(), query.since);
    return {
      status: 200,
      body: {
        since: isoTime(since),
        items: byState,
        verdicts: verdicts.map(verdictOf),
        bounces:
          bounces === undefined
            ? null
            : { hard: bounces.hard, soft: bounces.soft, last_at: isoTime(bounces.lastAt) },
      },
    };
  },
});

const verdicts = route({
  operation: 'listVerdicts',
  method: 'GET',
  path: '/v1/verdicts',
  scope: 'read',
  tag: 'queue',
  summary: 'Count the verdicts by verdict, reason and cause',
  query: record({ ...PAGE_OF_ALL, ...SINCE.properties }),
  answers: {
    200: { doc: 'A page of the counts, by their words.', schema: pageOf(VERDICT, 'VerdictCounts') },
  },
  run: async (inside, { query }) => {
    const counts = await inside.session().store.verdicts(readSince(query.since));
    const keyOf = ({ verdict, reason, cause = '' }: Stats['verdicts'][number]): string =>
      [verdict, reason, cause].join(' ');
    return { status: 200, body: pageOfAll(counts, query, verdictOf, keyOf) };
  },
});

/** The routes. */
export const QUEUE_ROUTES: readonly Route[] = [show, change, stats, verdicts];

async function queueOf(inside: Inside) {
  const { byState, oldestReceivedAt, paused, sinks: found } = await inside.session().store.counts();
  const sinks = found.map(({ name, state, sinceAt, diagnostic }) => {
    return { name, state, since: isoTime(sinceAt), diagnostic };
  });
  return { paused, items: byState, oldest_received_at: isoTime(oldestReceivedAt), sinks };
}

function verdictOf({ verdict, reason, cause, count, lastAt }: Stats['verdicts'][number]) {
  return { verdict, reason, cause: cause ?? null, count, last_at: isoTime(lastAt) };
}
