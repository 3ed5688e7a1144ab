/**
 * Encoded-words: display names and subjects that hold other than ASCII.
 *
 * Contract: `decodeWords` gives text that is safe to print: no control character, no bidirectional override,
 * white space collapsed. Neighbouring words of one charset are joined as bytes before they are decoded,
 * because some senders cut inside a character.
 * Failure: a word of an unknown charset stays as it is written; bytes that the charset lacks become U+FFFD.
 * Standards: RFC 2047 §2, §4, §6.2; RFC 2231 §5 (a language tag is ignored).
 * Limits: words beyond the first 1,000 are left as they are written; the time is linear in the length.
 */

import { decodeWindows1252 } from './windows-1252.ts';

const MAX_WORDS = 1000;
const WORD = /=\?([^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?([bq])\?([^?]*)\?=/gi;
const BLANK = /^[ \t\r\n]*$/;
// C0, DEL, C1, the bidirectional marks, embeddings, overrides and isolates; one run becomes one space or nothing.
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gu;

/** Decodes the encoded-words in `text` and makes the result safe to print. */
export function decodeWords(text: string): string {
  return printable(text.includes('=?') ? decode(text) : text);
}

/** `text` without control and bidirectional formatting characters, its white space collapsed and trimmed. */
export function printable(text: string): string {
  return text
    .replace(UNPRINTABLE, (run) => (/[\t\n\r\u2028\u2029]/.test(run) ? ' ' : ''))
    .replace(/ {2,}/g, ' ')
    .trim();
}

/** A run of neighbouring words of one charset, not decoded yet. */
interface Run {
  readonly charset: string;
  readonly chunks: Buffer[];
  readonly written: string[];
}

function decode(text: string): string {
  let result = '';
  let run: Run | undefined;
  let end = 0;
  let words = 0;
  for (const match of text.matchAll(WORD)) {
    if (++words > MAX_WORDS) break;
    const [written, charset = '', encoding = '', content = ''] = match;
    const between = text.slice(end, match.index);
    const adjoins = run !== undefined && BLANK.test(between);
    if (run?.charset !== charset.toLowerCase() || !adjoins) {
      // White space between two encoded-words is no part of the text (RFC 2047 §6.2).
      result += decodeRun(run) + (adjoins ? '' : between);
      run = { charset: charset.toLowerCase(), chunks: [], written: [] };
    }
    run.chunks.push(wordBytes(encoding, content));
    run.written.push(written);
    end = match.index + written.length;
  }
  return result + decodeRun(run) + text.slice(end);
}

function decodeRun(run: Run | undefined): string {
  if (run === undefined) return '';
  const bytes = Buffer.concat(run.chunks);
  try {
    const decoder = new TextDecoder(run.charset);
    return decoder.encoding === 'windows-1252' ? decodeWindows1252(bytes) : decoder.decode(bytes);
  } catch {
    return run.written.join(' ');
  }
}

function wordBytes(encoding: string, content: string): Buffer {
  if (encoding.toLowerCase() === 'b') return Buffer.from(content, 'base64');
  const bytes = content
    .replaceAll('_', ' ')
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1');
}
