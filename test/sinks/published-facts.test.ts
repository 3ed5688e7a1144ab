// The fakes against what their platforms publish: that none is kinder than the interface it stands for.
//
// Contract: published-facts.json has the facts of each published interface that bear on a fake, read from the files that it names:
// the parameters of an operation, the members of what it takes and gives, their types, and which have to be there (those without a
// question mark). A fake takes no parameter and no member that is not published, takes none of another type, wants all that has
// to be there, and gives nothing that is not published. What a platform has and does not publish stands in BEYOND, with the
// place in its source. Zammad publishes pages for people alone: its facts are what their examples show.
// Limits: answers that are errors are published by hardly any; each has its place in the platform's source beside it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FakeDiscourse } from '../support/discourse.ts';
import { Gitea } from '../support/gitea.ts';
import { Github } from '../support/github.ts';
import { Gitlab } from '../support/gitlab.ts';
import { Homeserver } from '../support/matrix.ts';
import { Mattermost } from '../support/mattermost.ts';
import { repositoryRoot } from '../support/process.ts';
import type { BodySchema, Operation, Schema } from '../support/published.ts';
import { RocketChat } from '../support/rocketchat.ts';
import { FakeZammad } from '../support/zammad.ts';
import { FakeZulip } from '../support/zulip.ts';

/** The members of a value by their paths, each with its types; one whose types end in `?` may be absent. */
type Members = Readonly<Record<string, string>>;

/** What is published of an operation, as far as the fake has it. */
interface Facts {
  readonly query?: readonly string[];
  readonly body?: Members;
  readonly answers?: Readonly<Record<string, Members>>;
}

interface PublishedFacts {
  readonly source: string;
  readonly operations: Readonly<Record<string, Facts>>;
}

const FACTS = JSON.parse(
  readFileSync(join(repositoryRoot, 'test/support/published-facts.json'), 'utf8'),
) as Readonly<Record<string, PublishedFacts>>;

const FAKES: Readonly<Record<string, readonly Operation[]>> = {
  discourse: new FakeDiscourse().operations,
  gitea: new Gitea({}).operations,
  github: new Github().operations,
  gitlab: new Gitlab().operations,
  matrix: new Homeserver().operations,
  mattermost: new Mattermost().operations,
  rocketchat: new RocketChat().operations,
  zammad: new FakeZammad().operations,
  zulip: new FakeZulip().operations,
};

/** What is not published and is there all the same: what is wrong without it, and where the platform's source has it. */
const BEYOND: Readonly<Record<string, readonly (readonly [RegExp, string])[]>> = {
  discourse: [
    [
      /^POST \/posts\.json: 200 (?:action|success|pending_count) /,
      'app/serializers/new_post_result_serializer.rb',
    ],
    [/^GET \/t\/\{id\}\.json: query username_filters /, 'lib/topic_view.rb, setup_filtered_posts'],
    // Published as members of a body, which a GET has not.
    [
      /^GET \/t\/\{id\}\/posts\.json: query (?:post_ids\[\]|include_raw) /,
      'app/controllers/topics_controller.rb, posts',
    ],
    [/: 200 post_stream\.posts\[\]\.raw /, 'app/serializers/post_serializer.rb, include_raw?'],
    [
      /^GET \/t\/\{id\}\/posts\.json: 200 post_stream\.stream /,
      'app/serializers/topic_view_posts_serializer.rb',
    ],
    [/^GET \/uploads\/short-url\/\{name\}: is not published/, 'config/routes.rb'],
    [/^GET \/posts\/\{username\}\/pending\.json: is not published/, 'config/routes.rb'],
    [
      /^GET \/admin\/users\/.*: 200 (?:\[\]\.)?(?:email|secondary_emails|suspended_at) /,
      'app/serializers/admin_user_list_serializer.rb',
    ],
    // Published as texts, and as what is always there.
    [/\breply_to_post_number is integer;/, 'app/serializers/post_serializer.rb; a column of integers'],
    [/: 200 (?:width|height) is null;/, 'app/models/upload.rb: pictures alone have a size'],
  ],
  gitea: [
    [/\busername is not published$/, 'modules/structs/user.go, MarshalJSON'],
    [/^GET \/attachments\/\{uuid\}: is not published/, 'routers/web/web.go'],
  ],
  github: [],
  gitlab: [
    [
      /^GET \/api\/v4\/user: 200 is_admin /,
      'lib/api/users.rb: an administrator is given UserWithAdmin; doc/api/users.md',
    ],
    [
      /^GET \/api\/v4\/users: 200 \[\]\.(?:email|confirmed_at|is_admin) /,
      'lib/api/users.rb: an administrator is given UserWithAdmin',
    ],
    [
      /^POST .*\/notes: 201 (?:name|user|awardable_id)\b/,
      'lib/api/notes.rb; lib/api/entities/award_emoji.rb',
    ],
    // Published as texts, and as what is always there.
    [/\/emails: 200 \[\]\.id is integer;/, 'lib/api/entities/email.rb, which says no types'],
    [
      /: 200 (?:\[\]\.)?confirmed_at is null;/,
      'lib/api/entities/email.rb and user_public.rb; a time or none',
    ],
    [/\btype is null;/, 'lib/api/entities/note.rb: a plain note is of none'],
  ],
  matrix: [],
  mattermost: [
    [/^POST \/api\/v4\/posts: body pending_post_id /, 'server/channels/app/post.go, deduplicateCreatePost'],
    [/^GET \/api\/v4\/channels\/\{channel_id\}\/posts: 200 has_next /, 'server/public/model/post_list.go'],
  ],
  rocketchat: [
    [
      /^POST \/api\/v1\/chat\.sendMessage: body message\._id /,
      'packages/rest-typings/src/v1/chat.ts, ChatSendMessage',
    ],
    [
      /: 200 (?:message|result\.updated\[\])\.[\w.[\]]+ is not published$/,
      'packages/core-typings/src/IMessage/IMessage.ts',
    ],
    [/^GET \/api\/v1\/chat\.syncMessages: 200 result\.cursor\b/, 'packages/rest-typings/src/v1/chat.ts'],
  ],
  zammad: [
    // Shown of articles alone that have none.
    [
      /^POST .*: body message_id |\bmessage_id is string;/,
      'app/models/ticket/article.rb, check_message_id_md5; app/controllers/concerns/creates_ticket_articles.rb',
    ],
  ],
  zulip: [
    [/^GET \/user_uploads\/.*: is not published/, 'zproject/urls.py'],
    [/^POST \/api\/v1\/messages: 400 stream_id /, 'zerver/lib/exceptions.py, StreamWithIDDoesNotExistError'],
  ],
};

