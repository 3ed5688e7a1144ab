/** Reply addresses: minted one by one or by the thousand, and explained. */
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { explainAddress } from '../../actions/explain.ts';
import { Fault } from '../../actions/fault.ts';
import { type Minted, mint, mintAll } from '../../actions/mint.ts';
import { DIGEST_POSTS, MAX_LABEL_CHARS, type Notification, type OrderedPost } from '../../actions/order.ts';
import type { SecretSession } from '../../site/session.ts';
import { type Problem, ProblemError, problemOf, withExit } from '../problem.ts';
import { type Asker, type Route, route } from '../route.ts';
import { faultsOf } from '../schema-faults.ts';
import { nullable, problemShape, record, text, time, words } from '../schemas.ts';
import { type ShownAddress, showMinted } from '../shown.ts';

/** Most addresses of one request. */
const MOST_MINTED = 1000;

const DIGEST_POST = record(
  {
    thread: Type.String({ maxLength: 1000, description: "The platform's own name of the thread." }),
    replied_to: Type.Optional(time('When the post was made. The time of the digest where it is missing.')),
    label: Type.String({
      minLength: 1,
      // In characters as JSON Schema counts them, which are code points.
      maxLength: MAX_LABEL_CHARS,
      description: 'What the notification shows beside the post, and people answer it by; no two alike.',
    }),
  },
  'DigestPost',
);

/** The posts of a digest that is ordered. */
export const DIGEST = Type.Array(DIGEST_POST, {
  minItems: DIGEST_POSTS.least,
  maxItems: DIGEST_POSTS.most,
  description:
    'The posts of a digest. A reply says by their labels which it answers, and each answer is posted for itself. The age counts from the oldest.',
});

/** Reads the posts of a digest. */
export const orderedPosts = (posts: Static<typeof DIGEST>): OrderedPost[] =>
  posts.map(({ thread, replied_to: repliedTo, label }) => ({ thread, repliedTo, label }));

const ORDER = record(
  {
    user: Type.String({
      maxLength: 255,
      description: 'Who gets the notification: a name that the directory has.',
    }),
    thread: Type.Optional(
      Type.String({
        maxLength: 1000,
        description:
          "The platform's own name of the thread, as it shall come back. Each address is for one of `thread`, `posts` and `compose`.",
      }),
    ),
    posts: Type.Optional(DIGEST),
    compose: Type.Optional(
      Type.String({
        maxLength: 1000,
        description:
          "The platform's own name of the place where mail to this address starts threads; only with `compose = true` in `[reply]`.",
      }),
    ),
    replied_to: Type.Optional(
      time('When the post was made; its age counts from here. Now where it is missing.'),
    ),
    bound: Type.Optional(
      Type.Boolean({
        description:
          'Whether the address works only with the Message-ID, which must come back in In-Reply-To.',
      }),
    ),
    context: Type.Optional(
      Type.Unknown({ description: 'JSON of your own, at most 16 KiB, which comes back with the reply.' }),
    ),
    original: Type.Optional(
      Type.Object(
        {
          subject: Type.String({ maxLength: 10_000, description: 'Its Subject.' }),
          from: Type.Optional(
            Type.Union(
              [
                record({ name: Type.Optional(Type.String()), address: Type.Optional(Type.String()) }),
                Type.String(),
              ],
              {
                description:
                  'Its author: `{"name": …, "address": …}`, or as From has it, `Bob <bob@example.com>`.',
              },
            ),
          ),
          text: Type.String({ description: 'What it says, as plain text.' }),
        },
        {
          additionalProperties: false,
          description: 'What the notification says, so that replies are told from what they quote.',
        },
      ),
    ),
  },
  'AddressOrder',
);

/** The place of an address, of which two are null. */
const PLACE = {
  thread: nullable(Type.String()),
  posts: nullable(
    Type.Array(
      record({ thread: Type.String(), replied_to: time('When the post was made.'), label: Type.String() }),
      { description: 'The posts of a digest.' },
    ),
  ),
  compose: nullable(Type.String({ description: 'The container in which a mail starts a thread.' })),
};

const ADDRESS = record(
  {
    reply_to: Type.String({ description: 'The reply address: Reply-To of the notification.' }),
    message_id: Type.String({ description: 'Message-ID of the notification, in angle brackets.' }),
    root_id: Type.String({
      description: 'What In-Reply-To and References name, for all mails of the thread.',
    }),
    envelope_from: Type.String({
      description: 'The envelope sender, so that bounces are counted for the user.',
    }),
    user: Type.String(),
    ...PLACE,
    replied_to: time('The time from which the age counts.'),
    expires_at: time('After this time a reply is refused.'),
    headers: Type.Record(Type.String(), Type.String(), {
      description: 'The header fields that the notification needs, ready to be set.',
    }),
  },
  'Address',
);

