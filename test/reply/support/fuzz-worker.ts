/** Puts `count` mutated messages through the whole of reply/; tells the slowest time, or throws what went wrong. */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import { ATTACHMENT_LIMITS } from '../../../src/mail/attachment-limits.ts';
import { createFinish } from '../../../src/reply/finish.ts';
import { parseMessage } from '../../../src/reply/parse.ts';
import type { ParseOutcome } from '../../../src/reply/post.ts';
import { createMutations } from './mutate.ts';

const { seed, count } = workerData as { readonly seed: number; readonly count: number };
const policy = { mentions: true, references: true, commands: true, closing: true };
const finish = createFinish(
  { forms: [{ prefix: 'reply+', domain: 'example.org' }], policy },
  ATTACHMENT_LIMITS,
);

async function judge(raw: Buffer): Promise<void> {
  const outcome: ParseOutcome = await parseMessage(raw, ATTACHMENT_LIMITS);
  if (outcome.kind !== 'parsed') return;
  const { body, attachments, subject, from } = finish(outcome.reply);
  assert.ok(body.markdown.trim() !== '' || attachments.length > 0);
  assert.doesNotMatch(subject + from.name, /[\0-\x1f\x7f\u202a-\u202e]/);
  assert.ok(attachments.every(({ filename }) => filename !== '' && !/[/\\\0-\x1f]/.test(filename)));
}

async function timed(raw: Buffer): Promise<number> {
  const start = performance.now();
  await judge(raw);
  return performance.now() - start;
}

/** A slow message is looked at again: it may have been the machine. */
async function fastestOf(raw: Buffer): Promise<number> {
  let ms = await timed(raw);
  for (let again = 0; again < 5 && ms > 500; again++) ms = Math.min(ms, await timed(raw));
  return ms;
}

const next = createMutations(seed);
let slowestMs = 0;
for (let run = 0; run < count; run++) {
  const raw = next();
  const ms = await fastestOf(raw).catch((error: unknown) => {
    throw new Error(`message ${run} of seed ${seed}: ${String(error)}: ${raw.toString('base64')}`);
  });
  slowestMs = Math.max(slowestMs, ms);
}
parentPort?.postMessage(slowestMs);
