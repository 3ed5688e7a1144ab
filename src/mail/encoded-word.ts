/**
 * Encoded-words: display names and subjects that hold other than ASCII.
 *
 * Contract: `decodeWords` gives text that is safe to print: no control character, no bidirectional override,
 * white space collapsed. Neighbouring words of one charset are joined as bytes before they are decoded,
 * because some senders cut inside a character; then the bytes show their charset (charset.ts), as those of a text do.
 * Failure: a word of a charset that node lacks stays as it is written.
 * Standards: RFC 2047 §2, §4, §6.2; RFC 2231 §5 (a language tag is ignored).
 * Limits: words beyond the first 1,000 are left as they are written; the time is linear in the length.
 */

import { decodeText, foreignCharset } from './charset.ts';

const MAX_WORDS = 1000;
const WORD = /=\?([^?*\s]{1,60})(?:\*[^?\s]{0,40})?\?([bq])\?([^?]*)\?=/gi;
const BLANK = /^[ \t\r\n]*$/;
// C0, DEL, C1, the bidirectional marks, embeddings, overrides and isolates; one run becomes one space or nothing.
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gu;

/** Decodes the encoded-words in `text` and makes the result safe to print. */
export function decodeWords(text: string): string {
  return plainLine(text.includes('=?') ? replaceRuns(text, DECODED) : text);
}

/** Decodes the encoded-words in `text`, controls and all: for whoever refuses what would have to be cleaned. */
export function decodeWordsAsSent(text: string): string {
  return text.includes('=?') ? replaceRuns(text, DECODED) : text;
}

/** Cleans a line: no control and bidirectional formatting characters, its white space collapsed and trimmed. */
export function plainLine(text: string): string {
  return text
    .replace(UNPRINTABLE, (run) => (/[\t\n\r\u2028\u2029]/.test(run) ? ' ' : ''))
    .replace(/ {2,}/g, ' ')
    .trim();
}

/** A run of neighbouring words of one charset (in lower case): some senders cut inside a character. */
export interface EncodedRun {
  readonly charset: string;
  readonly bytes: Buffer;
  /** The words as they are written. */
  readonly written: readonly string[];
}

/** The treatment of the runs in a text. */
export interface RunWriter {
  /** What a character beyond ASCII within a word stands for: itself in UTF-8, or a byte. */
  readonly raw: 'utf8' | 'latin1';
  /** Writes the text that takes the place of a run. */
  readonly write: (run: EncodedRun) => string;
  /**
   * Whether runs stay encoded-words: the white space between two of them is no part of the text (RFC 2047 §6.2), but
   * of its spelling.
   */
  readonly isSpelling: boolean;
}

/** Writes each run of encoded-words in `text` anew; the rest stays as it is. */
export function replaceRuns(text: string, { raw, write, isSpelling }: RunWriter): string {
  let result = '';
  let charset: string | undefined;
  let chunks: Buffer[] = [];
  let writtenWords: string[] = [];
  let end = 0;
  let words = 0;
  const flush = (): string =>
    charset === undefined ? '' : write({ charset, bytes: Buffer.concat(chunks), written: writtenWords });
  for (const match of text.matchAll(WORD)) {
    if (++words > MAX_WORDS) break;
    const [written, name = '', encoding = '', content = ''] = match;
    const between = text.slice(end, match.index);
    const adjoins = charset !== undefined && BLANK.test(between);
    if (charset !== name.toLowerCase() || !adjoins) {
      result += flush() + (adjoins && !isSpelling ? '' : between);
      [charset, chunks, writtenWords] = [name.toLowerCase(), [], []];
    }
    chunks.push(wordBytes(encoding, Buffer.from(content, raw).toString('latin1')));
    writtenWords.push(written);
    end = match.index + written.length;
  }
  return result + flush() + text.slice(end);
}

const DECODED: RunWriter = { raw: 'utf8', write: decodeRun, isSpelling: false };

function decodeRun({ charset, bytes, written }: EncodedRun): string {
  return foreignCharset(bytes, charset) === undefined ? decodeText(bytes, charset) : written.join(' ');
}

function wordBytes(encoding: string, content: string): Buffer {
  if (encoding === 'b' || encoding === 'B') return Buffer.from(content, 'base64');
  const bytes = content
    .replaceAll('_', ' ')
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1');
}
