// A DKIM signer for the tests: rsa-sha256, relaxed/relaxed (RFC 6376).

import {
  createHash,
  createPublicKey,
  createSign,
  createVerify,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';

/** A key pair, and the TXT record that publishes it. */
export interface DkimKey {
  readonly key: KeyObject;
  readonly record: string;
}

/** Who signs what; the names are those of the fields that are signed, of which the lowest is taken first. */
export interface Signing {
  readonly key: DkimKey;
  readonly domain: string;
  readonly selector: string;
  readonly names?: readonly string[];
  /** Tags to add, such as `l=`, each with its semicolon. */
  readonly tags?: string;
}

const NAMES = ['from', 'to', 'subject', 'message-id'];

/** Makes a key; 1024 bits, so that its record fits into one answer. */
export function makeDkimKey(): DkimKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const der = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  return { key: privateKey, record: `v=DKIM1; k=rsa; p=${der}` };
}

/** The message, in latin1, with a DKIM-Signature on top; lines end in CR LF. */
export function sign(message: string, signing: Signing): string {
  const { key, domain, selector, names = NAMES, tags = '' } = signing;
  const split = message.indexOf('\r\n\r\n');
  const fields = message
    .slice(0, split)
    .replaceAll(/\r\n(?=[ \t])/g, '')
    .split('\r\n');
  const body = message
    .slice(split + 4)
    .replaceAll(/[ \t]+/g, ' ')
    .replaceAll(/ \r\n/g, '\r\n')
    .replace(/(?:\r\n)*$/, '\r\n');
  const bodyHash = createHash('sha256').update(body, 'latin1').digest('base64');
  const bare = `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=${domain}; s=${selector}; ${tags}h=${names.join(':')}; bh=${bodyHash}; b=`;
  const text = `${taken(fields, names)
    .map((field) => `${relaxed(field)}\r\n`)
    .join('')}${relaxed(bare)}`;
  return `${bare}${createSign('sha256').update(text, 'latin1').sign(key.key, 'base64')}\r\n${message}`;
}

/** The fields that the names stand for: each name the lowest that is not taken yet (RFC 6376 §5.4.2). */
function taken(fields: readonly string[], names: readonly string[]): string[] {
  const left = [...fields].reverse();
  return names.flatMap((name) => {
    const at = left.findIndex((field) => field.slice(0, field.indexOf(':')).trim().toLowerCase() === name);
    return at === -1 ? [] : left.splice(at, 1);
  });
}

function relaxed(field: string): string {
  const colon = field.indexOf(':');
  const name = field.slice(0, colon).trim().toLowerCase();
  return `${name}:${field
    .slice(colon + 1)
    .replaceAll(/[ \t]+/g, ' ')
    .trim()}`;
}

/** Whether the topmost DKIM-Signature of a message (in latin1, relaxed/relaxed) fits it. */
export function verifies(message: string, { key }: DkimKey): boolean {
  const split = message.indexOf('\r\n\r\n');
  const fields = message
    .slice(0, split)
    .replaceAll(/\r\n(?=[ \t])/g, '')
    .split('\r\n');
  const signature = fields.find((field) => /^dkim-signature:/i.test(field)) ?? '';
  const tag = (name: string): string =>
    (new RegExp(`[;\\s]${name}=([^;]*)`).exec(signature)?.[1] ?? '').replaceAll(/\s/g, '');
  const body = message
    .slice(split + 4)
    .replaceAll(/[ \t]+/g, ' ')
    .replaceAll(/ \r\n/g, '\r\n')
    .replace(/(?:\r\n)*$/, '\r\n');
  if (createHash('sha256').update(body, 'latin1').digest('base64') !== tag('bh')) return false;
  const others = fields.filter((field) => field !== signature);
  const names = tag('h').toLowerCase().split(':');
  const bare = relaxed(signature).replace(/([;\s]b=)[^;]*/, '$1');
  const text = `${taken(others, names)
    .map((field) => `${relaxed(field)}\r\n`)
    .join('')}${bare}`;
  const verifier = createVerify('sha256').update(text, 'latin1');
  return verifier.verify(createPublicKey(key), tag('b'), 'base64');
}
