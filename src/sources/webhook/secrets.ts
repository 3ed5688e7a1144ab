/**
 * The secrets of a provider's calls, from their files.
 *
 * Contract: every file is read, and every problem told. Failure: problems in words that name the key and the file.
 */
import { readSecretFile, readSecretText } from '../../config/secret-file.ts';
import type { WebhookConfig } from './settings.ts';

/** Bytes that a signing secret has at least (Standard Webhooks: 24 to 64). */
const LEAST_BYTES = 24;

/** Characters that a key or a password in words has at least. */
const LEAST_CHARS = 16;

/** Secrets, or every problem of their files. */
export type Secrets<S> =
  | { readonly ok: true; readonly secrets: readonly S[] }
  | { readonly ok: false; readonly problems: readonly string[] };

function readAll<S>(
  files: readonly string[],
  read: (file: string) => S | { readonly problem: string },
): Secrets<S> {
  const secrets: S[] = [];
  const problems: string[] = [];
  for (const file of files) {
    const each = read(file);
    if (typeof each === 'object' && each !== null && 'problem' in each) problems.push(each.problem);
    else secrets.push(each);
  }
  return problems.length === 0 ? { ok: true, secrets } : { ok: false, problems };
}

/** Reads signing secrets: base64, with `whsec_` before it or without. */
export function readSigningSecrets({ secretFile }: WebhookConfig, key: string): Secrets<Uint8Array> {
  return readAll<Uint8Array>(secretFile, (file) => {
    const read = readSecretFile(`${key}.secret_file`, file, LEAST_BYTES);
    return read.ok ? read.bytes : read;
  });
}

/** Reads secrets that are text, each of which `problemOf` may find fault with. */
export function readTextSecrets(
  { secretFile }: Pick<WebhookConfig, 'secretFile'>,
  key: string,
  problemOf: (text: string) => string | undefined = tooShort,
): Secrets<string> {
  return readAll<string>(secretFile, (file) => {
    const read = readSecretText(`${key}.secret_file`, file);
    const problem = read.ok ? problemOf(read.text) : undefined;
    if (problem !== undefined) return { problem: `${key}.secret_file: ${file}: ${problem}` };
    return read.ok ? read.text : read;
  });
}

/** Finds a key in words too short. */
export function tooShort(text: string): string | undefined {
  return text.length < LEAST_CHARS
    ? `holds ${text.length} characters; expected at least ${LEAST_CHARS}`
    : undefined;
}
