/** The setting of the certificates that a sink trusts instead of the built-in ones, and how they are read. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { file, type Read } from '../config/kinds.ts';
import { errorLine } from '../system/error-text.ts';
import { distrust } from '../system/trusted-file.ts';
import type { HttpTarget } from './http-exchange.ts';

/** The setting `ca_file` of every sink that speaks HTTP. */
export const CA_FILE = {
  ...file(undefined, 'PEM certificates to trust instead.'),
  expects: 'the absolute path of a file of PEM certificates',
  unset: 'built-in certificates',
};

/** Reads the certificates; undefined where none are named. */
export function readCa(value: unknown, target: HttpTarget | undefined): Read<string | undefined> {
  const fail = (problem: string) => ({ ok: false, problem }) as const;
  if (value === undefined) return { ok: true, value: undefined };
  const { read, expects } = CA_FILE;
  const path = read(value);
  if (!path.ok) return fail(`${path.problem}; expected ${expects}`);
  if (target !== undefined && !target.origin.startsWith('https:'))
    return fail(`${JSON.stringify(value)} has no use here; expected only where sink.url is https`);
  const distrusted = distrust(path.value, 'believed');
  if (distrusted !== undefined) return fail(distrusted);
  try {
    const pem = readFileSync(path.value, 'utf8');
    // tls.connect passes over a file without certificates in silence, and then trusts nobody.
    new X509Certificate(pem).toString();
    return { ok: true, value: pem };
  } catch (error) {
    return fail(`${JSON.stringify(value)} cannot be used: ${errorLine(error)}; expected ${expects}`);
  }
}
