// The OpenAPI document: accepted by an independent validator, and all that the table of routes has, neither less nor more.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describeRoutes } from '../../src/api/openapi.ts';
import { KINDS, typeOf } from '../../src/api/problem.ts';
import type { Route } from '../../src/api/route.ts';
import { problemsOf } from '../../src/api/route-problems.ts';
import { createRoutes } from '../../src/api/routes.ts';
import { Tickets } from '../../src/api/tickets.ts';
import { ApiClient, type OpenApiDocument, type Operation } from '../support/api.ts';
import { startApi } from './api.ts';

const TABLE = createRoutes(new Tickets());
/** The document as the daemon writes it. */
const DOCUMENT = JSON.parse(JSON.stringify(describeRoutes(TABLE))) as OpenApiDocument;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

type Schema = Readonly<Record<string, unknown>>;

/** Copies a schema of the table as JSON, without the names that it has in the document. */
function bare(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema ?? null), (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || !('title' in value) || typeof value.title !== 'string')
      return value;
    return without('title', value);
  });
}

/** Copies an object but for one member. */
const without = (name: string, object: object): unknown =>
  Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));

/** Copies a schema of the document, with each reference replaced by what it refers to. */
function whole(schema: unknown, { components }: OpenApiDocument): unknown {
  if (Array.isArray(schema)) return schema.map((each) => whole(each, { components } as OpenApiDocument));
  if (typeof schema !== 'object' || schema === null) return schema ?? null;
  const { $ref } = schema as { $ref?: string };
  if ($ref !== undefined) {
    const named = components.schemas[$ref.replace('#/components/schemas/', '')];
    assert.ok(named, `${$ref} refers to nothing`);
    return whole(named, { components } as OpenApiDocument);
  }
  const copied = Object.entries(schema).map(([key, value]) => [
    key,
    whole(value, { components } as OpenApiDocument),
  ]);
  return Object.fromEntries(copied) as unknown;
}

/** Lists the places below a schema at which anything is allowed. */
function openPlaces(schema: unknown, at: string): string[] {
  if (Array.isArray(schema)) return schema.flatMap((each, n) => openPlaces(each, `${at}/${n}`));
  if (typeof schema !== 'object' || schema === null) return [];
  const { type, properties, additionalProperties, patternProperties, ...rest } = schema as Schema;
  const isSilent = Object.keys(rest).every((key) => key === 'description');
  if (type === undefined && properties === undefined && isSilent) return [at];
  if (type === 'object' && patternProperties !== undefined) return [];
  const own = type === 'object' && additionalProperties !== false ? [at] : [];
  const members = Object.entries((properties ?? {}) as Schema).flatMap(([name, each]) =>
    openPlaces(each, `${at}.${name}`),
  );
  const inner = (['items', 'anyOf', 'oneOf', 'allOf'] as const).flatMap((key) =>
    rest[key] === undefined ? [] : openPlaces(rest[key], `${at}[]`),
  );
  return [...own, ...members, ...inner];
}

/** The parameters of an operation as its route declares them. */
function parametersOf({ operation, params, query, idempotent }: Route) {
  const declared = [
    ...Object.entries(params?.properties ?? {}).map(([name, schema]) => [name, 'path', schema] as const),
    ...Object.entries(query?.properties ?? {}).map(([name, schema]) => [name, 'query', schema] as const),
  ].map(([name, place, schema]) => {
    return { name, in: place, schema: without('description', Object(bare(schema)) as object) };
  });
  const headers = [
    ...(idempotent === undefined ? [] : ['Idempotency-Key']),
    ...(operation === 'followEvents' ? ['Last-Event-ID'] : []),
  ].map((name) => ({ name, in: 'header', schema: { type: 'string' } }));
  return [...declared, ...headers];
}

const operationsOf = ({ paths }: OpenApiDocument): readonly (readonly [string, string, Operation])[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [method.toUpperCase(), path, operation] as const),
  );

