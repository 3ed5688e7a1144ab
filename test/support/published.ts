// A server that is held to a platform's published interface: a fake that is no kinder than the platform.
//
// Contract: every request must be one of the operations, with the query, header and body that its schema says, no member
// more; every answer must be as the schema of its status says. What is not is a fault: the request is answered 400, and
// the scratch that the server closes with fails its tests. The schemas are ours, written from the published ones.

import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { Place } from './place.ts';
import type { Scratch } from './scratch.ts';

/** A JSON schema. */
export type Schema = Readonly<Record<string, unknown>>;

/** An object with exactly these members, or with some of those whose name ends in `?`. */
export function object(members: Readonly<Record<string, unknown>>, more = false): Schema {
  const entries = Object.entries(members);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, schema]) => [name.replace(/\?$/, ''), schema])),
    required: entries.map(([name]) => name).filter((name) => !name.endsWith('?')),
    additionalProperties: more,
  };
}

/** The types that schemas are made of. */
export const TEXT: Schema = { type: 'string' };
export const NUMBER: Schema = { type: 'integer' };
export const FLAG: Schema = { type: 'boolean' };
export const list = (items: Schema): Schema => ({ type: 'array', items });
export const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });

/** A file of a multipart body. */
export interface SentFile {
  readonly field: string;
  readonly filename: string;
  readonly type: string;
  readonly bytes: Buffer;
}

/** A request that kept to the interface. */
export interface Call {
  /** The parts of the path that the operation names, decoded. */
  readonly at: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** The JSON, or the fields of the form; the schema of the operation says which members it has. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly files: readonly SentFile[];
}

/** An answer; `json` undefined has no body. */
export interface Answer {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string;
  readonly bytes?: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An operation of an interface. */
export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Like `/t/{id}.json`. */
  readonly path: string;
  /** The query: its names, with a `?` behind those that may be absent. */
  readonly query?: readonly string[];
  readonly body?: { readonly type: 'json' | 'form' | 'multipart'; readonly schema: Schema };
  /** The schemas of answers by their status. */
  readonly answers: Readonly<Record<number, Schema>>;
  readonly run: (call: Call) => Answer;
}

/** A running server. */
export interface Published {
  readonly origin: string;
  /** What did not keep to the interface, in order. */
  readonly faults: readonly string[];
}

/** Starts a server; it closes with the scratch, and fails it where there were faults. */
export async function startPublished(scratch: Scratch, operations: readonly Operation[]): Promise<Published> {
  const faults: string[] = [];
  const place = new Place();
  const server = createServer((request, response) => {
    take(request, response, operations, faults).catch((error: unknown) => {
      faults.push(String(error));
      response.destroy();
    });
  });
  scratch.defer(async () => {
    await place.down(() => {
      server.closeAllConnections();
    });
    if (faults.length > 0) throw new Error(`against the interface: ${faults.join('; ')}`);
  });
  await place.up(server);
  return { origin: `http://127.0.0.1:${place.port}`, faults };
}

async function take(
  request: IncomingMessage,
  response: ServerResponse,
  operations: readonly Operation[],
  faults: string[],
): Promise<void> {
  const { method = '', url = '', headers } = request;
  const content = await buffer(request);
  const { pathname, searchParams } = new URL(url, 'http://platform.invalid');
  const found = operations
    .filter((operation) => operation.method === method)
    .map((operation) => ({ operation, at: match(operation.path, pathname) }))
    .find(({ at }) => at !== undefined);
  let answer: Answer;
  if (found?.at === undefined) {
    faults.push(`${method} ${url}: no such operation`);
    answer = { status: 404, json: {} };
  } else {
    const { operation, at } = found;
    const { body, files, problem } = read(operation, headers, content, searchParams);
    if (problem !== undefined) {
      faults.push(`${method} ${url}: ${problem}`);
      answer = { status: 400, json: {} };
    } else {
      answer = operation.run({ at, query: searchParams, headers, body, files });
      const schema = operation.answers[answer.status];
      const wrong = schema === undefined ? 'a status that it never gives' : check(schema, answer.json);
      if (wrong !== undefined) faults.push(`${method} ${url}: answered ${answer.status}, ${wrong}`);
    }
  }
  send(response, answer);
}

