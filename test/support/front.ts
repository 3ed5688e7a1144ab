// What stands between a sink and its platform in a test: an HTTP server that hands requests on as they come, and that answers
// one itself, or cuts its connection, where a test wishes so.
//
// Contract: a wish is for one request, in the order of the wishes that fit it. A cut is exact to the byte. One in the request
// gives the platform so much of it, from nothing at all, and then the end of the connection; `unheard` gives it all of it, and
// the end while it works. One in the answer lets the platform do its work and sends so much of its answer, from nothing to
// everything. The sink's connection ends when the platform has done with its own, so that its next request finds what came of
// this one: the queue waits seconds before it makes one.

import {
  request as ask,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createConnection } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Place } from './place.ts';
import type { Scratch } from './scratch.ts';

/** What becomes of a request instead of its way to the platform. */
export type Wish =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | Cut;

/** The place of a cut: in the request or the answer as a whole, in one part of it, or between the two. */
export interface Cut {
  readonly cut:
    | 'request'
    | 'request head'
    | 'request body'
    | 'unheard'
    | 'answer'
    | 'answer head'
    | 'answer body';
  /** The share of that part that arrives, from 0 to 1; nothing unless it says. */
  readonly share?: number;
}

/** Tells whether a wish is for a request. */
export type Fits = (method: string, path: string) => boolean;

/** A request as it came by. */
export interface Passed {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The status that the platform gave; undefined where it was not asked. */
  readonly status: number | undefined;
}

/** Starts a front before the platform at an origin; it closes with the scratch. */
export async function startFront(scratch: Scratch, origin: string): Promise<Front> {
  const front = new Front(origin);
  scratch.defer(() => front.down());
  await front.up();
  return front;
}

/** How long a platform may keep a connection that ended in the midst of a request. */
const KEPT_MS = 10_000;

/** A front; its origin stands for the platform's. */
export class Front {
  /** Every request that came by, in order. */
  readonly passed: Passed[] = [];
  readonly #wishes: { readonly fits: Fits; readonly wish: Wish }[] = [];
  readonly #platform: URL;
  readonly #place = new Place();
  #close: () => void = () => undefined;

  constructor(origin: string) {
    this.#platform = new URL(origin);
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#place.port}`;
  }

  /** Wishes something for the next request that fits. */
  wish(wish: Wish, fits: Fits = () => true): void {
    this.#wishes.push({ wish, fits });
  }

  /** Forgets what was wished and did not come to pass, and what came by. */
  clear(): void {
    this.#wishes.length = 0;
    this.passed.length = 0;
  }

  async up(): Promise<void> {
    const server = createServer((request, response) => {
      this.#take(request, response).catch(() => response.socket?.destroy());
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
    const { method = '', url: path = '', headers } = request;
    const place = this.#wishes.findIndex(({ fits }) => fits(method, path));
    const wish = place < 0 ? undefined : this.#wishes.splice(place, 1)[0]?.wish;
    const body = await buffer(request);
    const note = (status: number | undefined): void => {
      this.passed.push({ method, path, headers, body, status });
    };
    if (wish !== undefined && 'status' in wish) {
      note(undefined);
      response.writeHead(wish.status, wish.headers).end(wish.body ?? '');
      return;
    }
    if (wish !== undefined && !wish.cut.startsWith('answer')) {
      note(undefined);
      await this.#handOnPart(sentOf(wish, writtenRequest(request, body)));
      request.socket.destroy();
      return;
    }
    const answer = await this.#handOn(method, path, headers, body);
    note(answer.status);
    // The bytes as they are, so that a cut is where it is meant to be.
    request.socket.end(sentOf(wish ?? { cut: 'answer', share: 1 }, writtenAnswer(answer)));
  }

  /** Gives the platform some bytes and the end of the connection, and waits until it has ended its side. */
  async #handOnPart(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return;
    const { hostname, port } = this.#platform;
    const socket = createConnection({ host: hostname, port: Number(port) });
    socket.setTimeout(KEPT_MS, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.resume();
    socket.end(bytes);
    await new Promise<void>((resolve) => {
      socket.once('close', () => {
        resolve();
      });
    });
  }

  #handOn(method: string, path: string, headers: IncomingHttpHeaders, body: Buffer): Promise<Answer> {
    const { hostname, port, protocol } = this.#platform;
    return new Promise((resolve, reject) => {
      const onward = ask(
        { protocol, hostname, port, method, path, headers: { ...headers, connection: 'close' } },
        (answer) => {
          buffer(answer).then((content) => {
            resolve({ status: answer.statusCode ?? 0, fields: answer.rawHeaders, body: content });
          }, reject);
        },
      );
      onward.on('error', reject);
      onward.end(body);
    });
  }
}

interface Answer {
  readonly status: number;
  readonly fields: readonly string[];
  readonly body: Buffer;
}

/** A message of HTTP as bytes, and where its body begins. */
interface Written {
  readonly bytes: Buffer;
  readonly headBytes: number;
}

/** Gives the bytes of a message that arrive before a cut. */
function sentOf({ cut, share = 0 }: Cut, { bytes, headBytes }: Written): Buffer {
  const end = bytes.length;
  const within = (from: number, to: number): Buffer =>
    bytes.subarray(0, from + Math.floor((to - from) * share));
  if (cut === 'unheard') return bytes;
  if (cut.endsWith(' head')) return within(1, headBytes);
  return cut.endsWith(' body') ? within(headBytes, end) : within(0, end);
}

/** Writes a message as HTTP does, on a connection that ends with it; `length` undefined says nothing of its body. */
function written(
  first: string,
  fields: readonly string[],
  body: Buffer,
  length: number | undefined,
): Written {
  const dropped = ['connection', 'transfer-encoding', 'content-length', 'keep-alive'];
  const lines = [first];
  for (let at = 0; at < fields.length; at += 2) {
    const [name = '', value = ''] = [fields[at], fields[at + 1]];
    if (!dropped.includes(name.toLowerCase())) lines.push(`${name}: ${value}`);
  }
  if (length !== undefined) lines.push(`Content-Length: ${length}`);
  lines.push('Connection: close', '', '');
  const head = Buffer.from(lines.join('\r\n'), 'latin1');
  return { bytes: Buffer.concat([head, body]), headBytes: head.length };
}

function writtenRequest({ method, url, rawHeaders }: IncomingMessage, body: Buffer): Written {
  const length = method === 'GET' ? undefined : body.length;
  return written(`${method ?? ''} ${url ?? ''} HTTP/1.1`, rawHeaders, body, length);
}

function writtenAnswer({ status, fields, body }: Answer): Written {
  const hasBody = status >= 200 && status !== 204 && status !== 304;
  const length = hasBody ? body.length : undefined;
  return written(`HTTP/1.1 ${status} As answered`, fields, hasBody ? body : Buffer.alloc(0), length);
}