const BATCH = record(
  { addresses: Type.Array(ORDER, { minItems: 1, maxItems: MOST_MINTED }) },
  'AddressBatch',
);

const order = Compile(ORDER);

/** Checks a batch but for its orders, each of which is checked for itself. */
const batch = Compile(
  record({ addresses: Type.Array(Type.Unknown(), { minItems: 1, maxItems: MOST_MINTED }) }),
);

const mintRoute = route({
  operation: 'mintAddress',
  method: 'POST',
  path: '/v1/addresses',
  scope: 'mint',
  tag: 'addresses',
  summary: 'Mint a reply address, or up to 1,000 of them',
  description:
    'One order gives 201 and the address; `{"addresses": […]}` gives 200 and for each order, in the same order, the address or a problem.',
  body: Type.Union([ORDER, BATCH]),
  check: Type.Object({}),
  idempotent: 'answer',
  answers: {
    201: { doc: 'The address.', schema: ADDRESS },
    200: {
      doc: 'The addresses and problems, in the order of the orders.',
      schema: record(
        { addresses: Type.Array(Type.Union([ADDRESS, problemShape('invalid')])) },
        'AddressBatchAnswer',
      ),
    },
  },
  run: async (inside, { body, asker }) => {
    const given = 'addresses' in body ? batch : order;
    if (!given.Check(body)) throw new ProblemError(faultsOf(given.Errors(body)));
    if (!('addresses' in body)) {
      return { status: 201, body: showMinted(await mint(inside.session(), notificationOf(body))) };
    }
    const addresses = await mintBatch(inside.session(), body.addresses, asker);
    return { status: 200, body: { addresses } };
  },
});

const EXPLANATION = record(
  {
    address: Type.String(),
    verdict: Type.String({ description: '`valid`, `needs-in-reply-to`, or why a reply would be refused.' }),
    explanation: Type.String(),
    form: nullable(words('sealed', 'bound')),
    user: nullable(Type.String()),
    user_number: nullable(Type.Integer()),
    ...PLACE,
    thread_number: nullable(Type.Integer()),
    replied_to: nullable(time('The time from which the age counts.')),
    expires_at: nullable(time('After this time a reply is refused.')),
    rules: Type.Array(record({ rule: Type.String(), result: Type.String(), saw: Type.String() })),
  },
  'AddressExplanation',
);

const explain = route({
  operation: 'explainAddress',
  method: 'GET',
  path: '/v1/addresses/{address}',
  scope: 'read',
  tag: 'addresses',
  summary: 'Say whose an address is, for which thread, and whether it is valid now',
  params: record({ address: text('The reply address, or its token alone.') }),
  query: record({
    in_reply_to: Type.Optional(text('The Message-ID of the notification, which proves a bound address.')),
  }),
  answers: { 200: { doc: 'The meaning of the address.', schema: EXPLANATION } },
  run: async (inside, { params, query }) => {
    const { row, rules } = await explainAddress(inside.session(), params.address, query.in_reply_to);
    return { status: 200, body: { ...row, rules } };
  },
});

/** The routes. */
export const ADDRESS_ROUTES: readonly Route[] = [mintRoute, explain];

/** Mints for each order, and gives the address or the problem of each in order. */
export async function mintBatch(
  session: SecretSession,
  orders: readonly unknown[],
  asker: Pick<Asker, 'isOwn'>,
): Promise<readonly (ShownAddress | Problem)[]> {
  const faults = orders.map((each) => (order.Check(each) ? undefined : faultsOf(order.Errors(each))));
  const good = orders.filter((each): each is Static<typeof ORDER> => order.Check(each));
  const minted = (await mintAll(session, good.map(notificationOf))).values();
  return faults.map((fault) => fault ?? answerOf(minted.next().value, asker));
}

function answerOf(
  minted: Minted | Fault | undefined,
  { isOwn }: Pick<Asker, 'isOwn'>,
): ShownAddress | Problem {
  if (minted !== undefined && !(minted instanceof Fault)) return showMinted(minted);
  return isOwn === true ? withExit(problemOf(minted), minted) : problemOf(minted);
}

function notificationOf({ replied_to, bound, original, posts, ...rest }: Static<typeof ORDER>): Notification {
  return {
    ...rest,
    posts: posts === undefined ? undefined : orderedPosts(posts),
    repliedTo: replied_to,
    isBound: bound,
    original: original === undefined ? undefined : { ...original, from: authorOf(original.from) },
  };
}

function authorOf(from: NonNullable<Static<typeof ORDER>['original']>['from']) {
  if (typeof from !== 'string') return from;
  const [, name = '', address = from] = /^(.*?)\s*<([^<>]*)>\s*$/.exec(from) ?? [];
  return address.includes('@') ? { name: name.replaceAll('"', ''), address } : { name: from };
}
