/**
 * Structured MIME header fields: a value and its parameters, as Content-Type and Content-Disposition have them.
 *
 * Contract: lenient, because senders are: a boundary without quotes, a file name with blanks and no quotes, a
 * missing value. RFC 2231 continuations and charsets are put together and decoded; encoded-words (forbidden
 * here, common anyway) are left for the caller. Never throws; linear in the length of the field.
 * Standards: RFC 2045 §5.1, RFC 2183, RFC 2231.
 * Limits: 100 parameters, 100 sections of one parameter.
 */
import { decodeText } from '../../mail/charset.ts';

/** A field taken apart: `value` in lower case, parameters by their names in lower case. */
export interface MimeField {
  readonly value: string;
  readonly params: ReadonlyMap<string, string>;
}

const MAX_PARAMETERS = 100;

/** Reads a field body such as `text/plain; charset=utf-8`. */
export function parseMimeField(body: string): MimeField {
  const semicolon = body.indexOf(';');
  const head = semicolon === -1 ? body : body.slice(0, semicolon);
  const value = withoutComments(head).trim().toLowerCase();
  return { value, params: semicolon === -1 ? new Map() : joinSections(readParameters(body, semicolon + 1)) };
}

/** Takes the comment out of `a/b (comment)`. */
function withoutComments(text: string): string {
  return text.includes('(') ? text.replace(/\([^()]*\)/g, ' ') : text;
}

/** Reads the raw parameters; the first of a repeated name counts. */
function readParameters(body: string, from: number): Map<string, string> {
  const params = new Map<string, string>();
  let at = from;
  while (at < body.length && params.size < MAX_PARAMETERS) {
    const equals = body.indexOf('=', at);
    if (equals === -1) break;
    // A parameter without a value ends at its semicolon; the name is what follows the last one.
    const name = body
      .slice(Math.max(at, body.lastIndexOf(';', equals) + 1), equals)
      .trim()
      .toLowerCase();
    const { text, end } = readValue(body, equals + 1);
    if (name !== '' && !params.has(name)) params.set(name, text);
    at = end;
  }
  return params;
}

/** Reads one value, quoted or not, and finds where the next parameter starts. */
function readValue(body: string, from: number): { text: string; end: number } {
  let at = from;
  while (body[at] === ' ' || body[at] === '\t') at++;
  if (body[at] !== '"') {
    const end = indexOrEnd(body, ';', at);
    return { text: body.slice(at, end).trim(), end: end + 1 };
  }
  let text = '';
  for (at++; at < body.length && body[at] !== '"'; at++) {
    // Only \" and \\ are escapes: Windows clients send bare paths.
    if (body[at] === '\\' && (body[at + 1] === '"' || body[at + 1] === '\\')) at++;
    text += body[at] ?? '';
  }
  return { text, end: indexOrEnd(body, ';', at) + 1 };
}

function indexOrEnd(text: string, needle: string, from: number): number {
  const index = text.indexOf(needle, from);
  return index === -1 ? text.length : index;
}

/** Joins `name*0`, `name*1*` … and decodes `name*=charset'language'text` (RFC 2231 §3, §4). */
function joinSections(raw: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const params = new Map<string, string>();
  const extended = new Set<string>();
  for (const [name, value] of raw) {
    const star = name.indexOf('*');
    if (star === -1) {
      if (!params.has(name)) params.set(name, value);
    } else {
      extended.add(name.slice(0, star));
    }
  }
  // The extended form was made for the characters that the plain one cannot hold: it wins.
  for (const name of extended) params.set(name, joinOne(raw, name));
  return params;
}

function joinOne(raw: ReadonlyMap<string, string>, name: string): string {
  const single = raw.get(`${name}*`);
  if (single !== undefined) return decodeSections([{ text: single, encoded: true }]);
  const sections: Section[] = [];
  for (let index = 0; index < MAX_PARAMETERS; index++) {
    const plain = raw.get(`${name}*${index}`);
    const encoded = raw.get(`${name}*${index}*`);
    if (encoded !== undefined) sections.push({ text: encoded, encoded: true });
    else if (plain !== undefined) sections.push({ text: plain, encoded: false });
    else break;
  }
  return decodeSections(sections);
}

interface Section {
  readonly text: string;
  readonly encoded: boolean;
}

/** Decodes the bytes of all sections first, the charset over the whole: a character may be cut by a section's end. */
function decodeSections(sections: readonly Section[]): string {
  let charset: string | undefined;
  const chunks: Buffer[] = [];
  for (const [index, section] of sections.entries()) {
    let text = section.text;
    if (index === 0 && section.encoded) {
      const parts = /^([^']*)'[^']*'/.exec(text);
      charset = parts?.[1] === '' ? undefined : parts?.[1];
      text = text.slice(parts?.[0].length ?? 0);
    }
    chunks.push(section.encoded ? percentDecode(text) : Buffer.from(text));
  }
  return decodeText(Buffer.concat(chunks), charset);
}

function percentDecode(text: string): Buffer {
  if (!text.includes('%')) return Buffer.from(text);
  const bytes = Buffer.from(text);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const hex = bytes.toString('latin1', at + 1, at + 3);
    if (bytes[at] === 0x25 && /^[0-9a-f]{2}$/i.test(hex)) {
      bytes[length++] = Number.parseInt(hex, 16);
      at += 2;
    } else {
      bytes[length++] = bytes[at] ?? 0;
    }
  }
  return bytes.subarray(0, length);
}
