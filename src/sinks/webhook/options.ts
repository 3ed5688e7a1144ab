/**
 * The options of the webhook sink: the `[sink]` table read into what the sink needs.
 *
 * Contract: every problem is reported at once, each naming its key, the value and what was expected. A password
 * in a URL is not repeated.
 */
import { readCa } from '../ca-file.ts';
import type { HttpTarget } from '../http-exchange.ts';
import type { ReadSecretFile, SinkTable } from '../sink-kind.ts';
import { WEBHOOK_SETTINGS } from './settings.ts';

/** The options of a webhook sink; `secrets` sign each post once per secret, `ca` is PEM. */
export interface WebhookOptions {
  readonly target: HttpTarget;
  readonly secrets: readonly Buffer[];
  readonly ca: string | undefined;
}

/** The options, or every problem that the table has. */
export type WebhookOptionsRead =
  | { readonly ok: true; readonly options: WebhookOptions }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads the `[sink]` table of a webhook sink. */
export function readWebhookOptions(table: SinkTable, readSecretFile: ReadSecretFile): WebhookOptionsRead {
  const keys = ['type', ...Object.keys(WEBHOOK_SETTINGS)];
  const unknown = Object.keys(table).filter((key) => !keys.includes(key));
  const problems = unknown.map((key) => `sink.${key}: unknown key; the webhook sink has ${keys.join(', ')}`);
  const target = WEBHOOK_SETTINGS.url.read(table.url);
  if (!target.ok) problems.push(`sink.url: ${target.problem}`);
  const secrets = readSecrets(table.secret_file, readSecretFile, problems);
  const ca = readCa(table.ca_file, target.ok ? target.value : undefined);
  if (!ca.ok) problems.push(`sink.ca_file: ${ca.problem}`);
  if (!target.ok || !ca.ok || problems.length > 0) return { ok: false, problems };
  return { ok: true, options: { target: target.value, secrets, ca: ca.value } };
}

function readSecrets(value: unknown, read: ReadSecretFile, problems: string[]): Buffer[] {
  const { read: readPath, expects, leastBytes } = WEBHOOK_SETTINGS.secret_file;
  const files: unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  if (files.length === 0) problems.push(`sink.secret_file: is missing; expected ${expects}`);
  const secrets: Buffer[] = [];
  for (const file of files) {
    const path = readPath(file);
    if (!path.ok) {
      problems.push(`sink.secret_file: ${path.problem}; expected ${expects}`);
      continue;
    }
    const secret = read('sink.secret_file', path.value, leastBytes);
    if (secret.ok) secrets.push(secret.bytes);
    else problems.push(secret.problem);
  }
  return secrets;
}
