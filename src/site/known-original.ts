/** What is kept of a notification: its Subject, its author and the sketch of its texts, each cut to a bound. */
import { createHash } from 'node:crypto';
import { textOfHtml, textsOfMessage } from '../reply/original-text.ts';
import { makeSketch } from '../reply/text/sketch.ts';
import type { NewOriginal } from '../store/originals.ts';

/** A notification as it goes out; its text in one form or more, or all of it as a message. */
export interface Original {
  /** The locator of its thread. */
  readonly thread: string;
  /** The time of the post that it is about, in Unix seconds, as the addresses have it. */
  readonly repliedTo: number;
  readonly subject: string;
  readonly from: { readonly name?: string | undefined; readonly address?: string | undefined };
  readonly text?: string | undefined;
  readonly html?: string | undefined;
  /** The whole message, of which the texts are read. */
  readonly raw?: Uint8Array | undefined;
}

/** The settings that remembering goes by: `[reply]`. */
export interface RememberSettings {
  readonly maxAgeMs: number;
  readonly originalsBytes: number;
}

const MAX_TEXT_CHARS = 512 * 1024;
const MAX_SUBJECT_CHARS = 1000;
const MAX_NAME_CHARS = 320;
const DIGEST_BYTES = 16;

/** Makes what is kept of a notification. */
export async function toKnown(original: Original, { maxAgeMs }: RememberSettings): Promise<NewOriginal> {
  const { thread, from } = original;
  const sketch = makeSketch(await textsOf(original));
  const subject = original.subject.slice(0, MAX_SUBJECT_CHARS);
  const authorName = (from.name ?? '').slice(0, MAX_NAME_CHARS);
  const authorAddress = (from.address ?? '').slice(0, MAX_NAME_CHARS);
  const digest = createHash('sha256')
    .update(JSON.stringify([subject, authorName, authorAddress]))
    .update(sketch)
    .digest()
    .subarray(0, DIGEST_BYTES);
  const repliedToAt = original.repliedTo * 1000;
  return {
    thread,
    repliedToAt,
    digest,
    subject,
    authorName,
    authorAddress,
    sketch,
    expiresAt: repliedToAt + maxAgeMs,
  };
}

async function textsOf({ text, html, raw }: Original): Promise<string[]> {
  return [
    ...(text === undefined ? [] : [text.slice(0, MAX_TEXT_CHARS)]),
    ...(html === undefined ? [] : [textOfHtml(html.slice(0, MAX_TEXT_CHARS))]),
    ...(raw === undefined ? [] : await textsOfMessage(raw)),
  ];
}
