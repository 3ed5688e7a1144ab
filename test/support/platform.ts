// A platform for the tests: a real HTTP server on the loopback that takes posts as the webhook sink sends them.
//
// Contract: every request is verified with the Standard Webhooks reference library and answered with the status
// the test chose (201 by default). Posts answered 2xx are kept once per Idempotency-Key, in order of arrival.
// A request whose signature does not verify is answered 401 and recorded in `refused`. A request that is no POST is
// answered by `page`. One that is cut off in its midst is dropped.

import { randomBytes } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import type { SinkAddress } from './daemon.ts';
import { Place } from './place.ts';
import type { Scratch } from './scratch.ts';

/** The JSON that the webhook sink sends. */
export interface PostedReply {
  readonly type: string;
  readonly timestamp: string;
  readonly data: {
    readonly id: string;
    readonly user: string;
    readonly thread: string;
    readonly replied_to: string;
    readonly message_id: string | null;
    readonly in_reply_to: string | null;
    readonly subject: string;
    readonly received_at: string;
    readonly from: { readonly address: string; readonly name: string };
    readonly body: {
      readonly markdown: string;
      readonly text: string;
      readonly quoted: string;
      readonly signature: string;
    };
    readonly attachments: readonly PostedAttachment[];
  };
}

/** One attachment of a post. */
export interface PostedAttachment {
  readonly filename: string;
  readonly content_type: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly content: string;
}

/** One HTTP request that reached the platform, whatever it was answered. */
export interface PlatformRequest {
  readonly idempotencyKey: string;
  readonly headers: IncomingHttpHeaders;
  readonly status: number;
  readonly reply: PostedReply;
}

/** What the next request is answered with: a status, or a status and headers; 0 is no answer at all. */
export type Answer = number | { readonly status: number; readonly headers: Record<string, string> };

/** Starts a platform on a free loopback port, or on a Unix socket; it closes with the scratch. */
export async function startPlatform(scratch: Scratch, socket?: string): Promise<Platform> {
  const platform = new Platform(socket);
  scratch.defer(() => platform.down());
  await platform.up();
  return platform;
}

/** A recording platform. */
export class Platform {
  /** The webhook's secret, `whsec_` and base64; a test may rotate it. */
  secret = `whsec_${randomBytes(24).toString('base64')}`;
  /** Posts taken, one per Idempotency-Key. */
  readonly posts: PostedReply[] = [];
  /** Every request with a valid signature, repeats and refusals included. */
  readonly requests: PlatformRequest[] = [];
  /** Why requests failed verification. */
  readonly refused: string[] = [];
  /** What people see of the platform: answers every request but a POST. */
  page: RequestListener = (_request, response) => void response.writeHead(404).end();
  /** What a post of its own is answered, undefined where it is answered as the others. */
  answerTo: (reply: PostedReply) => Answer | undefined = () => undefined;
  readonly #seen = new Set<string>();
  readonly #answers: Answer[] = [];
  #standing: Answer = 201;
  #waiting: (() => void)[] = [];
  readonly #socket: string | undefined;
  #server: Server | undefined;
  readonly #place: Place;

  constructor(socket?: string) {
    this.#socket = socket;
    this.#place = new Place(socket);
  }

  /** Where the daemon posts to. Valid after the first up(), and stable from then on. */
  get sink(): SinkAddress {
    const origin =
      this.#socket === undefined ? `http://127.0.0.1:${this.#place.port}` : `unix:${this.#socket}:`;
    return { url: `${origin}/hooks/mail`, secret: this.secret };
  }

  /** Listens, on the same port as before if it was up before. */
  async up(): Promise<void> {
    const server = createServer((request, response) => {
      if (request.method !== 'POST') {
        this.page(request, response);
        return;
      }
      const answered = buffer(request).then((body) => this.#take(request.headers, body));
      answered.then(
        ({ status, headers }) => {
          if (status !== 0) response.writeHead(status, headers).end('{}\n');
        },
        // A request that was cut off in its midst is none.
        () => response.destroy(),
      );
    });
    this.#server = server;
    await this.#place.up(server);
  }

  /** Stops listening and drops every connection: the next attempt is refused. */
  async down(): Promise<void> {
    await this.#place.down(() => this.#server?.closeAllConnections());
  }

  /** Answers the next requests with these, in order; later ones with the standing answer. */
  answerNext(...answers: Answer[]): void {
    this.#answers.push(...answers);
  }

  /** Answers every request without an answer of its own with this, until told otherwise. */
  answerAlways(answer: Answer): void {
    this.#standing = answer;
  }

  /** The nth distinct post, counted from 1, as soon as it is there. */
  async nthPost(n: number, withinMs = 20_000): Promise<PostedReply> {
    await this.#until(() => this.posts.length >= n, `post ${n}`, withinMs);
    return this.posts[n - 1]!;
  }

  /** The nth request with a valid signature, counted from 1, whatever it was answered. */
  async nthRequest(n: number, withinMs = 20_000): Promise<PlatformRequest> {
    await this.#until(() => this.requests.length >= n, `request ${n}`, withinMs);
    return this.requests[n - 1]!;
  }

  /** The first post that satisfies `wanted`, as soon as it is there. */
  async post(wanted: (post: PostedReply) => boolean, withinMs = 20_000): Promise<PostedReply> {
    await this.#until(() => this.posts.some(wanted), 'the post', withinMs);
    return this.posts.find(wanted)!;
  }

  async #until(reached: () => boolean, what: string, withinMs: number): Promise<void> {
    const timer = new AbortController();
    const late = delay(withinMs, true, { signal: timer.signal }).catch(() => false);
    try {
      while (!reached()) {
        const news = new Promise<false>((resolve) => {
          this.#waiting.push(() => {
            resolve(false);
          });
        });
        if (await Promise.race([news, late])) throw new Error(this.#report(what, withinMs));
      }
    } finally {
      timer.abort();
    }
  }

  #report(what: string, withinMs: number): string {
    const statuses = this.requests.map((request) => request.status).join(' ');
    return `${what} did not come within ${withinMs} ms: ${this.posts.length} posts, answers [${statuses}], refused [${this.refused.join('; ')}]`;
  }

  #take(headers: IncomingHttpHeaders, body: Buffer): { status: number; headers: Record<string, string> } {
    const answer = this.#judge(headers, body);
    for (const wake of this.#waiting.splice(0)) wake();
    return typeof answer === 'number' ? { status: answer, headers: {} } : answer;
  }

  #judge(headers: IncomingHttpHeaders, body: Buffer): Answer {
    const idempotencyKey = headers['idempotency-key'];
    if (typeof idempotencyKey !== 'string') {
      this.refused.push('no Idempotency-Key');
      return 401;
    }
    let reply: PostedReply;
    try {
      reply = new Webhook(this.secret).verify(body, singleValues(headers)) as PostedReply;
    } catch (problem) {
      this.refused.push(String(problem));
      return 401;
    }
    const answer = this.answerTo(reply) ?? this.#answers.shift() ?? this.#standing;
    const status = typeof answer === 'number' ? answer : answer.status;
    this.requests.push({ idempotencyKey, headers, status, reply });
    if (status >= 200 && status < 300 && !this.#seen.has(idempotencyKey)) {
      this.#seen.add(idempotencyKey);
      this.posts.push(reply);
    }
    return answer;
  }
}

function singleValues(headers: IncomingHttpHeaders): Record<string, string> {
  const entries = Object.entries(headers).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(entries);
}