for (const [type, { source, operations }] of Object.entries(FACTS))
  describe(`the fake of ${type} against ${source}`, () => {
    const beyond = BEYOND[type] ?? [];
    const problems = (FAKES[type] ?? []).flatMap((operation) => problemsOf(operation, operations));

    it('takes and gives nothing but what is published, or stands in the source', () => {
      const unknown = problems.filter((problem) => !beyond.some(([pattern]) => pattern.test(problem)));
      assert.deepEqual(unknown, []);
    });

    it('has no excuse that nothing needs', () => {
      const unneeded = beyond.filter(([pattern]) => !problems.some((problem) => pattern.test(problem)));
      assert.deepEqual(unneeded, []);
    });
  });

describe('an interface that is published', () => {
  const FACT: Facts = {
    query: ['page?', 'who'],
    body: { text: 'string', 'tags?': 'array?' },
    answers: { 201: { id: 'integer', 'note?': 'null|string?' } },
  };
  const member = (type: string): Schema => ({ type });
  const object = (properties: Readonly<Record<string, Schema>>, required: readonly string[]): Schema => ({
    type: 'object',
    properties,
    required,
  });
  const fake = (change: Partial<Operation>): Operation => ({
    method: 'POST',
    path: '/notes',
    query: { who: member('string') },
    body: { type: 'json', schema: object({ text: member('string') }, ['text']) },
    answers: { 201: object({ id: member('integer') }, ['id']) },
    run: () => ({ status: 201 }),
    ...change,
  });
  const kinder: readonly (readonly [string, Partial<Operation>, RegExp])[] = [
    ['an operation that is not published', { path: '/nodes' }, /is not published$/],
    ['a parameter that is not', { query: { who: member('string'), size: member('string') } }, /query size/],
    ['a parameter that may be left out', { query: { 'who?': member('string') } }, /query who may be absent/],
    [
      'a member that is not',
      { body: { type: 'json', schema: object({ text: member('string'), x: member('string') }, ['text']) } },
      /body x is not published/,
    ],
    [
      'a member of another type',
      { body: { type: 'json', schema: object({ text: member('integer') }, ['text']) } },
      /body text is integer/,
    ],
    [
      'a member that may be left out',
      { body: { type: 'json', schema: object({ text: member('string') }, []) } },
      /body text may be absent/,
    ],
    [
      'a member in its answer that is not',
      { answers: { 201: object({ id: member('integer'), name: member('string') }, []) } },
      /201 name is not published/,
    ],
    [
      'a type in its answer that is not',
      { answers: { 201: object({ id: member('string') }, []) } },
      /201 id is string/,
    ],
  ];
  it('allows what keeps to it', () => {
    assert.deepEqual(problemsOf(fake({}), { 'POST /notes': FACT }), []);
  });
  for (const [what, change, problem] of kinder)
    it(`has no fake with ${what}`, () => {
      const [found = 'nothing', ...more] = problemsOf(fake(change), { 'POST /notes': FACT });
      assert.match(found, problem);
      assert.deepEqual(more, []);
    });
});