describe('GET /v1/openapi.json', () => {
  it('is an OpenAPI 3.1 document in the eyes of a validator, and needs no token', async (t) => {
    const { port } = await startApi(t);
    const document = await new ApiClient({ port }).learn();
    assert.deepEqual(document, DOCUMENT);
    const validator = new Validator();
    const result = await validator.validate(
      structuredClone(document) as unknown as Parameters<Validator['validate']>[0],
    );
    assert.deepEqual(
      [result.valid, validator.version, document.openapi],
      [true, '3.1', '3.1.0'],
      JSON.stringify(result.errors),
    );
  });

  it('has each route and method that is answered, and none besides', async (t) => {
    const { all } = await startApi(t);
    const document = await all.learn();
    assert.deepEqual(
      operationsOf(document).map(([method, path, { operationId }]) => `${method} ${path} ${operationId}`),
      TABLE.map(({ method, path, operation }) => `${method} ${path} ${operation}`).sort(byPath(document)),
    );
    for (const path of Object.keys(document.paths)) {
      const asked = path.replaceAll(/\{\w+\}/g, 'x');
      const known = METHODS.filter((method) => all.operationAt(method, asked) !== undefined);
      for (const method of METHODS.filter((each) => !known.includes(each))) {
        const { status, headers } = await all.ask(method, asked);
        assert.deepEqual(
          [status, headers.allow?.split(', ').sort()],
          [405, known.sort()],
          `${method} ${path}`,
        );
      }
      for (const method of known.filter(() => path !== '/v1/events'))
        assert.notEqual((await all.ask(method, asked)).status, 405, `${method} ${path}`);
    }
  });

  it('has every member of every body, parameter and answer as the table has it', () => {
    for (const route of TABLE) {
      const operation = DOCUMENT.paths[route.path]?.[route.method.toLowerCase()] ?? assert.fail(route.path);
      const contents = operation.requestBody?.content ?? {};
      assert.deepEqual(
        [whole(contents['application/json']?.schema, DOCUMENT), 'message/rfc822' in contents],
        [bare(route.body), route.takesMessage === true],
        route.operation,
      );
      assert.deepEqual(
        operation.parameters.map(({ name, in: place, schema }) => {
          return { name, in: place, schema: whole(schema, DOCUMENT) };
        }),
        parametersOf(route),
        route.operation,
      );
      for (const [status, { schema, contentType }] of Object.entries(route.answers)) {
        const { content = {} } = operation.responses[status] ?? assert.fail(`${route.operation} ${status}`);
        assert.deepEqual(
          [whole(content['application/json']?.schema, DOCUMENT), Object.keys(content)],
          [bare(schema), schema === undefined ? [contentType ?? []].flat() : ['application/json']],
          `${route.operation} ${status}`,
        );
      }
    }
  });

  it('has each problem that an operation can end with, by its type, and no other status', () => {
    for (const route of TABLE) {
      const { responses } = DOCUMENT.paths[route.path]?.[route.method.toLowerCase()] ?? assert.fail();
      const problems = problemsOf(route).map(([kind]) => kind);
      assert.deepEqual(
        Object.keys(responses),
        [...Object.keys(route.answers), ...problems.map((kind) => String(KINDS[kind].status))],
        route.operation,
      );
      for (const kind of problems) {
        const { content = {} } = responses[KINDS[kind].status] ?? assert.fail();
        assert.deepEqual(Object.keys(content), ['application/problem+json']);
        const schema = whole(content['application/problem+json']?.schema, DOCUMENT) as {
          properties: Record<string, Schema>;
        };
        const { type, status } = schema.properties;
        assert.deepEqual([type?.['const'], status?.['const']], [typeOf(kind), KINDS[kind].status]);
      }
    }
  });

  it('closes every object, but what is the caller’s own or a sink’s', () => {
    const places = operationsOf(DOCUMENT).flatMap(([, , { operationId, requestBody, responses }]) => [
      ...Object.values(requestBody?.content ?? {}).flatMap(({ schema }) =>
        openPlaces(whole(schema, DOCUMENT), `${operationId} body`),
      ),
      ...Object.entries(responses).flatMap(([status, { content = {} }]) =>
        Object.values(content).flatMap(({ schema }) =>
          openPlaces(whole(schema, DOCUMENT), `${operationId} ${status}`),
        ),
      ),
    ]);
    assert.deepEqual(places.sort(), [
      'checkMessage 200.post',
      'getItemPost 200',
      'getOpenApi 200',
      'mintAddress body[]/0.context',
      'mintAddress body[]/1.addresses[].context',
    ]);
  });
});

/** Sorts routes as the document does: by the first route of their path. */
function byPath({ paths }: OpenApiDocument): (one: string, other: string) => number {
  const order = Object.keys(paths);
  const at = (text: string): number => order.indexOf(text.split(' ')[1] ?? '');
  return (one, other) => at(one) - at(other);
}
