// A server that is held to a platform's published interface: a fake that is no kinder than the platform.
//
// Contract: every request that `before` lets through must be one of the operations, with the query and body that its schema
// says, no member more; every answer must be as the schema of its status says. What is not is a fault: the request is
// answered 400, and the scratch that the server closes with fails its tests. The schemas are ours, written from the
// published ones. A request that is cut off in its midst is dropped, and does nothing.

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
export const NUMBER: Schema = {
  type: 'integer',
  minimum: Number.MIN_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
};
export const FLAG: Schema = { type: 'boolean' };
export const NULL: Schema = { type: 'null' };
export const ANYTHING: Schema = {};
export const list = (items: Schema): Schema => ({ type: 'array', items });
export const either = (...schemas: readonly Schema[]): Schema => ({ anyOf: schemas });
export const orNull = (schema: Schema): Schema => either(schema, NULL);
/** An object of any members, each as the schema says. */
export const mapOf = (each: Schema): Schema => ({ type: 'object', additionalProperties: each });
/** A text as the expression says. */
export const pattern = ({ source }: RegExp): Schema => ({ type: 'string', pattern: source });
/** A time of RFC 3339. */
export const TIME = pattern(/^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/);

/** The parameters of a query by their names; one whose name ends in `?` may be absent. */
export type Parameters = Readonly<Record<string, Schema>>;

/** Parameters of any text. */
export function texts(...names: readonly string[]): Parameters {
  return Object.fromEntries(names.map((name) => [name, TEXT]));
}

/** A file of a multipart body. */
export interface SentFile {
  readonly field: string;
  readonly name: string;
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
  /** The body as it came. */
  readonly bytes: Buffer;
}

/** An answer; `json` undefined has no body. */
export interface Answer {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string;
  readonly bytes?: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What an operation takes as its body; `file` names the field of the files in a form. */
export type BodySchema =
  | { readonly type: 'json' | 'form'; readonly schema: Schema }
  | { readonly type: 'multipart'; readonly schema: Schema; readonly file: string }
  | { readonly type: 'bytes' };

/** An operation of an interface. */
export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** Like `/t/{id}.json`; `{id:whole}` takes digits alone. */
  readonly path: string;
  readonly query?: Parameters;
  readonly body?: BodySchema;
  /** The schemas of answers by their status; undefined is an answer without JSON. */
  readonly answers: Readonly<Record<number, Schema | undefined>>;
  readonly run: (call: Call) => Answer;
}

