// A DKIM signer for the tests: rsa-sha256, relaxed/relaxed, of From, To, Subject and Message-ID (RFC 6376).

import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** A key pair, and the TXT record that publishes it. */
export interface DkimKey {
  readonly key: KeyObject;
  readonly record: string;
}

/** Makes a key; 1024 bits, so that its record fits into one answer. */
export function makeDkimKey(): DkimKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const der = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  return { key: privateKey, record: `v=DKIM1; k=rsa; p=${der}` };
}

/** The message with a DKIM-Signature of `domain` on top; lines end in CR LF. */
export function sign(message: string, { key }: DkimKey, domain: string, selector: string): string {
  const split = message.indexOf('\r\n\r\n');
  const fields = message
    .slice(0, split)
    .replaceAll(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  const body = message
    .slice(split + 4)
    .replaceAll(/[ \t]+/g, ' ')
    .replaceAll(/ \r\n/g, '\r\n')
    .replace(/(?:\r\n)*$/, '\r\n');
  const names = ['from', 'to', 'subject', 'message-id'];
  const bodyHash = createHash('sha256').update(body).digest('base64');
  const bare = `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=${domain}; s=${selector}; h=${names.join(':')}; bh=${bodyHash}; b=`;
  const signed = names.flatMap((name) =>
    fields.filter((field) => field.toLowerCase().startsWith(`${name}:`)),
  );
  const text = `${signed.map((field) => `${relaxed(field)}\r\n`).join('')}${relaxed(bare)}`;
  return `${bare}${createSign('sha256').update(text).sign(key, 'base64')}\r\n${message}`;
}

function relaxed(field: string): string {
  const colon = field.indexOf(':');
  return `${field.slice(0, colon).toLowerCase()}:${field
    .slice(colon + 1)
    .replaceAll(/[ \t]+/g, ' ')
    .trim()}`;
}
