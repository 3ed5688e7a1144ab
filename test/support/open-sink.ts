// A sink of a platform, opened for one test from its `[sink]` table and its key.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { readSecretFile, readSecretText } from '../../src/config/secret-file.ts';
import type { Post } from '../../src/reply/post.ts';
import { loadSink } from '../../src/sinks/catalogue.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { samplePost } from './loopback.ts';
import type { Scratch } from './scratch.ts';

let keys = 0;

/** Opens a sink; it closes with the scratch. */
export async function openPlatformSink(scratch: Scratch, table: object, token: string): Promise<Sink> {
  keys += 1;
  const file = scratch.path(`key-${keys}`);
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  const environment = { now: Date.now, readSecretFile, readSecretText };
  const loaded = await loadSink({ ...table, token_file: file }, environment);
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.problems.join('; '));
  scratch.defer(() => loaded.sink.close());
  return loaded.sink;
}

let posts = 0;

/** A post of alice with an id of its own and a text in Markdown. */
export function replyOf(thread: string | undefined, markdown: string, change: Partial<Post> = {}): Post {
  posts += 1;
  return samplePost({
    id: `01K${String(posts).padStart(8, '0')}-test`,
    thread,
    body: { markdown, text: markdown, quoted: '', signature: '', cuts: [] },
    ...change,
  });
}

/** A signal that never comes. */
export const patience = (): AbortSignal => new AbortController().signal;