function send(response: ServerResponse, { status, json, text, bytes, headers = {} }: Answer): void {
  const type = json === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' };
  response.writeHead(status, { ...type, ...headers });
  response.end(bytes ?? text ?? (json === undefined ? '' : JSON.stringify(json)));
}

/** The parts of a path that fits a pattern, decoded. */
function match(pattern: string, path: string): Record<string, string> | undefined {
  const escaped = pattern.split(/(\{\w+\})/).map((part) => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    return name === undefined ? part.replace(/[.*+?^$()|[\]\\]/g, '\\$&') : `(?<${name}>[^/]+)`;
  });
  const groups = new RegExp(`^${escaped.join('')}$`).exec(path)?.groups;
  if (groups === undefined) return new RegExp(`^${escaped.join('')}$`).test(path) ? {} : undefined;
  return Object.fromEntries(Object.entries(groups).map(([name, part]) => [name, decodeURIComponent(part)]));
}

interface Content {
  readonly body: Readonly<Record<string, unknown>>;
  readonly files: readonly SentFile[];
  readonly problem?: string | undefined;
}

function read(
  { query = [], body }: Operation,
  headers: IncomingHttpHeaders,
  content: Buffer,
  given: URLSearchParams,
): Content {
  const names = query.map((name) => name.replace(/\?$/, ''));
  const nothing = { body: {}, files: [] };
  for (const name of given.keys())
    if (!names.includes(name)) return { ...nothing, problem: `the query has no ${name}` };
  for (const name of query)
    if (!name.endsWith('?') && !given.has(name))
      return { ...nothing, problem: `${name} is missing in the query` };
  const type = headers['content-type'] ?? '';
  if (body === undefined) return content.length === 0 ? nothing : { ...nothing, problem: 'it takes no body' };
  const expected = {
    json: 'application/json',
    form: 'application/x-www-form-urlencoded',
    multipart: 'multipart/form-data',
  };
  if (!type.startsWith(expected[body.type])) return { ...nothing, problem: `a body of ${type}` };
  const { fields, files } = parse(body.type, type, content);
  return { body: fields, files, problem: check(body.schema, fields) };
}

function parse(kind: 'json' | 'form' | 'multipart', type: string, content: Buffer) {
  if (kind === 'multipart') return multipartOf(type, content);
  const text = content.toString();
  const fields = (
    kind === 'json' ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text))
  ) as Record<string, unknown>;
  return { fields, files: [] };
}

/** Takes multipart/form-data apart (RFC 7578). */
function multipartOf(type: string, content: Buffer) {
  const boundary = /boundary="?([^";]+)/.exec(type)?.[1] ?? '';
  const fields: Record<string, unknown> = {};
  const files: SentFile[] = [];
  // One character a byte, so that nothing is lost on the way.
  const parts = `\r\n${content.toString('latin1')}`.split(`\r\n--${boundary}`).slice(1, -1);
  for (const part of parts) {
    const end = part.indexOf('\r\n\r\n');
    const head = Buffer.from(part.slice(0, end), 'latin1').toString();
    const bytes = Buffer.from(part.slice(end + 4), 'latin1');
    const field = /name="([^"]*)"/.exec(head)?.[1] ?? '';
    const filename = /filename="([^"]*)"/.exec(head)?.[1];
    if (filename === undefined) fields[field] = bytes.toString();
    else files.push({ field, filename, type: /Content-Type: (.*)/i.exec(head)?.[1] ?? '', bytes });
  }
  return { fields, files };
}

const ajv = new Ajv2020({ allErrors: true, strict: false });
const checks = new WeakMap<Schema, (value: unknown) => readonly ErrorObject[] | undefined>();

/** Says what of a value is not as a schema says. */
function check(schema: Schema, value: unknown): string | undefined {
  let checked = checks.get(schema);
  if (checked === undefined) {
    const validate = ajv.compile(schema);
    checked = (each) => (validate(each) ? undefined : (validate.errors ?? []));
    checks.set(schema, checked);
  }
  const errors = checked(value);
  return errors === undefined ? undefined : ajv.errorsText([...errors]);
}
