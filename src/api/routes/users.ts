/** Users: who the platform may post as, and the addresses that they write from. */
import Type from 'typebox';
import { removeUser } from '../../actions/removal.ts';
import { readGraceEnd, rotateSalt } from '../../actions/salts.ts';
import { findUser, putUsers, renameUser, showUser, type UserDetail } from '../../actions/users.ts';
import { isoTime } from '../../system/iso-time.ts';
import { type Route, route } from '../route.ts';
import { cursorLike, nullable, PAGE, page, pageOf, record, text, time, toRead } from '../schemas.ts';
import { userRow } from '../shown.ts';

const BASE = {
  user: Type.String({ description: 'The name that the platform knows.' }),
  number: Type.Integer({ description: 'The number inside the tokens; a rename keeps it.' }),
  enabled: Type.Boolean({ description: 'Whether replies are accepted.' }),
  addresses: Type.Array(Type.String(), { description: 'The addresses that the user writes from.' }),
  created_at: time('When the user was added.'),
};

const USER = record(BASE, 'User');

const DETAIL = record(
  {
    ...BASE,
    hard_bounces: Type.Integer({ description: 'Notifications that came back because the address is dead.' }),
    soft_bounces: Type.Integer({ description: 'Notifications that came back for another reason.' }),
    last_bounce_at: nullable(time('When the last one came.')),
    replies_left: nullable(
      Type.Integer({ description: 'What `rate.per_user` leaves now; null without a limit.' }),
    ),
  },
  'UserDetail',
);

const NAME = record({ name: text('The name that the platform knows.', 255) });

const list = route({
  operation: 'listUsers',
  method: 'GET',
  path: '/v1/users',
  scope: 'users',
  tag: 'users',
  summary: 'List users, the newest first',
  query: record({ ...PAGE, cursor: cursorLike('^[1-9][0-9]{0,14}$') }),
  answers: { 200: { doc: 'A page of users.', schema: pageOf(USER, 'UserPage') } },
  run: async (inside, { query: { limit, cursor } }) => {
    const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor);
    const users = await inside.session().store.usersBefore(before, toRead(limit));
    return { status: 200, body: page(users, limit, userRow, ({ number }) => String(number)) };
  },
});

const show = route({
  operation: 'getUser',
  method: 'GET',
  path: '/v1/users/{name}',
  scope: 'users',
  tag: 'users',
  summary: 'Show one user',
  params: NAME,
  answers: { 200: { doc: 'The user.', schema: DETAIL } },
  problems: { 'not-found': 'There is no such user.' },
  run: async (inside, { params }) => {
    return { status: 200, body: detailOf(await showUser(inside.session(), params.name)) };
  },
});

const put = route({
  operation: 'putUser',
  method: 'PUT',
  path: '/v1/users/{name}',
  scope: 'users',
  tag: 'users',
  summary: 'Add a user, or change one; the same request again changes nothing',
  params: NAME,
  body: record(
    {
      addresses: Type.Optional(
        Type.Array(text('A mail address.', 320), {
          maxItems: 100,
          description: 'All addresses that the user writes from; as they are where missing.',
        }),
      ),
      enabled: Type.Optional(
        Type.Boolean({ description: 'Whether replies are accepted; as it is where missing.' }),
      ),
    },
    'UserOrder',
  ),
  answers: {
    200: { doc: 'The user was there, and is as the request says.', schema: USER },
    201: { doc: 'The user was added.', schema: USER },
  },
  problems: { 'not-found': 'The user was removed at the same moment.' },
  fields: { user: 'name' },
  run: async (inside, { params: { name }, body }) => {
    const session = inside.session();
    const [result] = await putUsers(session, [{ user: name, ...body }]);
    if (result === undefined || result.kind === 'problem')
      throw result?.fault ?? new Error('nothing was put');
    const status = result.kind === 'created' ? 201 : 200;
    return { status, body: userRow(await findUser(session.store, name)) };
  },
});

const remove = route({
  operation: 'removeUser',
  method: 'DELETE',
  path: '/v1/users/{name}',
  scope: 'users',
  tag: 'users',
  summary: 'Remove a user, whose addresses are refused until `mailgw-ctl user restore` within 30 days',
  params: NAME,
  answers: { 204: { doc: 'The user is removed.' } },
  problems: { 'not-found': 'There is no such user.' },
  run: async (inside, { params }) => {
    const session = inside.session();
    await removeUser(session, await findUser(session.store, params.name), Date.now());
    return { status: 204, body: undefined };
  },
});

const rename = route({
  operation: 'renameUser',
  method: 'POST',
  path: '/v1/users/{name}/rename',
  scope: 'users',
  tag: 'users',
  summary: 'Give a user another name; every reply address stays valid',
  params: NAME,
  body: record({ to: text('The new name.', 255) }, 'RenameOrder'),
  idempotent: 'answer',
  answers: { 200: { doc: 'The user under the new name.', schema: USER } },
  problems: {
    'not-found': 'There is no such user.',
    conflict: 'Another user has that name, or was removed under it and can come back.',
  },
  run: async (inside, { params, body }) => {
    return { status: 200, body: userRow(await renameUser(inside.session(), params.name, body.to)) };
  },
});

const rotate = route({
  operation: 'rotateSalt',
  method: 'POST',
  path: '/v1/users/{name}/rotate',
  scope: 'users',
  tag: 'users',
  summary: "Void a user's addresses: at once, or when a grace has passed",
  params: NAME,
  body: record(
    {
      grace: Type.Optional(
        text('How long the addresses that are out still work, such as "12h" or "7d".', 20),
      ),
    },
    'RotationOrder',
  ),
  idempotent: 'answer',
  answers: {
    200: {
      doc: 'The user has a new salt.',
      schema: record(
        {
          user: Type.String(),
          grace_ends_at: nullable(time('Until when the addresses that are out still work.')),
        },
        'Rotation',
      ),
    },
  },
  problems: { 'not-found': 'There is no such user.' },
  run: async (inside, { params, body }) => {
    const session = inside.session();
    const now = Date.now();
    const endsAt = readGraceEnd(body.grace, now);
    const user = await findUser(session.store, params.name);
    await rotateSalt(session, user, now, endsAt);
    return { status: 200, body: { user: user.name, grace_ends_at: isoTime(endsAt) } };
  },
});

/** The routes. */
export const USER_ROUTES: readonly Route[] = [list, show, put, remove, rename, rotate];

function detailOf({ user, bounces, repliesLeft }: UserDetail) {
  return {
    ...userRow(user),
    hard_bounces: bounces.hard,
    soft_bounces: bounces.soft,
    last_bounce_at: isoTime(bounces.lastAt),
    replies_left: repliesLeft,
  };
}
