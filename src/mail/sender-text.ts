/**
 * What a sender chose and filters repeat in their results: whether all of it is plain.
 *
 * Contract: some filters write it without quotes (measured): policyd-spf 3.0.4 the unquoted reverse-path and HELO into a
 * comment, OpenDKIM 2.11 the decoded i= of a signature as a value. Then the field reads as the filter's own from its
 * first letter to the last, with a sender's results in it, and no reading of the field can tell. The message tells: no
 * honest sender needs a delimiter there. One that has it is vouched for by nobody.
 * Standards: RFC 5321 §4.1.2 and §4.4, RFC 6376 §3.5 and §2.11 (dkim-quoted-printable). Limits: linear in the header.
 */
import { isSafeValue } from './authentication-results.ts';
import { type Header, headerValue } from './header.ts';

const SIGNATURES = ['dkim-signature', 'arc-message-signature', 'arc-seal'];
/** Almost every signature: no delimiter in it, and nothing encoded in i=. */
const PLAIN_SIGNATURE = /^[\w+/=:.,@;\- \t]*$/;
const ENCODED_IDENTITY = /[; \t]i[ \t]*=[^;]*=/i;
const TAG = /^\s*(\w+)\s*=/;
const OPEN = 0x28;
const CLOSE = 0x29;
const WHITE_SPACE = /\s+/g;
const ENCODED = /=([0-9a-f]{2})/gi;
/** A host name or address literal after "from", then our own host. Postfix writes "?" for delimiters in the name (3.7.11). */
const OWN_RECEIVED = /^from [\w.:[\]-]+ by \S+(?: (?!by ).*)?$/i;

/** Finds what no honest sender writes, in words for the log. */
export function oddText(header: Header, reversePath = ''): string | undefined {
  if (!isSafeValue(reversePath)) return 'an odd character in the reverse-path';
  const received = headerValue(header, 'received');
  if (received !== undefined && isOddHelo(received)) return 'odd text in HELO, as Received has it';
  return oddSignature(header);
}

/** Tells whether the name that a client gave runs out of its place in the Received that our own host wrote. */
function isOddHelo(received: string): boolean {
  if (received.includes('\\')) return true;
  const parts = withoutComments(received)?.split(';');
  if (parts === undefined || parts.length > 2) return true;
  const clauses = (parts[0] ?? '').replaceAll(WHITE_SPACE, ' ').trim();
  return /^from /i.test(clauses) && (!OWN_RECEIVED.test(clauses) || clauses.split(/ by /i).length > 2);
}

/** Takes the comments out of a value; undefined where the parentheses do not pair. */
function withoutComments(value: string): string | undefined {
  let text = '';
  let depth = 0;
  let start = 0;
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code !== OPEN && code !== CLOSE) continue;
    if (depth === 0) text += value.slice(start, at);
    depth += code === OPEN ? 1 : -1;
    if (depth < 0) return undefined;
    start = at + 1;
  }
  return depth === 0 ? text + value.slice(start) : undefined;
}

/** Finds the tag of a signature that no honest signer writes. z=, which holds copies of fields, no filter repeats. */
function oddSignature(header: Header): string | undefined {
  for (const { name, value } of header.fields) {
    if (!SIGNATURES.includes(name)) continue;
    if (PLAIN_SIGNATURE.test(value) && !ENCODED_IDENTITY.test(`;${value}`)) continue;
    for (const part of value.split(';')) {
      const tag = TAG.exec(part)?.[1]?.toLowerCase() ?? '';
      if (tag === 'z') continue;
      const text = part.replaceAll(WHITE_SPACE, '');
      const isOdd = !isSafeValue(text) || (tag === 'i' && !isSafeValue(decoded(text)));
      if (isOdd) return `an odd character in ${tag.slice(0, 20)}= of ${name}`;
    }
  }
  return undefined;
}

function decoded(text: string): string {
  return text
    .slice(text.indexOf('=') + 1)
    .replaceAll(ENCODED, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
