/**
 * The OpenAPI 3.1 document of the HTTP interface, made from its table of routes.
 *
 * Contract: a shape with a title stands under `components/schemas` once, and is referred to wherever it is used. Each
 * operation has every status that it can be answered with; what comes where there is no operation, for a path or a method
 * that there is not, stands under `components/responses`.
 */
import type { TSchema } from 'typebox';
import { version } from '../system/version.ts';
import { KINDS, type ProblemKind } from './problem.ts';
import type { AnswerDoc, Route } from './route.ts';
import { problemsOf } from './route-problems.ts';
import { problemShape } from './schemas.ts';

type Json = Readonly<Record<string, unknown>>;

/** Writes the document. */
export function describeRoutes(routes: readonly Route[]): Json {
  const components = new Map<string, unknown>();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route, components);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'mailgw',
      version: version(),
      summary: 'Reply by e-mail for any platform',
      description:
        'Additive for ever under /v1: members and routes are added, none is changed or taken away.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'Where `api.listen` says.' }],
    security: [{ token: [] }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      responses: {
        NoSuchPath: problemResponse('not-found', 'There is no such path.', components),
        NoSuchMethod: problemResponse('method-not-allowed', KINDS['method-not-allowed'].doc, components),
      },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'A token of `mailgw-ctl token create`.' },
      },
      schemas: Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  };
}

function operationOf(route: Route, components: Map<string, unknown>): Json {
  const { operation, summary, description, tag, scope, answers } = route;
  const body = requestBody(route, components);
  return {
    operationId: operation,
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tag],
    ...(scope === 'none' ? { security: [] } : { 'x-scope': scope }),
    parameters: parametersOf(route, components),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [status, response(route, answer, components)]),
      ),
      ...Object.fromEntries(
        problemsOf(route).map(([kind, doc]) => [KINDS[kind].status, problemResponse(kind, doc, components)]),
      ),
    },
  };
}

function response(
  { idempotent }: Route,
  { doc, schema, contentType }: AnswerDoc,
  components: Map<string, unknown>,
): Json {
  const content =
    schema === undefined
      ? contentType && { [contentType]: { schema: { type: 'string' } } }
      : { 'application/json': { schema: hoist(schema, components) } };
  const replayed = field('`true` where the answer was given before, under the same Idempotency-Key.', false);
  return {
    description: doc,
    ...(idempotent === undefined ? {} : { headers: { 'Idempotency-Replayed': replayed } }),
    ...(content ? { content } : {}),
  };
}

const field = (description: string, required = true): Json => {
  return { description, required, schema: { type: 'string' } };
};

const CHALLENGE = { 'WWW-Authenticate': field('What is missing (RFC 6750).') };

/** The header fields that come with a problem. */
const PROBLEM_FIELDS: Readonly<Partial<Record<ProblemKind, Json>>> = {
  unauthorized: CHALLENGE,
  forbidden: CHALLENGE,
  'method-not-allowed': { Allow: field('The methods that the path has.') },
  'rate-limited': { 'Retry-After': field('Seconds to wait.') },
};

function problemResponse(kind: ProblemKind, description: string, components: Map<string, unknown>): Json {
  const headers = PROBLEM_FIELDS[kind];
  const content = { 'application/problem+json': { schema: hoist(problemShape(kind), components) } };
  return { description, ...(headers === undefined ? {} : { headers }), content };
}

function requestBody(route: Route, components: Map<string, unknown>): Json | undefined {
  if (route.takesMessage === true)
    return { required: true, content: { 'message/rfc822': { schema: { type: 'string' } } } };
  if (route.body === undefined) return undefined;
  return { required: true, content: { 'application/json': { schema: hoist(route.body, components) } } };
}

function parametersOf(
  { params, query, idempotent, operation }: Route,
  components: Map<string, unknown>,
): readonly Json[] {
  const named = (place: string, schema: Route['query']): Json[] =>
    Object.entries<TSchema>(schema?.properties ?? {}).map(([name, property]) => {
      const { description, ...rest } = property as { description?: string };
      return {
        name,
        in: place,
        required: place === 'path' || ((schema?.required ?? []) as readonly string[]).includes(name),
        ...(description === undefined ? {} : { description }),
        schema: hoist(rest, components),
      };
    });
  const header = (name: string, description: string): Json => {
    return { name, in: 'header', required: false, description, schema: { type: 'string' } };
  };
  return [
    ...named('path', params),
    ...named('query', query),
    ...(idempotent === undefined
      ? []
      : [header('Idempotency-Key', 'The same request under the same key is done once, and answered alike.')]),
    ...(operation === 'followEvents' ? [header('Last-Event-ID', 'The event behind which to go on.')] : []),
  ];
}

/** Copies a schema, and moves each shape that has a title to the components. */
function hoist(schema: unknown, components: Map<string, unknown>): unknown {
  if (Array.isArray(schema)) return schema.map((each) => hoist(each, components));
  if (typeof schema !== 'object' || schema === null) return schema;
  const { title, ...rest } = schema as { title?: unknown };
  const copy = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, hoist(value, components)]),
  );
  // A member called "title" is a schema itself.
  if (typeof title !== 'string')
    return title === undefined ? copy : { ...copy, title: hoist(title, components) };
  components.set(title, copy);
  return { $ref: `#/components/schemas/${title}` };
}
