/**
 * The webhook sink: posts each reply as signed JSON to one URL, over TCP, TLS or a Unix socket.
 *
 * Contract: the body is ARCHITECTURE.md §7's, with every key always there and null for what is not known. It is the
 * same to the byte on every attempt, as an Idempotency-Key demands, so `timestamp` is when the reply was
 * received; only webhook-timestamp and the signature change. The platform dedupes by the post's id, which
 * `webhook-id` and `Idempotency-Key` both carry as it is.
 * Failure: `deliver` gives an outcome for whatever the platform answers, or fails to. Once a status line is
 * there it decides, however the answer's body ends. Redirects are never followed.
 * Standards: Standard Webhooks 1.0.0; RFC 9110; draft-ietf-httpapi-idempotency-key-header-07 (without its quotes).
 * Limits: the answer is read to 64 KiB, for a bounded time, then the connection is dropped. undici takes an
 * unasked-for 100 Continue for a broken connection.
 */
import { createHmac } from 'node:crypto';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { type Dispatcher, Pool } from 'undici';
import type { Post } from '../../reply/post.ts';
import { judgeAnswer, judgeError } from '../answer.ts';
import type { Outcome, Sink } from '../sink.ts';
import { bodyPieces, formatBounce, formatPost, LARGE_BODY_BYTES, sizeOfAttachments } from './webhook-body.ts';
import type { WebhookOptions } from './webhook-options.ts';

/** Bytes of an answer that are read. */
export const MAX_ANSWER_BYTES = 64 * 1024;

/** Connections to the platform; more attempts than these wait within their deadline. */
const CONNECTIONS = 16;

/** Deadlines of one attempt's parts, in milliseconds; the attempt as a whole ends with the caller's signal. */
export interface WebhookDeadlines {
  readonly connectMs: number;
  /** From the request sent to the end of the answer's headers: a backstop behind the caller's signal. */
  readonly headersMs: number;
  /** For the answer's body in total, not between its bytes. */
  readonly answerMs: number;
}

const DEADLINES: WebhookDeadlines = { connectMs: 10_000, headersMs: 120_000, answerMs: 5_000 };

/** What a webhook sink takes from outside. */
export interface WebhookEnvironment {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly deadlines?: WebhookDeadlines;
}

/** Creates a webhook sink; it connects when the first post comes. */
export function createWebhookSink(options: WebhookOptions, environment: WebhookEnvironment): Sink {
  const { now, deadlines = DEADLINES } = environment;
  const pool = openPool(options, deadlines);
  const hideSecrets = redactor(options.secrets);

  const request = async (id: string, prepare: () => Body, signal: AbortSignal): Promise<Outcome> => {
    try {
      signal.throwIfAborted(); // undici would connect first
      const body = prepare();
      const seconds = Math.floor(now() / 1000);
      const answer = await pool.request({
        method: 'POST',
        path: options.target.path,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'mailgw',
          'idempotency-key': id,
          ...(await signatureHeaders(options.secrets, id, seconds, body)),
        },
        body: typeof body === 'function' ? Readable.from(body(), { objectMode: false }) : body,
        signal,
      });
      const text = hideSecrets(await readBeginning(answer.body, deadlines.answerMs));
      return judgeAnswer(
        {
          status: answer.statusCode,
          retryAfter: first(answer.headers['retry-after']),
          location: first(answer.headers.location),
          text,
        },
        now(),
      );
    } catch (error) {
      return judgeError(error);
    }
  };

  return {
    deliver: (post, signal) => request(post.id, () => prepareBody(post), signal),
    bounced: (bounce, signal) => request(bounce.id, () => formatBounce(bounce), signal),
    // Not close(), which would wait for an answer that may never come.
    close: () => pool.destroy(),
  };
}

function openPool(options: WebhookOptions, deadlines: WebhookDeadlines): Pool {
  const { target, ca } = options;
  return new Pool(target.origin, {
    connections: CONNECTIONS,
    ...(target.socketPath === undefined ? {} : { socketPath: target.socketPath }),
    connect: { timeout: deadlines.connectMs, ...(ca === undefined ? {} : { ca }) },
    headersTimeout: deadlines.headersMs,
    bodyTimeout: 0, // an idle timeout; readBeginning has one in total
  });
}

/** Reads the beginning of an answer's body; a body that breaks off or takes too long ends where it is. */
async function readBeginning(body: Dispatcher.ResponseData['body'], withinMs: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const deadline = setTimeout(() => body.destroy(), withinMs);
  body.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= MAX_ANSWER_BYTES) body.destroy(); // and its connection with it
  });
  await new Promise<void>((resolve) => {
    // An error is an end like another: the status line has decided the outcome, what came is enough to explain it.
    for (const end of ['end', 'error', 'close']) body.on(end, resolve);
  });
  clearTimeout(deadline);
  return Buffer.concat(chunks).toString('utf8', 0, MAX_ANSWER_BYTES);
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** A body in memory, or for a large post the generator that writes it piece by piece. */
type Body = Buffer | (() => Generator<string>);

function prepareBody(post: Post): Body {
  return sizeOfAttachments(post) < LARGE_BODY_BYTES ? formatPost(post) : () => bodyPieces(post);
}

/**
 * The Standard Webhooks headers of one attempt, one signature per secret so that a platform can rotate, and the
 * body's length. A large body is written once to be signed and again to be sent: twice the CPU, but not its memory.
 */
async function signatureHeaders(
  secrets: readonly Buffer[],
  id: string,
  seconds: number,
  body: Body,
): Promise<Record<string, string>> {
  const macs = secrets.map((secret) => createHmac('sha256', secret).update(`${id}.${seconds}.`));
  let bytes = 0;
  for (const piece of typeof body === 'function' ? body() : [body]) {
    for (const mac of macs) mac.update(piece);
    bytes += Buffer.byteLength(piece);
    // Signing 30 MB at once would stop the main thread for 100 ms.
    if (typeof body === 'function') await setImmediate();
  }
  return {
    'content-length': String(bytes),
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': macs.map((mac) => `v1,${mac.digest('base64')}`).join(' '),
  };
}

/** Hides the secrets in an answer: a platform that echoes its own settings must not bring them into our log. */
function redactor(secrets: readonly Buffer[]): (text: string) => string {
  const spellings = secrets.flatMap((secret) => [
    secret.toString('base64').replace(/=+$/, ''),
    secret.toString('hex'),
  ]);
  return (text) => spellings.reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text);
}
