// A platform's HTTP interface as it is published, so far as a sink uses it: a server that holds every request, and its own
// answers, to the shapes that the platform's schema gives them.
//
// Contract: a request that no operation describes, with an unknown or missing parameter or member, or of another type, is a
// violation: it is answered with 400 and kept in `violations`. So is an answer that is not of the published shape, which
// becomes a 500. A test that asserts that `violations` is empty shows that neither side was kinder than the platform.

import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { Place } from './place.ts';
import type { Scratch } from './scratch.ts';

/** The shape of a JSON value; members beside `object` and `maybe` are refused unless `more` lets them be. */
export type Shape =
  | 'string'
  | 'integer'
  | 'boolean'
  | 'any'
  | RegExp
  | { readonly list: Shape }
  | { readonly mapOf: Shape }
  | { readonly either: readonly Shape[] }
  | {
      readonly object: Readonly<Record<string, Shape>>;
      readonly maybe?: Readonly<Record<string, Shape>>;
      readonly more?: true;
    };

/** A file as it was handed over. */
export interface HandedFile {
  readonly field: string;
  readonly name: string;
  readonly type: string;
  readonly bytes: Buffer;
}

/** A request that fits its operation. */
export interface Call {
  readonly parts: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** The body: JSON, the fields of a form, or nothing. */
  readonly json: unknown;
  readonly fields: Readonly<Record<string, string>>;
  readonly files: readonly HandedFile[];
  readonly bytes: Buffer;
}

/** An answer. */
export interface Reply {
  readonly status: number;
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An operation of the interface. */
export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** With `{name}` for a part. */
  readonly path: string;
  readonly query?: Readonly<Record<string, RegExp>>;
  readonly needs?: readonly string[];
  /** The shape of a JSON body, the fields of a form with files, or bytes as they are. */
  readonly body?:
    | Shape
    | { readonly form: Readonly<Record<string, RegExp>>; readonly file: string }
    | 'bytes';
  /** The shapes of its answers by their status. */
  readonly answers: Readonly<Record<number, Shape>>;
  readonly run: (call: Call) => Reply;
}

/** An interface: its operations, and what precedes them all. */
export interface Published {
  readonly operations: readonly Operation[];
  /** Answers for what is wrong with a request before its operation is looked at: the key, above all. */
  readonly before: (headers: IncomingHttpHeaders, query: URLSearchParams, path: string) => Reply | undefined;
  /** Parameters of a query that every operation takes. */
  readonly everywhere?: Readonly<Record<string, RegExp>>;
}

/** A server that speaks a published interface. */
export interface PublishedServer {
  readonly origin: string;
  readonly violations: readonly string[];
}

