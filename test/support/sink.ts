// A sink of a platform that is open, with its key in a file.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { readSecretFile, readSecretText } from '../../src/config/secret-file.ts';
import { scanHeader } from '../../src/mail/header.ts';
import type { Recognisable } from '../../src/mail/recognise.ts';
import { loadSink } from '../../src/sinks/catalogue.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import type { Scratch } from './scratch.ts';

let made = 0;

/** Opens a sink; it closes with the scratch. */
export async function openSink(
  scratch: Scratch,
  token: string,
  table: Record<string, unknown>,
): Promise<Sink> {
  const file = scratch.path(`token-${++made}`);
  writeFileSync(file, token, { mode: 0o600 });
  const environment = { now: Date.now, readSecretFile, readSecretText };
  const loaded = await loadSink({ token_file: file, ...table }, environment);
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.problems.join('; '));
  scratch.defer(() => loaded.sink.close());
  return loaded.sink;
}

/** A mail on its way out, by the lines of its header. */
export function leaving(lines: readonly string[]): Recognisable {
  const scan = scanHeader(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`));
  assert.ok(scan.ok);
  return { header: scan.header, reversePath: 'platform@example.org' };
}
