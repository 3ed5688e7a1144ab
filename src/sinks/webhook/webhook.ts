/**
 * The webhook sink: posts each reply as signed JSON to one URL, over TCP, TLS or a Unix socket.
 *
 * Contract: the body is that of docs/http-interface.md, with every key always there and null for what is not known. It is the
 * same to the byte on every attempt, as an Idempotency-Key demands, so `timestamp` is when the reply was
 * received; only webhook-timestamp and the signature change. The platform dedupes by the post's id, which
 * `webhook-id` and `Idempotency-Key` both carry as it is.
 * Failure: `deliver` gives an outcome for whatever the platform answers, or fails to. Once a status line is
 * there it decides, however the answer's body ends. Redirects are never followed.
 * Standards: Standard Webhooks 1.0.0; RFC 9110; draft-ietf-httpapi-idempotency-key-header-07 (without its quotes).
 */
import { createHmac } from 'node:crypto';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { Post } from '../../reply/post.ts';
import { freeMemory } from '../../system/memory.ts';
import { judgeAnswer, judgeError } from '../answer.ts';
import { bodyPieces, formatBounce, formatPost, LARGE_BODY_BYTES, sizeOfAttachments } from '../body.ts';
import { type HttpClient, type HttpDeadlines, openHttpClient } from '../http-exchange.ts';
import type { Examination, Outcome, Sink } from '../sink.ts';
import type { LoadedSink, SinkEnvironment, SinkTable } from '../sink-kind.ts';
import { readWebhookOptions, type WebhookOptions } from './options.ts';

export { preview } from '../body.ts';

const DEADLINES: HttpDeadlines = { connectMs: 10_000, headersMs: 120_000, answerMs: 5_000 };

/** The environment of a webhook sink: what it takes from outside. */
export interface WebhookEnvironment {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly deadlines?: HttpDeadlines;
}

/** Opens the webhook of a `[sink]` table. */
export function open(table: SinkTable, environment: SinkEnvironment): LoadedSink {
  const read = readWebhookOptions(table, environment.readSecretFile);
  return read.ok ? { ok: true, sink: createWebhookSink(read.options, environment) } : read;
}

/** Creates a webhook sink; it connects when the first post comes. */
export function createWebhookSink(options: WebhookOptions, environment: WebhookEnvironment): Sink {
  const { now, deadlines = DEADLINES } = environment;
  const client = openHttpClient(options.target, options.ca, deadlines);
  const hideSecrets = redactor(options.secrets);

  const request = async (id: string, prepare: () => Body, signal: AbortSignal): Promise<Outcome> => {
    try {
      const body = prepare();
      const seconds = Math.floor(now() / 1000);
      const headers = {
        'content-type': 'application/json',
        'user-agent': 'mailgw',
        'idempotency-key': id,
        ...(await signatureHeaders(options.secrets, id, seconds, body)),
      };
      const sent = typeof body === 'function' ? Readable.from(body(), { objectMode: false }) : body;
      const answer = await client.exchange({ headers, body: sent }, signal);
      return judgeAnswer({ ...answer, text: hideSecrets(answer.text) }, now());
    } catch (error) {
      return judgeError(error);
    }
  };

  const deliver: Sink['deliver'] = async (post, signal) => {
    const outcome = await request(post.id, () => prepareBody(post), signal);
    // At once: the collector lets several large posts pile up before it looks at them.
    for (const { content } of post.attachments) freeMemory(content);
    return outcome;
  };

  return {
    deliver,
    created: deliver,
    bounced: (bounce, signal) => request(bounce.id, () => formatBounce(bounce), signal),
    examine: (signal) => examine(client, options.secrets, signal),
    close: () => client.close(),
  };
}

/** Asks by OPTIONS, which is safe by RFC 9110 §9.2.1, and unsigned: no platform may take it for a post. */
async function examine(
  client: HttpClient,
  secrets: readonly Buffer[],
  signal: AbortSignal,
): Promise<Examination> {
  const signatures = secrets.length === 1 ? 'one secret' : `${secrets.length} secrets`;
  const postsAs = `the user of each reply, whom data.user names and the platform maps to an account; signed with ${signatures}`;
  try {
    const headers = { 'user-agent': 'mailgw' };
    const { status } = await client.exchange({ method: 'OPTIONS', headers, body: null }, signal);
    return { status, diagnostic: `OPTIONS answered ${status}`, postsAs };
  } catch (error) {
    return { status: undefined, diagnostic: judgeError(error).diagnostic, postsAs };
  }
}

/** A body in memory, or for a large post the generator that writes it piece by piece. */
type Body = Buffer | (() => Generator<string>);

function prepareBody(post: Post): Body {
  return sizeOfAttachments(post) < LARGE_BODY_BYTES ? formatPost(post) : () => bodyPieces(post);
}

/**
 * Makes the Standard Webhooks headers of one attempt, one signature per secret so that a platform can rotate, and the
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
