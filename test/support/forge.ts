// A server that is held to the published interface of a platform: what is asked of it and what it answers.
//
// Contract: a route says what its path, query and body may have and which answers it gives. A request that the interface does
// not know is a violation, also where the platform would overlook it, and so is an answer of ours that its schema does not
// have. `violations` has them all; the test of a sink asserts that there are none.

import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { Place } from './place.ts';
import type { Scratch } from './scratch.ts';

/** The shape of a JSON value; a member whose name ends in `?` may be absent. */
export type Shape =
  | 'text'
  | 'whole'
  | 'flag'
  | 'time'
  | 'null'
  | { readonly either: readonly Shape[] }
  | { readonly list: Shape }
  | { readonly members: Readonly<Record<string, Shape>> };

/** Says what of a value does not have the shape; undefined where all has it. */
export function misfit(shape: Shape, value: unknown, at = 'it'): string | undefined {
  if (typeof shape === 'string') {
    const fits: Record<typeof shape, boolean> = {
      text: typeof value === 'string',
      whole: Number.isSafeInteger(value),
      flag: typeof value === 'boolean',
      time: typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/.test(value),
      null: value === null,
    };
    return fits[shape] ? undefined : `${at} is ${JSON.stringify(value)} and no ${shape}`;
  }
  if ('either' in shape) {
    const problems = shape.either.map((each) => misfit(each, value, at));
    return problems.includes(undefined) ? undefined : problems.join(', ');
  }
  if ('list' in shape) {
    if (!Array.isArray(value)) return `${at} is no list`;
    return value.map((each, index) => misfit(shape.list, each, `${at}[${index}]`)).find((problem) => problem);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${at} is no object`;
  const known = Object.keys(shape.members).map((name) => name.replace('?', ''));
  const stranger = Object.keys(value).find((name) => !known.includes(name));
  if (stranger !== undefined) return `${at}.${stranger} is not in the schema`;
  for (const [name, each] of Object.entries(shape.members)) {
    const found = (value as Readonly<Record<string, unknown>>)[name.replace('?', '')];
    if (found === undefined && name.endsWith('?')) continue;
    const problem = misfit(each, found, `${at}.${name.replace('?', '')}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** A file of multipart/form-data. */
export interface Uploaded {
  readonly name: string;
  readonly bytes: Buffer;
}

/** A request as a route gets it. */
export interface Asked {
  /** The parts of the path, decoded, by their names. */
  readonly parts: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  readonly json: Readonly<Record<string, unknown>>;
  readonly file: Uploaded | undefined;
}

/** An answer. */
export interface Answered {
  readonly status: number;
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly bytes?: Buffer;
}

/** A route of an interface. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** With `{name}` for a part; `{name:whole}` takes a number alone. */
  readonly path: string;
  /** The parameters that it takes. */
  readonly query?: readonly string[];
  /** The schema of its JSON, or the field of its file. */
  readonly body?: Shape | { readonly file: string };
  /** The schema of an answer by its status; undefined is an answer without JSON. */
  readonly answers: Readonly<Record<number, Shape | undefined>>;
  readonly act: (asked: Asked) => Answered;
}

/** An interface. */
export interface Interface {
  readonly routes: readonly Route[];
  /** Answers what may not be asked by this caller, before its path is looked at; undefined lets it pass. */
  readonly guard: (headers: IncomingHttpHeaders) => Answered | undefined;
  readonly nowhere: Answered;
}

/** Starts a server of an interface; it closes with the scratch. */
export async function startPublished(scratch: Scratch, published: Interface): Promise<Published> {
  const server = new Published(published);
  scratch.defer(() => server.down());
  await server.up();
  return server;
}

/** A server of an interface. */
export class Published {
  /** What was asked or answered against the interface. */
  readonly violations: string[] = [];
  readonly #published: Interface;
  readonly #place = new Place();
  #close: () => void = () => undefined;

  constructor(published: Interface) {
    this.#published = published;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#place.port}`;
  }

  async up(): Promise<void> {
    const server = createServer((request, response) => {
      this.#take(request, response).catch((error: unknown) => {
        this.violations.push(String(error));
        response.socket?.destroy();
      });
    });
    this.#close = () => {
      server.closeAllConnections();
    };
    await this.#place.up(server);
  }

  async down(): Promise<void> {
    await this.#place.down(this.#close);
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, json, headers, bytes } = await this.#answer(request);
    const type = bytes === undefined ? 'application/json' : 'application/octet-stream';
    const body = bytes ?? (json === undefined ? '' : JSON.stringify(json));
    response.writeHead(status, { 'content-type': type, ...headers }).end(body);
  }

  async #answer(request: IncomingMessage): Promise<Answered> {
    const body = await buffer(request);
    const url = new URL(request.url ?? '', 'http://platform');
    const guarded = this.#published.guard(request.headers);
    if (guarded !== undefined) return guarded;
    for (const route of this.#published.routes) {
      const parts = route.method === request.method ? partsOf(route.path, url.pathname) : undefined;
      if (parts === undefined) continue;
      const asked = { parts, query: Object.fromEntries(url.searchParams), headers: request.headers };
      const answer = route.act({ ...asked, ...this.#read(route, body, asked) });
      this.#check(route, answer);
      return answer;
    }
    return this.#published.nowhere;
  }

  #read(
    { path, query = [], body: shape }: Route,
    body: Buffer,
    asked: Pick<Asked, 'query' | 'headers'>,
  ): Pick<Asked, 'json' | 'file'> {
    const violated = (what: string): void => void this.violations.push(`${path}: ${what}`);
    for (const name of Object.keys(asked.query)) if (!query.includes(name)) violated(`no parameter ${name}`);
    const type = asked.headers['content-type'] ?? '';
    if (shape === undefined) {
      if (body.length > 0) violated('takes no body');
      return { json: {}, file: undefined };
    }
    if (typeof shape === 'object' && 'file' in shape) {
      const file = fileIn(body, type);
      if (file.field !== shape.file) violated(`takes the field ${shape.file}, got ${file.field}`);
      return { json: {}, file };
    }
    if (type !== 'application/json') violated(`takes application/json, got ${type}`);
    const json = JSON.parse(body.toString()) as Record<string, unknown>;
    const problem = misfit(shape, json, 'the body');
    if (problem !== undefined) violated(problem);
    return { json, file: undefined };
  }

  #check({ path, answers }: Route, { status, json }: Answered): void {
    const shape = answers[status];
    const problem =
      shape === undefined
        ? !(status in answers) || json !== undefined
          ? `does not answer ${status} so`
          : undefined
        : misfit(shape, json, 'the answer');
    if (problem !== undefined) this.violations.push(`${path}: ${problem}`);
  }
}

