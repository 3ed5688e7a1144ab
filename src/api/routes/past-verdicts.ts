/** The verdicts of the last days by which a recipient got nothing. */
import Type from 'typebox';
import { listPastVerdicts } from '../../actions/past-verdicts.ts';
import { type Route, route } from '../route.ts';
import { cursorLike, nullable, PAGE, page, pageOf, record, text, time, toRead, words } from '../schemas.ts';
import { pastVerdictRow } from '../shown.ts';

const ENDED = words('rejected', 'discarded');

const PAST_VERDICT = record(
  {
    at: time('When it was given.'),
    verdict: ENDED,
    reason: Type.String(),
    cause: nullable(Type.String({ description: 'What it is due to, where the reason does not say all.' })),
    detail: nullable(Type.String()),
    address: nullable(Type.String({ description: 'The recipient, without a token.' })),
    user: nullable(Type.String({ description: 'Whose the address is, where it holds.' })),
    thread: nullable(Type.String()),
    from_domain: nullable(Type.String({ description: 'The domain of the From field.' })),
    message_id: nullable(Type.String()),
    queue_id: nullable(Type.String({ description: "Postfix's own id of the message." })),
    session: Type.String({ description: 'The session, as the log names it.' }),
  },
  'PastVerdict',
);

const list = route({
  operation: 'listPastVerdicts',
  method: 'GET',
  path: '/v1/verdicts/past',
  scope: 'read',
  tag: 'queue',
  summary: 'List what was refused or discarded in the last seven days',
  query: record({
    ...PAGE,
    cursor: cursorLike('^[1-9][0-9]{0,14}$'),
    verdict: Type.Optional(ENDED),
    reason: Type.Optional(text('Only those with this reason.', 40)),
    user: Type.Optional(text('Only to addresses of this user.')),
    thread: Type.Optional(text('Only to addresses of this thread.')),
    message_id: Type.Optional(text('Only this Message-ID.')),
    queue_id: Type.Optional(text("Only this id of Postfix's.", 40)),
    from_domain: Type.Optional(text('Only From this domain.')),
    since: Type.Optional(text('Only those given since then: a time, or an age such as "3d".', 40)),
  }),
  answers: { 200: { doc: 'A page of verdicts.', schema: pageOf(PAST_VERDICT, 'PastVerdictPage') } },
  run: async (inside, { query }) => {
    const { limit, cursor, message_id, queue_id, from_domain, ...others } = query;
    const asked = { ...others, messageId: message_id, queueId: queue_id, fromDomain: from_domain };
    const before = cursor === undefined ? undefined : Number(cursor);
    const found = await listPastVerdicts(inside.session(), { ...asked, before }, toRead(limit));
    return { status: 200, body: page(found, limit, pastVerdictRow, ({ number }) => String(number)) };
  },
});

/** The routes. */
export const PAST_VERDICT_ROUTES: readonly Route[] = [list];
