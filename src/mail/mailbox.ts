/**
 * The mailbox of a From field.
 *
 * Contract: `parseFrom` gives exactly one mailbox or a named problem; what two readers could take for two different
 * senders is a problem. A name with commas, colons, quotes or parentheses that nobody quoted, as company directories
 * send it, is none where the field has one address and that one in brackets at its end. The address comes in one
 * canonical form: comments, white space and routes removed, needless quotes removed, the domain in lower case and
 * A-labels. An address in a display name, comment or encoded-word is no address.
 * Failure: a value of `MailboxProblem`, never an exception.
 * Standards: RFC 5322 §3.4 with the obsolete forms of §4.4, RFC 6532 §3.2, RFC 2047 §5.
 * Limits: 1,000 address tokens; the time is linear in the length of the value.
 */

import { decodeWords } from './encoded-word.ts';
import { type Header, headerValues } from './header.ts';
import { Lexer } from './lexer.ts';

/** One sender: canonical `address`, its `domain` alone, and the decoded display `name` (perhaps empty). */
export interface Mailbox {
  readonly address: string;
  readonly domain: string;
  readonly name: string;
}

/** The reason why a From value names no single sender; `several` also stands for several From fields. */
export type MailboxProblem = 'none' | 'several' | 'group' | 'syntax' | 'too-many';

/** The one mailbox of a From field, or why there is none. */
export type FromResult =
  | { readonly ok: true; readonly mailbox: Mailbox; readonly form?: 'unquoted-name' }
  | { readonly ok: false; readonly problem: MailboxProblem };

/** The mailboxes of an address list up to its first fault, and whether any group was in it. */
export interface MailboxList {
  readonly mailboxes: readonly Mailbox[];
  readonly hasGroup: boolean;
  readonly fault?: 'syntax' | 'too-many';
}

const MAX_ADDRESS_TOKENS = 1000;
const MAX_ADDRESS_LENGTH = 512;

// Atoms together with their dots: all but white space, controls and the specials of RFC 5322 §3.2.3.
const ATOMS = /[^\u0000- ()<>[\]:;@\\,"\u007f-\u009f]+/y;
const DOMAIN_LITERAL = /\[[^[\]\\\r\n]*\]/y;
const ROUTE = /[^<>:"()]*:/y;
const ENCODED_WORD = /=\?[^?]*\?/;
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Zs}\ufffd]/u;
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;
const HOST_CHARACTERS = /^[\p{L}\p{M}\p{N}._-]+$/u;
const ASCII_HOST = /^[a-z0-9._-]+$/;

/** Reads the sender that the only From field of `header` names. */
export function senderOf(header: Header): FromResult {
  const [value, ...more] = headerValues(header, 'from');
  if (value === undefined) return { ok: false, problem: 'none' };
  return more.length > 0 ? { ok: false, problem: 'several' } : parseFrom(value);
}

/** Reads the one mailbox of a From field's unfolded value. */
export function parseFrom(value: string): FromResult {
  // A bare CR starts a new field for some readers, a NUL ends the value for others.
  if (CONTROL.test(value)) return { ok: false, problem: 'syntax' };
  const list = parseMailboxList(value);
  if (list.fault !== undefined) {
    const mailbox = namedMailbox(value, isSameAddress);
    return mailbox === undefined
      ? { ok: false, problem: list.fault }
      : { ok: true, mailbox, form: 'unquoted-name' };
  }
  if (list.hasGroup) return { ok: false, problem: 'group' };
  const [mailbox, ...more] = list.mailboxes;
  if (mailbox === undefined) return { ok: false, problem: 'none' };
  return more.length > 0 ? { ok: false, problem: 'several' } : { ok: true, mailbox };
}

/** Lists every address of an unfolded To or Cc; none where readers could differ on who is meant. */
export function addressesOf(value: string): readonly string[] {
  if (CONTROL.test(value)) return [];
  const { mailboxes, hasGroup, fault } = parseMailboxList(value);
  return hasGroup || fault !== undefined ? [] : mailboxes.map(({ address }) => address);
}

/** Lists every mailbox that a From field may mean, as far as it can be read. */
export function mailboxesOf(value: string): readonly Mailbox[] {
  const { mailboxes, fault } = parseMailboxList(value);
  if (fault === undefined) return mailboxes;
  const named = namedMailbox(value, isSameAddress);
  return named === undefined ? mailboxes : [...mailboxes, named];
}