/** Says in what an operation of a fake is kinder than what is published of it. */
function problemsOf(operation: Operation, published: Readonly<Record<string, Facts>>): string[] {
  const name = `${operation.method} ${operation.path}`;
  const facts = published[name];
  if (facts === undefined) return [`${name}: is not published`];
  const { query = {}, body, answers } = operation;
  const problems = facts.query === undefined ? [] : queryProblems(query, facts.query);
  if (body !== undefined && body.type !== 'bytes' && facts.body !== undefined)
    problems.push(...bodyProblems(body, facts.body));
  for (const [status, schema] of Object.entries(answers)) {
    const given = facts.answers?.[status];
    if (schema === undefined || given === undefined) continue;
    problems.push(...unpublished(membersOf(schema), given).map((problem) => `${status} ${problem}`));
  }
  return problems.map((problem) => `${name}: ${problem}`);
}

function queryProblems(query: NonNullable<Operation['query']>, published: readonly string[]): string[] {
  const names = Object.keys(query);
  const isKnown = (name: string): boolean => published.some((each) => bare(each) === bare(name));
  const unknown = names.filter((name) => !isKnown(name));
  const loose = published.filter((name) => !name.endsWith('?') && !names.includes(name));
  return [
    ...unknown.map((name) => `query ${bare(name)} is not published`),
    ...loose.map((name) => `query ${name} may be absent`),
  ];
}

type SchemaBody = Exclude<BodySchema, { readonly type: 'bytes' }>;

function bodyProblems(body: SchemaBody, published: Members): string[] {
  const taken = membersOf(body.schema);
  const file = body.type === 'multipart' ? body.file : undefined;
  // All that a form has is text.
  const isText = body.type !== 'json';
  const loose = Object.entries(published).filter(
    ([path, types]) =>
      !types.endsWith('?') && path !== file && taken.get(path)?.isNeeded !== true && isReached(path, taken),
  );
  return [
    ...unpublished(taken, published, isText).map((problem) => `body ${problem}`),
    ...loose.map(([path]) => `body ${path} may be absent`),
  ];
}

/** Tells whether a fake looks into what a member is in. */
function isReached(path: string, taken: ReadonlyMap<string, Member>): boolean {
  const parent = path.split('.').slice(0, -1).join('.');
  return parent === '' || taken.has(parent);
}

interface Member {
  readonly types: readonly string[];
  readonly isNeeded: boolean;
}

/** Says which members are not published, or of a type that is not. */
function unpublished(members: ReadonlyMap<string, Member>, published: Members, isText = false): string[] {
  return [...members].flatMap(([path, { types }]) => {
    const known = published[path] ?? published[`${path}?`];
    if (known === undefined) return [`${path} is not published`];
    const allowed = bare(known).split('|');
    const isAllowed = (type: string): boolean =>
      allowed.some(
        (each) =>
          each === type ||
          each === 'any' ||
          each === '?' ||
          each === 'enum' ||
          (each === 'number' && type === 'integer'),
      );
    const other = isText ? undefined : types.find((type) => !isAllowed(type));
    return other === undefined ? [] : [`${path} is ${other}; published is ${bare(known)}`];
  });
}

/** A name, or types, without the mark of what may be absent. */
function bare(name: string): string {
  return name.replace(/\?$/, '');
}

/** Gives the members of a value by their paths, as its schema has them. */
function membersOf(
  schema: Schema,
  path = '',
  found = new Map<string, Member>(),
): ReadonlyMap<string, Member> {
  for (const each of alternatives(schema)) {
    if (each.items !== undefined) membersOf(each.items as Schema, `${path}[]`, found);
    const required = (each.required ?? []) as readonly string[];
    for (const [name, inner] of Object.entries((each.properties ?? {}) as Readonly<Record<string, Schema>>)) {
      const own = path === '' ? name : `${path}.${name}`;
      const types = alternatives(inner).flatMap(({ type }) => (typeof type === 'string' ? [type] : []));
      found.set(own, { types, isNeeded: required.includes(name) });
      membersOf(inner, own, found);
    }
  }
  return found;
}

function alternatives(schema: Schema): readonly Schema[] {
  const { anyOf } = schema;
  return Array.isArray(anyOf) ? (anyOf as Schema[]).flatMap(alternatives) : [schema];
}
