// What stands between a sink and its platform in a test: an HTTP server that hands requests on as they come, and that answers
// one itself, or cuts its connection, where a test wishes so.
//
// Contract: a wish is for one request, in the order of the wishes that fit it. A cut is exact to the byte: `request` cuts
// before the platform has it all, so that it never sees it; `answer` lets the platform do its work and sends so much of
// its answer, from nothing to everything.

import {
  request as ask,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { buffer } from 'node:stream/consumers';
import { Place } from './place.ts';
import type { Scratch } from './scratch.ts';

/** What becomes of a request instead of its way to the platform. */
export type Wish =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | { readonly cut: 'request' }
  /** The share of the answer that is sent, from 0 to 1. */
  | { readonly cut: 'answer'; readonly share: number };

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
    if (wish?.cut === 'request') {
      note(undefined);
      request.socket.destroy();
      return;
    }
    const answer = await this.#handOn(method, path, headers, body);
    note(answer.status);
    const bytes = written(answer);
    const share = wish === undefined ? 1 : wish.share;
    // The bytes as they are, so that a cut is where it is meant to be.
    request.socket.end(bytes.subarray(0, Math.floor(bytes.length * share)));
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

/** Writes an answer as HTTP does, on a connection that ends with it. */
function written({ status, fields, body }: Answer): Buffer {
  const dropped = ['connection', 'transfer-encoding', 'content-length', 'keep-alive'];
  const lines = [`HTTP/1.1 ${status} As answered`];
  for (let at = 0; at < fields.length; at += 2) {
    const [name = '', value = ''] = [fields[at], fields[at + 1]];
    if (!dropped.includes(name.toLowerCase())) lines.push(`${name}: ${value}`);
  }
  const hasBody = status >= 200 && status !== 204 && status !== 304;
  if (hasBody) lines.push(`Content-Length: ${body.length}`);
  lines.push('Connection: close', '', '');
  return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), hasBody ? body : Buffer.alloc(0)]);
}