/** One address in brackets at the end, and no other bracket of its kind before it. */
const NAMED = /^([^<>\\]*)<([^<>\s,:;()"\\]+)>$/;
const WORD_ENDS = /[\s',:;()"[\]]+/;

/**
 * Reads the mailbox of a field that breaks the grammar by its name alone, and in which nobody reads another address.
 * Each address that the name shows, encoded or not, must be the same.
 */
export function namedMailbox(
  value: string,
  isSame: (shown: string, address: string) => boolean,
): Mailbox | undefined {
  const [, name, bracketed] = CONTROL.test(value) ? [] : (NAMED.exec(value) ?? []);
  if (name === undefined || bracketed === undefined) return undefined;
  const [mailbox] = parseMailboxList(`<${bracketed}>`).mailboxes;
  if (mailbox === undefined) return undefined;
  const decoded = decodeWords(name.trim());
  const isClear = [name, decoded].every((text) => showsNoOther(text, mailbox, isSame));
  return isClear ? { ...mailbox, name: decoded } : undefined;
}

/** Tells whether no reader finds another address in a name: "Ann @ Acme" is none, "ann @ acme . example" is one. */
function showsNoOther(
  name: string,
  { address }: Mailbox,
  isSame: (shown: string, address: string) => boolean,
): boolean {
  if (!name.includes('@')) return !/[<>]/.test(name);
  const shown = name.split(WORD_ENDS).filter((word) => word.includes('@'));
  const isClear = shown.every((word) => word === '@' || isSame(word, address));
  // OpenDMARC takes what stands between an address and a colon or semicolon behind it for part of a domain.
  if (!isClear || /[<>]/.test(name) || /[:;]/.test(name.slice(name.indexOf('@')))) return false;
  // What stands around a lone @ makes an address with it where comments, quotes or dots join them.
  const around = shown.includes('@') ? name : '';
  return !/[.()"[\],:;]|@[^@]*@/.test(around);
}

function isSameAddress(shown: string, address: string): boolean {
  return shown.toLowerCase() === address.toLowerCase();
}

/** Reads every mailbox of an address list, members of groups included, as far as it can be read. */
export function parseMailboxList(value: string): MailboxList {
  const lexer = new Lexer(value);
  const mailboxes: Mailbox[] = [];
  let hasGroup = false;
  let inGroup = false;
  const result = (fault?: 'syntax' | 'too-many'): MailboxList =>
    fault === undefined ? { mailboxes, hasGroup } : { mailboxes, hasGroup, fault };

  for (let tokens = 0; ; ) {
    if (!lexer.skipSpace()) return result('syntax');
    if (lexer.atEnd()) return result(inGroup ? 'syntax' : undefined);
    if (lexer.take(',')) continue;
    if (inGroup && lexer.take(';')) {
      inGroup = false;
      continue;
    }
    if (++tokens > MAX_ADDRESS_TOKENS) return result('too-many');
    const element = readElement(lexer);
    if (element === 'syntax') return result('syntax');
    if (element === 'group-start') {
      if (inGroup) return result('syntax');
      hasGroup = inGroup = true;
      continue;
    }
    if (element !== 'nobody') mailboxes.push(element);
    if (!atElementEnd(lexer, inGroup)) return result('syntax');
  }
}

/** Tells whether a separator or the end follows the element that was read last. */
function atElementEnd(lexer: Lexer, inGroup: boolean): boolean {
  return lexer.atEnd() || lexer.next === ',' || (inGroup && lexer.next === ';');
}

/** One word of a phrase or local part: atoms with their dots, or the content of a quoted string. */
interface Word {
  readonly text: string;
  readonly quoted: boolean;
}

/** Reads a mailbox, an empty `<>`, or the name and colon that open a group. */
function readElement(lexer: Lexer): Mailbox | 'nobody' | 'group-start' | 'syntax' {
  const words = readWords(lexer);
  if (words === undefined) return 'syntax';
  if (lexer.take('<')) return readAngle(lexer, phrase(words));
  if (lexer.take('@')) {
    const domain = readDomain(lexer);
    // "address (Name)" is how names were written before RFC 822.
    return mailbox(words, domain, decodeWords(lexer.comment));
  }
  return lexer.take(':') && words.length > 0 ? 'group-start' : 'syntax';
}

function readWords(lexer: Lexer): Word[] | undefined {
  const words: Word[] = [];
  for (;;) {
    if (!lexer.skipSpace()) return undefined;
    if (lexer.next === '"') {
      const text = lexer.quotedString();
      if (text === undefined) return undefined;
      words.push({ text, quoted: true });
      continue;
    }
    const text = lexer.run(ATOMS);
    if (text === '') return words;
    words.push({ text, quoted: false });
  }
}

/** Reads the inside of angle brackets, an obsolete route skipped. */
function readAngle(lexer: Lexer, name: string): Mailbox | 'nobody' | 'syntax' {
  if (!lexer.skipSpace()) return 'syntax';
  if (lexer.take('>')) return lexer.skipSpace() ? 'nobody' : 'syntax';
  if (lexer.next === '@' && lexer.run(ROUTE) === '') return 'syntax';
  const words = readWords(lexer);
  if (words === undefined || !lexer.take('@')) return 'syntax';
  const domain = readDomain(lexer);
  if (!lexer.take('>') || !lexer.skipSpace()) return 'syntax';
  return mailbox(words, domain, name);
}

/** Reads a domain or domain literal and the space after it, whose comment it leaves; `undefined` when there is none. */
function readDomain(lexer: Lexer): string | undefined {
  if (!lexer.skipSpace()) return undefined;
  let domain = lexer.run(DOMAIN_LITERAL);
  if (domain === '') {
    // The obsolete form allows white space around the dots (RFC 5322 §4.4).
    for (let part = lexer.run(ATOMS); part !== ''; part = lexer.run(ATOMS)) {
      if (domain !== '' && !domain.endsWith('.') && !part.startsWith('.')) return undefined;
      domain += part;
      lexer.comment = '';
      if (!lexer.skipSpace()) return undefined;
    }
  }
  return lexer.skipSpace() && domain !== '' ? domain : undefined;
}

function phrase(words: readonly Word[]): string {
  return decodeWords(words.map((word) => word.text).join(' '));
}

function mailbox(words: readonly Word[], rawDomain: string | undefined, name: string): Mailbox | 'syntax' {
  const local = canonicalLocal(words);
  const domain = rawDomain === undefined ? undefined : canonicalDomain(rawDomain);
  if (local === undefined || domain === undefined) return 'syntax';
  const address = `${local}@${domain}`;
  return address.length > MAX_ADDRESS_LENGTH ? 'syntax' : { address, domain, name };
}

/** Spells a local part as shortly as possible; `undefined` when the words make none. */
function canonicalLocal(words: readonly Word[]): string | undefined {
  let local = '';
  let previous: Word | undefined;
  let quoted = false;
  for (const word of words) {
    if (previous !== undefined && !joinedByDot(previous, word)) return undefined;
    local += word.text;
    quoted ||= word.quoted;
    previous = word;
  }
  if (previous === undefined || local.length > MAX_ADDRESS_LENGTH) return undefined;
  if (INVISIBLE.test(quoted ? local.replaceAll(' ', '') : local)) return undefined;
  // An encoded-word must not appear in an address (RFC 2047 §5): readers differ on whom it would name.
  if (ENCODED_WORD.test(local)) return undefined;
  if (isDotAtom(local)) return local;
  return quoted ? `"${local.replace(/["\\]/g, '\\$&')}"` : undefined;
}

function joinedByDot(left: Word, right: Word): boolean {
  return (!left.quoted && left.text.endsWith('.')) || (!right.quoted && right.text.startsWith('.'));
}

function isDotAtom(text: string): boolean {
  ATOMS.lastIndex = 0;
  return ATOMS.exec(text)?.[0] === text && text.split('.').every((atom) => atom !== '');
}

/** Gives a domain in lower case and A-labels, or the literal as it is; `undefined` when it is no host name. */
export function canonicalDomain(domain: string): string | undefined {
  if (domain.startsWith('[')) return domain;
  if (domain.length > MAX_ADDRESS_LENGTH || domain.split('.').includes('')) return undefined;
  const lower = domain.toLowerCase();
  if (ASCII_HOST.test(lower)) return lower;
  if (!HOST_CHARACTERS.test(lower)) return undefined;
  // The URL parser is the one IDNA implementation that every Node has; the test above keeps out its delimiters.
  const url = URL.canParse(`http://${lower}`) ? new URL(`http://${lower}`) : undefined;
  return url !== undefined && ASCII_HOST.test(url.hostname) ? url.hostname : undefined;
}
