/**
 * The direct parts of a multipart body, for judgements that need only a part's type and its first lines.
 *
 * Contract: parts come in order, each with its header fields and its bytes up to the next delimiter; parts
 * inside parts are not entered, so that a message that somebody attached is never taken for the message itself.
 * This is no MIME parser: the worker's parser reads what is posted.
 * Failure: no boundary, or none found, gives no parts.
 * Standards: RFC 2046 §5.1.1.
 * Limits: the first 64 KiB of the body and 20 parts.
 */

import { decodeText } from './charset.ts';
import { type Header, headerValue, scanHeader } from './header.ts';

/** How much of a body is ever looked at. */
export const BODY_WINDOW_BYTES = 64 * 1024;

/** A direct child part: its header, its media type in lower case, its body still encoded. */
export interface Part {
  readonly header: Header;
  readonly type: string;
  readonly body: Buffer;
}

/** The types of a part that holds a returned message, or its header. */
export const RETURNED_TYPE =
  /^(?:message\/(?:rfc822|global|global-headers|rfc822-headers)|text\/rfc822(?:-headers)?)$/;

const MAX_PARTS = 20;
const MAX_BOUNDARY_LENGTH = 200;

/** Gives the beginning of the body of `raw`, at most 64 KiB. */
export function bodyWindow(raw: Uint8Array, header: Header): Buffer {
  const whole = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  return whole.subarray(header.bodyOffset, header.bodyOffset + BODY_WINDOW_BYTES);
}

/** Reads the type and subtype of a Content-Type value in lower case, without parameters. */
export function mediaType(value: string): string {
  const end = value.indexOf(';');
  return (end === -1 ? value : value.slice(0, end)).trim().toLowerCase();
}

/** Reads a parameter of a Content-Type value; `undefined` when it is absent. */
export function parameter(value: string, name: keyof typeof PARAMETERS): string | undefined {
  const match = PARAMETERS[name].exec(value);
  return match?.[1] ?? match?.[2];
}

const PARAMETERS = {
  boundary: /;[ \t]*boundary[ \t]*=[ \t]*(?:"([^"]*)"|([^\s;"]+))/i,
  charset: /;[ \t]*charset[ \t]*=[ \t]*(?:"([^"]*)"|([^\s;"]+))/i,
  method: /;[ \t]*method[ \t]*=[ \t]*(?:"([^"]*)"|([^\s;"]+))/i,
  'report-type': /;[ \t]*report-type[ \t]*=[ \t]*(?:"([^"]*)"|([^\s;"]+))/i,
};

/** Walks the direct parts of a body whose Content-Type is given; there are none when that is no multipart. */
export function* directParts(body: Buffer, contentType: string): Generator<Part> {
  if (!mediaType(contentType).startsWith('multipart/')) return;
  const boundary = parameter(contentType, 'boundary');
  if (boundary === undefined || boundary === '' || boundary.length > MAX_BOUNDARY_LENGTH) return;
  const delimiter = Buffer.from(`--${boundary}`);
  let at = body.indexOf(delimiter);
  for (let parts = 0; at !== -1 && parts < MAX_PARTS; parts++) {
    const start = body.indexOf('\n', at) + 1;
    if (start === 0) return;
    at = body.indexOf(delimiter, start);
    const part = readPart(body.subarray(start, at === -1 ? body.length : at));
    if (part !== undefined) yield part;
  }
}

function readPart(bytes: Buffer): Part | undefined {
  const scan = scanHeader(bytes);
  if (!scan.ok) return undefined;
  const type = mediaType(headerValue(scan.header, 'content-type') ?? 'text/plain');
  return { header: scan.header, type, body: bytes.subarray(scan.header.bodyOffset) };
}

/**
 * Decodes the text of a part or message: its transfer encoding undone, its charset as the bytes show it, line ends as
 * LF.
 */
export function decodedText(header: Header, body: Buffer): string {
  const charset = parameter(headerValue(header, 'content-type') ?? '', 'charset');
  const bytes = transferDecoded(header, body).subarray(0, BODY_WINDOW_BYTES);
  return decodeText(bytes, charset).replaceAll('\r\n', '\n');
}

function transferDecoded(header: Header, body: Buffer): Buffer {
  const encoding = (headerValue(header, 'content-transfer-encoding') ?? '').trim().toLowerCase();
  if (encoding === 'base64') return Buffer.from(body.toString('latin1'), 'base64');
  if (encoding !== 'quoted-printable') return body;
  const bytes = body
    .toString('latin1')
    .replace(/=\r?\n/g, '')
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1');
}
