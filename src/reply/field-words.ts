/**
 * Header fields whose characters are put right before anybody parses them.
 *
 * Contract: `readableField` gives a field's body in which raw bytes are read as text and every encoded-word is one of
 * UTF-8, decoded as its bytes show (charset.ts); words in charsets that node lacks stay as they are. Pure ASCII but for
 * raw text; linear; never throws.
 * Standards: RFC 2047 §2, §6.2; RFC 2231 §5 (a language tag is ignored). Limits: 1,000 words.
 */
import { type EncodedRun, replaceRuns } from '../mail/encoded-word.ts';
import type { HeaderField } from '../mail/header.ts';
import { decodeText, foreignCharset } from './charset.ts';
import { decodeTransfer } from './transfer.ts';

/** The body of a field; `charset` is the one of the message's text, which raw bytes share as a rule. */
export function readableField({ value, isBytes }: HeaderField, charset: string | undefined): string {
  const text = value.includes('=?') ? readableWords(value, isBytes === true) : value;
  if (isBytes !== true && !text.includes('\x1b')) return text;
  return isBytes === true || !/[^\0-\x7f]/.test(text)
    ? decodeText(Buffer.from(text, 'latin1'), charset)
    : text;
}

/** A text with its encoded-words in UTF-8; `isBytes` says that its characters stand for bytes. */
export function readableWords(text: string, isBytes = false): string {
  const bytesOf = (encoding: string, content: string): Buffer =>
    wordBytes(Buffer.from(content, isBytes ? 'latin1' : 'utf8'), encoding);
  return replaceRuns(text, { bytesOf, write: writeRun, isSpelling: true });
}

function writeRun({ charset, bytes, written }: EncodedRun): string {
  if (foreignCharset(bytes, charset) !== undefined) return written.join(' ');
  return `=?utf-8?B?${Buffer.from(decodeText(bytes, charset)).toString('base64')}?=`;
}

function wordBytes(content: Buffer, encoding: string): Buffer {
  if (encoding === 'b') return Buffer.from(content.toString('latin1'), 'base64');
  // Blanks at the end count within a word, which they do not on a line.
  return decodeTransfer(Buffer.from(content.toString('latin1').replace(/[_ ]/g, '=20'), 'latin1'), 'q');
}