/** A request before it is held to an operation. */
export interface Asked {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

/** An interface. */
export interface Interface {
  readonly operations: readonly Operation[];
  /** Answers what the platform refuses before it looks for an operation: a wrong key, an address that is none. */
  readonly before?: (asked: Asked) => Answer | undefined;
  /** Parameters that every operation takes. */
  readonly everywhere?: Parameters;
}

/** A running server. */
export interface Published {
  readonly origin: string;
  /** What did not keep to the interface, in order. */
  readonly faults: readonly string[];
}

/** Starts a server; it closes with the scratch, and fails it where there were faults. */
export async function startPublished(scratch: Scratch, published: Interface): Promise<Published> {
  const faults: string[] = [];
  const place = new Place();
  const server = createServer((request, response) => {
    answerTo(request, published, faults)
      .then((answer) => {
        if (answer === undefined) response.destroy();
        else send(response, answer);
      })
      .catch((error: unknown) => {
        faults.push(`${request.method ?? ''} ${request.url ?? ''}: ${String(error)}`);
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

/** A fake of a platform. */
export abstract class Fake {
  /** There from the start on. */
  server!: Published;

  get origin(): string {
    return this.server.origin;
  }

  /** What can be asked of it, also before it is there. */
  get operations(): readonly Operation[] {
    return this.published().operations;
  }

  /** Starts to answer as its interface says; as {@link startPublished}. */
  async start(scratch: Scratch): Promise<this> {
    this.server = await startPublished(scratch, this.published());
    return this;
  }

  protected abstract published(): Interface;
}

/** Makes what an operation runs from what it does once it is known who asks. */
export type Signed<User> = (run: (call: Call, user: User) => Answer) => Operation['run'];

/** Has operations run for whom a header names, and answer a refusal where it names nobody. */
export function signedBy<User extends object>(
  who: (headers: IncomingHttpHeaders) => User | Answer,
): Signed<User> {
  return (run) => (call) => {
    const user = who(call.headers);
    return isAnswer(user) ? user : run(call, user);
  };
}

function isAnswer(value: object): value is Answer {
  return 'status' in value;
}

/** Answers a request; undefined where it was cut off. */
async function answerTo(
  request: IncomingMessage,
  { operations, before, everywhere = {} }: Interface,
  faults: string[],
): Promise<Answer | undefined> {
  const { method = '', url = '', headers } = request;
  // A request that ends in its midst is nobody's fault, and no request.
  const bytes = await buffer(request).catch(() => undefined);
  if (bytes === undefined) return undefined;
  const { pathname: path, searchParams: query } = new URL(url, 'http://platform.invalid');
  const refused = before?.({ path, query, headers });
  if (refused !== undefined) return refused;
  const fault = (problem: string): void => {
    faults.push(`${method} ${url}: ${problem}`);
  };
  for (const operation of operations) {
    const at = operation.method === method ? match(operation.path, path) : undefined;
    if (at === undefined) continue;
    const known = { ...everywhere, ...operation.query };
    const { problem, ...content } = read(operation.body, headers['content-type'] ?? '', bytes);
    const wrong = misfit(known, query) ?? problem;
    if (wrong !== undefined) {
      fault(wrong);
      return { status: 400, json: {} };
    }
    const answer = operation.run({ at, query, headers, bytes, ...content });
    const unlike = misanswered(operation, answer);
    if (unlike !== undefined) fault(`answered ${answer.status}, ${unlike}`);
    return answer;
  }
  fault('no such operation');
  return { status: 404, json: {} };
}

/** Says what of an answer is not as its operation says. */
function misanswered({ answers }: Operation, { status, json }: Answer): string | undefined {
  if (!(status in answers)) return 'a status that it never gives';
  const schema = answers[status];
  if (schema !== undefined) return check(schema, json);
  return json === undefined ? undefined : 'with JSON where there is none';
}

function send(response: ServerResponse, { status, json, text, bytes, headers = {} }: Answer): void {
  const type = json === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' };
  response.writeHead(status, { ...type, ...headers });
  response.end(bytes ?? text ?? (json === undefined ? '' : JSON.stringify(json)));
}

/** The parts of a path that fits a pattern, decoded. */
function match(template: string, path: string): Record<string, string> | undefined {
  const expression = template.split(/(\{\w+(?::whole)?\})/).map((part) => {
    const [, name, kind] = /^\{(\w+)(:whole)?\}$/.exec(part) ?? [];
    if (name === undefined) return part.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
    return `(?<${name}>${kind === undefined ? '[^/]+' : '\\d+'})`;
  });
  const found = new RegExp(`^${expression.join('')}$`).exec(path);
  if (found === null) return undefined;
  const parts = Object.entries(found.groups ?? {});
  return Object.fromEntries(parts.map(([name, part]) => [name, decodeURIComponent(part)]));
}

/** Says what of a query is not as its parameters say; each value of one that is repeated counts. */
function misfit(parameters: Parameters, given: URLSearchParams): string | undefined {
  for (const [name, value] of given) {
    const schema = Object.hasOwn(parameters, name) ? parameters[name] : parameters[`${name}?`];
    if (schema === undefined) return `the query has no ${name}`;
    const problem = check(schema, value);
    if (problem !== undefined) return `${name} in the query is ${value}: ${problem}`;
  }
  const missing = Object.keys(parameters).find((name) => !name.endsWith('?') && !given.has(name));
  return missing === undefined ? undefined : `${missing} is missing in the query`;
}

interface Content extends Pick<Call, 'body' | 'files'> {
  readonly problem?: string | undefined;
}

const TYPES = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
  multipart: 'multipart/form-data',
};

function read(expected: BodySchema | undefined, type: string, bytes: Buffer): Content {
  const nothing = { body: {}, files: [] };
  if (expected === undefined)
    return bytes.length === 0 ? nothing : { ...nothing, problem: 'it takes no body' };
  if (expected.type === 'bytes') return nothing;
  if (type.split(';', 1)[0] !== TYPES[expected.type]) return { ...nothing, problem: `a body of ${type}` };
  const { fields, files } = parse(expected.type, type, bytes);
  return { body: fields, files, problem: check(expected.schema, fields) ?? misfiled(expected, files) };
}

/** Says what is wrong with the files of a form. */
function misfiled(expected: BodySchema, files: readonly SentFile[]): string | undefined {
  if (expected.type !== 'multipart') return undefined;
  if (files.length === 0) return `the form has no file ${expected.file}`;
  const stranger = files.find(({ field }) => field !== expected.file);
  return stranger === undefined ? undefined : `a file under ${stranger.field}; expected ${expected.file}`;
}

function parse(kind: 'json' | 'form' | 'multipart', type: string, bytes: Buffer) {
  if (kind === 'multipart') return multipartOf(type, bytes);
  const text = bytes.toString();
  const fields = (
    kind === 'json' ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text))
  ) as Record<string, unknown>;
  return { fields, files: [] };
}

/** Takes multipart/form-data apart (RFC 7578); throws where it is none. */
function multipartOf(type: string, bytes: Buffer) {
  const boundary = /; boundary="?([\w-]+)"?$/.exec(type)?.[1] ?? '';
  const fields: Record<string, unknown> = {};
  const files: SentFile[] = [];
  // One character a byte, so that nothing is lost on the way.
  const [preamble, ...parts] = `\r\n${bytes.toString('latin1')}`.split(`\r\n--${boundary}`);
  if (boundary === '' || preamble !== '' || parts.pop()?.trimEnd() !== '--') throw new Error('no whole form');
  for (const part of parts) {
    const [, head = '', content = ''] = /^\r\n([^]*?)\r\n\r\n([^]*)$/.exec(part) ?? [];
    const header = Buffer.from(head, 'latin1').toString();
    const [, field, , name] =
      /^Content-Disposition: form-data; name="([^"]*)"(; filename="([^"]*)")?\r?$/im.exec(header) ?? [];
    if (field === undefined) throw new Error(`a part of a form without a name: ${header}`);
    const own = Buffer.from(content, 'latin1');
    if (name === undefined) fields[field] = own.toString();
    else files.push({ field, name, type: /^Content-Type: (.*)$/im.exec(header)?.[1] ?? '', bytes: own });
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
