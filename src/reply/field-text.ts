/**
 * Header field bodies made ready for mailparser.
 *
 * Contract: linear, never throws. Line ends and controls never reach the parser; those that hide in an encoded-word
 * leave it, and are cleaned where the post is finished.
 * Standards: RFC 5322 §3.2.2, RFC 2047 §2.
 */
import { cleanLine } from '../mail/clean-text.ts';
import { restoreWindows1252 } from '../mail/windows-1252.ts';

const MAX_FIELD_CHARS = 8 * 1024;

/**
 * Puts a field's body into a form that mailparser can take: one line, 8 Ki characters at most, encoded-words in
 * ASCII.
 */
export function parsableField(text: string): string {
  return escapeRawWords(cleanLine(restoreWindows1252(cutText(text, MAX_FIELD_CHARS))));
}

/** Writes raw 8-bit characters within an encoded-word as its bytes were: mailparser would take them for UTF-8. */
function escapeRawWords(text: string): string {
  return text.replace(/=\?([^\s?]{1,60})\?q\?([^?]*)\?=/gi, (word, charset: string, content: string) =>
    /[^\0-\x7f]/.test(content)
      ? `=?${charset}?Q?${content.replace(/[^\0-\x7f]+/g, (raw) =>
          Buffer.from(raw, /^utf-?8/i.test(charset) ? 'utf8' : 'latin1')
            .toString('hex')
            .replace(/../g, '=$&'),
        )}?=`
      : word,
  );
}

/**
 * Takes the comments out of a From field. They may nest (RFC 5322 §3.2.2), and confuse mailparser where they do. A
 * field without angle brackets keeps them: there the comment is the name.
 */
export function withoutComments(from: string): string {
  if (!from.includes('<') || !from.includes('(')) return from;
  let bare = '';
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < from.length; at++) {
    const character = from[at] ?? '';
    const escaped = character === '\\' ? (from[++at] ?? '') : '';
    if (depth === 0 && character === '"') quoted = !quoted;
    if (!quoted && character === '(') depth++;
    if (depth === 0) bare += character + escaped;
    if (!quoted && character === ')' && depth > 0) depth--;
  }
  return depth === 0 ? bare : from;
}

/** Cuts a text to at most `chars` UTF-16 units, and never a character in two. */
export function cutText(text: string, chars: number): string {
  return text.length <= chars ? text : text.slice(0, chars).replace(/[\ud800-\udbff]$/, '');
}