/** Reads the one file of a multipart/form-data body (RFC 7578), byte for byte. */
function fileIn(body: Buffer, type: string): Uploaded & { readonly field: string } {
  const boundary = /^multipart\/form-data; boundary=([\w-]+)$/.exec(type)?.[1];
  const [head, ...rest] = body.toString('latin1').split('\r\n\r\n');
  const found = /^--([\w-]+)\r\nContent-Disposition: form-data; name="(\w+)"; filename="([^"]*)"\r\n/.exec(
    head ?? '',
  );
  const content = rest.join('\r\n\r\n');
  const end = `\r\n--${boundary ?? ''}--\r\n`;
  if (found === null || found[1] !== boundary || !content.endsWith(end))
    throw new Error('no form with one file');
  const name = Buffer.from(found[3] ?? '', 'latin1').toString();
  return { field: found[2] ?? '', name, bytes: Buffer.from(content.slice(0, -end.length), 'latin1') };
}

function partsOf(pattern: string, path: string): Record<string, string> | undefined {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  if (wanted.length !== given.length) return undefined;
  const parts: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const found = given[at] ?? '';
    const [, name, kind] = /^\{(\w+)(?::(\w+))?\}$/.exec(part) ?? [];
    if (name === undefined ? part !== found : kind === 'whole' && !/^\d+$/.test(found)) return undefined;
    if (name !== undefined) parts[name] = decodeURIComponent(found);
  }
  return parts;
}
