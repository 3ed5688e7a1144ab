/**
 * The worker's entry: parses one message at a time and hands the outcome back.
 *
 * Contract: says `ready` once it can parse, then answers every request with one outcome; attachments move to the
 * other thread without a copy. An exception is left uncaught on purpose: it ends this worker, and the pool
 * starts a clean one.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { AttachmentLimits } from '../mail/attachment-limits.ts';
import { freeMemory } from '../system/memory.ts';
import { createFinish, type PostRules } from './finish.ts';
import { parseMessage } from './parse.ts';
import type { DigestWish, KnownOriginals, ParsedReply, ParseOutcome } from './post.ts';
import { TEXT_LIMITS } from './texts.ts';

/** The rules that the pool tells its workers. */
export interface WorkerRules {
  readonly limits: AttachmentLimits;
  /** Undefined leaves replies unfinished, for tests that ask for nothing else. */
  readonly post: PostRules | undefined;
  /** Counts the messages that the worker has begun with, so that its death is put down to the right one. */
  readonly begun: Int32Array;
}

/** A message to be parsed, and what is known of its original, or wanted of a reply to a digest, where something is. */
export type Asked =
  | Uint8Array
  | {
      readonly raw: Uint8Array;
      readonly known?: KnownOriginals | undefined;
      readonly digest?: DigestWish | undefined;
    };

const port = parentPort;
if (port === null) throw new Error('parse-worker.js runs as a worker thread only');
const { limits, post, begun } = workerData as WorkerRules;
const finish = post === undefined ? (reply: ParsedReply) => reply : createFinish(post, limits);

// One after the other: the pool takes the answers in the order of its questions.
let last = Promise.resolve();
port.on('message', (asked: Asked) => {
  const { raw, known, digest }: Exclude<Asked, Uint8Array> =
    asked instanceof Uint8Array ? { raw: asked } : asked;
  last = last.then(async () => {
    Atomics.add(begun, 0, 1);
    const parsed = await parseMessage(raw, limits, TEXT_LIMITS, known, digest);
    const outcome = parsed.kind === 'refused' ? parsed : { ...parsed, reply: finish(parsed.reply) };
    port.postMessage(outcome, ownBuffers(outcome));
    freeMemory(raw); // this thread may be idle for long after it
  });
});
port.postMessage('ready');

function ownBuffers(outcome: ParseOutcome): ArrayBuffer[] {
  if (outcome.kind !== 'parsed') return [];
  return outcome.reply.attachments.map((attachment) => attachment.content.buffer as ArrayBuffer);
}
