/**
 * Header fields whose characters are put right before anybody parses them.
 *
 * Contract: `readableField` gives a field's body in which raw bytes are read as text and every encoded-word is one of
 * UTF-8, decoded as its bytes show (charset.ts); words in charsets that node lacks stay as they are. Pure ASCII but for
 * raw text; linear; never throws.
 * Standards: RFC 2047 §2, §6.2; RFC 2231 §5 (a language tag is ignored). Limits: 1,000 words.
 */

import { decodeText, foreignCharset } from './charset.ts';
import { decodeWords, type EncodedRun, replaceRuns } from './encoded-word.ts';
import { type Header, type HeaderField, headerValue } from './header.ts';
import { parameter } from './parts.ts';

/** Reads the body of a field; `charset` is that of the message's text, which raw bytes share as a rule. */
export function readableField({ value, isBytes }: HeaderField, charset: string | undefined): string {
  const text = value.includes('=?') ? readableWords(value, isBytes === true) : value;
  if (isBytes !== true && !text.includes('\x1b')) return text;
  return isBytes === true || !/[^\0-\x7f]/.test(text)
    ? decodeText(Buffer.from(text, 'latin1'), charset)
    : text;
}

/** Reads the topmost field of a name as a person does, its encoded-words decoded; empty when there is none. */
export function fieldText(header: Header, name: string): string {
  const field = header.fields.find((candidate) => candidate.name === name);
  return field === undefined ? '' : decodeWords(writtenText(field, header));
}

/** Gives the body of a field, its encoded-words as they stand and raw bytes as text. */
export function writtenText(field: HeaderField, header: Header): string {
  if (field.isBytes !== true && !field.value.includes('\x1b')) return field.value;
  return readableField(field, parameter(headerValue(header, 'content-type') ?? '', 'charset'));
}

/** Decodes the encoded-words of a text; `isBytes` says that its characters stand for bytes. */
export function readableWords(text: string, isBytes = false): string {
  return replaceRuns(text, { raw: isBytes ? 'latin1' : 'utf8', write: writeRun, isSpelling: true });
}

function writeRun({ charset, bytes, written }: EncodedRun): string {
  if (foreignCharset(bytes, charset) !== undefined) return written.join(' ');
  return `=?utf-8?B?${Buffer.from(decodeText(bytes, charset)).toString('base64')}?=`;
}
