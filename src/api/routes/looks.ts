/** Looks: a message tried out, threads, sources, and the events as they happen. */
import Type from 'typebox';
import { checkSpam } from '../../actions/spam.ts';
import type { SourceView } from '../../sources/source.ts';
import { isoTime } from '../../system/iso-time.ts';
import { refuse } from '../problem.ts';
import { type Route, route } from '../route.ts';
import { nullable, PAGE_OF_ALL, pageOf, pageOfAll, record, text, time, words } from '../schemas.ts';
import type { Tickets } from '../tickets.ts';

const RULE = record({ rule: Type.String(), result: Type.String(), saw: Type.String() });

const STAGE = record(
  {
    step: Type.String(),
    verdict: Type.String(),
    reason: nullable(Type.String()),
    detail: nullable(Type.String()),
    reply: nullable(Type.String({ description: 'The LMTP reply that it gives.' })),
    rules: Type.Array(RULE),
  },
  'Stage',
);

const check = route({
  operation: 'checkMessage',
  method: 'POST',
  path: '/v1/check',
  scope: 'read',
  tag: 'looks',
  summary: 'Try a message out: what each rule sees, and the post that would be made; nothing is written',
  takesMessage: true,
  query: record({
    to: text('The reply address that it is sent to.'),
    from: Type.Optional(
      Type.String({ description: "The envelope's sender; empty for a bounce.", maxLength: 1000 }),
    ),
  }),
  answers: {
    200: {
      doc: 'Each step of its way; `post` is null where none would come of it.',
      schema: record({ steps: Type.Array(STAGE), post: Type.Unknown() }, 'Check'),
    },
  },
  run: async (inside, { query, body }) => {
    const { rehearse } = await import('../../actions/rehearse.ts');
    const raw = body as Uint8Array;
    const { steps, post } = await rehearse(inside.session(), {
      raw,
      recipient: query.to,
      reversePath: query.from ?? 'unknown@sender.invalid',
    });
    return { status: 200, body: { steps, post: post?.body ?? null } };
  },
});

const classify = route({
  operation: 'classifySpam',
  method: 'POST',
  path: '/v1/spam/classify',
  scope: 'read',
  tag: 'looks',
  summary: 'Ask the spam filter about a message, as the gate would',
  takesMessage: true,
  answers: {
    200: {
      doc: "The filter's opinion; null where it has none.",
      schema: record(
        {
          source: words('spamd', 'header'),
          flagged: nullable(Type.Boolean()),
          score: nullable(Type.Number()),
          threshold: nullable(Type.Number()),
          symbols: nullable(Type.Array(Type.String())),
          verdict: Type.String(),
        },
        'SpamOpinion',
      ),
    },
  },
  problems: { unavailable: 'There is no filter, or it cannot be asked now.' },
  run: async (inside, { body }) => {
    return { status: 200, body: await checkSpam(inside.session().config.spam, body as Uint8Array) };
  },
});

const SOURCES = pageOf(
  record(
    {
      name: Type.String(),
      kind: Type.String(),
      state: words('serving', 'connecting', 'waiting', 'broken'),
      reason: nullable(Type.String()),
    },
    'Source',
  ),
  'SourceList',
);

const sources = route({
  operation: 'listSources',
  method: 'GET',
  path: '/v1/sources',
  scope: 'read',
  tag: 'looks',
  summary: 'List the ways by which mail comes in',
  query: record(PAGE_OF_ALL),
  answers: {
    200: { doc: 'A page of the sources by name, each mailbox and provider by itself.', schema: SOURCES },
  },
  run: (inside, { query }) => {
    const show = ({ name, kind, state, reason }: SourceView) => ({
      name,
      kind,
      state,
      reason: reason ?? null,
    });
    const keyOf = ({ name, kind }: SourceView): string => `${name} ${kind}`;
    return { status: 200, body: pageOfAll(inside.sources(), query, show, keyOf) };
  },
});

const sync = route({
  operation: 'syncSource',
  method: 'POST',
  path: '/v1/sources/{name}/sync',
  scope: 'queue',
  tag: 'looks',
  summary: 'Have a source look for new mail now',
  params: record({ name: text('The name of a source.') }),
  idempotent: 'answer',
  answers: { 202: { doc: 'It looks.', schema: record({ name: Type.String() }, 'SourceSync') } },
  problems: {
    'not-found': 'There is no source of this name.',
    conflict: 'It is brought its mail, and has nowhere to look for it.',
  },
  run: (inside, { params: { name } }) => {
    if (!inside.sources().some((source) => source.name === name))
      throw refuse('not-found', `source "${name}": there is none of this name`);
    if (!inside.sync(name))
      throw refuse('conflict', `source "${name}": is brought its mail, and has nowhere to look for it`);
    return { status: 202, body: { name } };
  },
});

const events = route({
  operation: 'followEvents',
  method: 'GET',
  path: '/v1/events',
  scope: 'events',
  tag: 'events',
  summary: 'Follow what happens, as Server-Sent Events',
  description:
    'Each event has an id; Last-Event-ID goes on behind it. An event `gap` says that some are no longer known. A line `: ping` comes every 15 seconds.',
  query: record({ ticket: Type.Optional(text('A ticket in place of a token, for browsers.', 100)) }),
  answers: { 200: { doc: 'The stream.', contentType: 'text/event-stream' } },
  run: (inside, { header, asker }) => ({
    stream: (response) => {
      inside.events.follow(response, header('last-event-id'), asker.isGood);
    },
  }),
});

const ticket = (tickets: Tickets): Route =>
  route({
    operation: 'makeEventTicket',
    method: 'POST',
    path: '/v1/events/ticket',
    scope: 'events',
    tag: 'events',
    summary: 'Make a ticket that opens the stream once within a minute, for browsers that can send no token',
    answers: {
      201: {
        doc: 'The ticket.',
        schema: record({ ticket: Type.String(), expires_at: nullable(time('When it ends.')) }, 'EventTicket'),
      },
    },
    run: (_inside, { asker }) => {
      const made = tickets.make(asker);
      return { status: 201, body: { ticket: made.ticket, expires_at: isoTime(made.expiresAt) } };
    },
  });

/** Gives the routes. */
export const lookRoutes = (tickets: Tickets): readonly Route[] => [
  check,
  classify,
  sources,
  sync,
  events,
  ticket(tickets),
];