/** Tells where a value is not of its shape. */
export function misfit(shape: Shape, value: unknown, at = 'the body'): string | undefined {
  if (shape === 'any') return undefined;
  if (shape === 'integer') return Number.isInteger(value) ? undefined : `${at} is no integer`;
  if (shape === 'string' || shape === 'boolean')
    return typeof value === shape ? undefined : `${at} is no ${shape}`;
  if (shape instanceof RegExp)
    return typeof value === 'string' && shape.test(value) ? undefined : `${at} is not ${String(shape)}`;
  if ('either' in shape) {
    const wrong = shape.either.map((each) => misfit(each, value, at));
    return wrong.includes(undefined) ? undefined : wrong.join(', nor: ');
  }
  if ('list' in shape) {
    if (!Array.isArray(value)) return `${at} is no list`;
    return first(value.map((each, place) => misfit(shape.list, each, `${at}[${place}]`)));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${at} is no object`;
  const entries = Object.entries(value);
  if ('mapOf' in shape)
    return first(entries.map(([name, each]) => misfit(shape.mapOf, each, `${at}.${name}`)));
  const known: Readonly<Record<string, Shape>> = { ...shape.object, ...shape.maybe };
  const missing = Object.keys(shape.object).find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) return `${at} has no ${missing}`;
  return first(
    entries.map(([name, each]) => {
      const of = Object.hasOwn(known, name) ? known[name] : undefined;
      if (of === undefined) return shape.more === true ? undefined : `${at}.${name} is unknown`;
      return misfit(of, each, `${at}.${name}`);
    }),
  );
}

const first = (problems: readonly (string | undefined)[]): string | undefined =>
  problems.find((problem) => problem !== undefined);

/** Starts a server of an interface; it closes with the scratch. */
export async function startPublished(scratch: Scratch, published: Published): Promise<PublishedServer> {
  const violations: string[] = [];
  const place = new Place();
  const server = createServer((request, response) => {
    answer(published, violations, request)
      .then((reply) => {
        send(response, reply);
      })
      .catch((error: unknown) => {
        violations.push(String(error));
        response.destroy();
      });
  });
  await place.up(server);
  scratch.defer(() =>
    place.down(() => {
      server.closeAllConnections();
    }),
  );
  return { origin: `http://127.0.0.1:${place.port}`, violations };
}

async function answer(
  { operations, before, everywhere = {} }: Published,
  violations: string[],
  request: IncomingMessage,
): Promise<Reply> {
  const { method = '', headers } = request;
  const url = new URL(request.url ?? '', 'http://fake');
  const bytes = await buffer(request);
  const violated = (problem: string): Reply => {
    violations.push(`${method} ${url.pathname}: ${problem}`);
    return { status: 400, json: { error: problem, errcode: 'M_VIOLATION' } };
  };
  const refused = before(headers, url.searchParams, url.pathname);
  if (refused !== undefined) return refused;
  const found = operations.flatMap((operation) => {
    const parts = operation.method === method ? partsOf(operation.path, url.pathname) : undefined;
    return parts === undefined ? [] : [{ operation, parts }];
  })[0];
  if (found === undefined) return violated('no such operation');
  const { operation, parts } = found;
  const known = { ...everywhere, ...operation.query };
  for (const [name, value] of url.searchParams)
    if (known[name]?.test(value) !== true) return violated(`?${name}=${value} is none of its parameters`);
  const missing = operation.needs?.find((name) => !url.searchParams.has(name));
  if (missing !== undefined) return violated(`?${missing} is missing`);
  const read = await bodyOf(operation, headers, bytes);
  if (typeof read === 'string') return violated(read);
  const reply = operation.run({ parts, query: url.searchParams, headers, bytes, ...read });
  const shape = operation.answers[reply.status];
  const problem = shape === undefined ? 'is no answer' : misfit(shape, reply.json, 'the answer');
  if (problem === undefined) return reply;
  return { ...violated(`${reply.status}: ${problem}`), status: 500 };
}

function partsOf(template: string, path: string): Record<string, string> | undefined {
  const [wanted, given] = [template.split('/'), path.split('/')];
  if (wanted.length !== given.length) return undefined;
  const parts: Record<string, string> = {};
  for (const [at, want] of wanted.entries()) {
    const have = decodeURIComponent(given[at] ?? '');
    if (/^\{.*\}$/.test(want)) parts[want.slice(1, -1)] = have;
    else if (want !== have) return undefined;
  }
  return parts;
}

type Body = Pick<Call, 'json' | 'fields' | 'files'>;

/** Reads a body as its operation takes it, or tells what is wrong with it. */
async function bodyOf(
  { body }: Operation,
  headers: IncomingHttpHeaders,
  bytes: Buffer,
): Promise<Body | string> {
  const none: Body = { json: undefined, fields: {}, files: [] };
  const type = headers['content-type'] ?? '';
  if (body === undefined) return bytes.length === 0 ? none : 'a body where none is due';
  if (body === 'bytes') return none;
  if (typeof body === 'object' && 'form' in body) {
    if (!type.startsWith('multipart/form-data;')) return `${type} is no form with files`;
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- what it reads is small, and from ourselves
    const form = await new Response(new Uint8Array(bytes), { headers: { 'content-type': type } }).formData();
    return formOf(form, body);
  }
  if (!/^application\/json(?:;|$)/.test(type)) return `${type} is no application/json`;
  const json: unknown = JSON.parse(bytes.toString('utf8'));
  return misfit(body, json) ?? { ...none, json };
}

async function formOf(
  form: FormData,
  { form: known, file: wanted }: { form: Readonly<Record<string, RegExp>>; file: string },
): Promise<Body | string> {
  const fields: Record<string, string> = {};
  const files: HandedFile[] = [];
  for (const [field, value] of form) {
    if (typeof value === 'string') {
      if (known[field]?.test(value) !== true) return `the field ${field}=${value} is none of the form`;
      fields[field] = value;
    } else {
      if (field !== wanted) return `a file under ${field}; expected ${wanted}`;
      const bytes = Buffer.from(await value.arrayBuffer());
      files.push({ field, name: value.name, type: value.type, bytes });
    }
  }
  const missing = Object.keys(known).find((name) => !known[name]?.test('') && !(name in fields));
  return missing === undefined ? { json: undefined, fields, files } : `the field ${missing} is missing`;
}

function send(response: ServerResponse, { status, json, headers }: Reply): void {
  const text = json === undefined ? '' : JSON.stringify(json);
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
}
