/**
 * Mail addresses as an envelope carries them, and the reply address among them.
 *
 * Contract: domains compare folded (ASCII lower case, IDN as A-labels); the reply address compares folded as a
 * whole, because Postfix's duplicate filter and some clients fold the local part (docs/how-it-works.md, The reply address).
 * Standards: RFC 5321 §4.1.2 and §4.5.3.1, RFC 6531.
 */

/** Octets that a local part may have (RFC 5321 §4.5.3.1.1). */
export const MAX_LOCAL_PART_OCTETS = 64;

/** Octets that a domain may have (RFC 5321 §4.5.3.1.2). */
const MAX_DOMAIN_OCTETS = 255;

/** Characters of a token in a reply address: 30 bytes in base32. */
export const TOKEN_CHARS = 48;

/** A mailbox taken apart; the local part is unquoted, the domain as it was given. */
export interface Address {
  readonly localPart: string;
  readonly domain: string;
}

/** How this installation's reply addresses look: `prefix` + token + `@` + `domain`. */
export interface ReplyAddressForm {
  readonly prefix: string;
  readonly domain: string;
}

/** Splits `local@domain` at the last `@`, unquoting a quoted local part; `undefined` when it is no mailbox. */
export function splitAddress(address: string): Address | undefined {
  const at = address.lastIndexOf('@');
  if (at <= 0 || at === address.length - 1) return undefined;
  const local = address.slice(0, at);
  const domain = address.slice(at + 1);
  if (!local.startsWith('"')) return { localPart: local, domain };
  if (local.length < 2 || !local.endsWith('"')) return undefined;
  return { localPart: local.slice(1, -1).replace(/\\(.)/g, '$1'), domain };
}

/** Folds a domain for comparison: lower case, no trailing dot, A-labels for an internationalised one. */
export function foldDomain(domain: string): string {
  const host = isInternational(domain) ? toALabels(domain) : domain;
  return (host.endsWith('.') ? host.slice(0, -1) : host).toLowerCase();
}

/** Whether a text can be a host name with U-labels (RFC 5890 §2.3.2.1). */
function isInternational(domain: string): boolean {
  return (
    domain.length <= MAX_DOMAIN_OCTETS &&
    /[\u0080-\uffff]/.test(domain) &&
    // The URL parser would cut a path or a port off and decode escapes, and so make two different texts equal.
    !/[^\w.\u0080-\uffff-]/.test(domain)
  );
}

function toALabels(domain: string): string {
  return URL.canParse(`http://${domain}/`) ? new URL(`http://${domain}/`).hostname : domain;
}

/**
 * Folds an address for comparison: the domain by {@link foldDomain}, of the local part ASCII letters only, because
 * Unicode has letters whose lower case is another one's; without its plus tag if asked.
 */
export function foldAddress(address: string, plusTags: 'compare' | 'ignore' = 'compare'): string {
  const parts = splitAddress(address);
  if (parts === undefined) return foldAscii(address);
  const { localPart } = parts;
  const plus = plusTags === 'ignore' ? localPart.indexOf('+') : -1;
  return `${foldAscii(plus > 0 ? localPart.slice(0, plus) : localPart)}@${foldDomain(parts.domain)}`;
}

function foldAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Whether the prefix leaves room for a token within a local part. */
export function prefixFits(prefix: string): boolean {
  return Buffer.byteLength(prefix) + TOKEN_CHARS <= MAX_LOCAL_PART_OCTETS;
}

/** Builds the reply address of a token. */
export function formatReplyAddress(form: ReplyAddressForm, token: string): string {
  return `${form.prefix}${token}@${form.domain}`;
}

/** What a recipient address is to us. */
export type RecipientMatch =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'other-domain' }
  | { readonly kind: 'no-token' };

/** Finds the token text (folded to lower case) in a recipient address. */
export function matchRecipient(form: ReplyAddressForm, address: string): RecipientMatch {
  const parts = splitAddress(address);
  if (parts === undefined) return { kind: 'no-token' };
  if (foldDomain(parts.domain) !== foldDomain(form.domain)) return { kind: 'other-domain' };
  const local = parts.localPart.toLowerCase();
  const prefix = form.prefix.toLowerCase();
  if (!local.startsWith(prefix) || local.length !== prefix.length + TOKEN_CHARS) return { kind: 'no-token' };
  return { kind: 'token', token: local.slice(prefix.length) };
}

/** What may stand unseen between two characters of a token: a client's hints where a line may break. */
const UNSEEN = '[\\u00ad\\u200b-\\u200d\\u2060]*';

/** Whether a character may stand in a token, or unseen between two of its own. */
const mayBeInToken = (code: number): boolean =>
  ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a) ||
  (code >= 0x32 && code <= 0x37) ||
  code === 0xad ||
  code === 0x2060 ||
  (code >= 0x200b && code <= 0x200d);

/**
 * Whether a token could be in the text at all: so many of such characters in a row. Looks at the end of where one would
 * be first, so that of ordinary prose it reads a word in fifty characters; the search itself costs twenty times that.
 */
function mayHoldToken(text: string): boolean {
  let start = 0;
  while (start + TOKEN_CHARS <= text.length) {
    let at = start + TOKEN_CHARS - 1;
    while (at >= start && mayBeInToken(text.charCodeAt(at))) at--;
    if (at < start) return true;
    start = at + 1;
  }
  return false;
}

/** How `@` is written where it is not written as such: percent-encoded, as an entity, in words, by VERP. */
const AT = '(?:\\\\?@|%(?:25)*40|=40|=|&#64;|&#x40;|&commat;|\\s?[[({<]?\\s?at\\s?[\\])}>]?\\s?)';

/**
 * Gives a function that hides every token in a text, for logs and for what is posted: who has one can write as
 * its user. A token is hidden wherever it stands by itself, in either case, in a link, percent-encoded or before
 * another domain; what is no token of any form only between the prefix and the domain. The time is linear.
 */
export function createTokenMask(form: ReplyAddressForm): (text: string) => string {
  const prefix = escapeRegExp(form.prefix);
  const domains = [...new Set([form.domain, foldDomain(form.domain)])].map(escapeRegExp).join('|');
  // An encoded character before the token ends in a letter or a digit.
  const start = `(?:(?<![a-z0-9])|(?<=[%=](?:25){0,3}[0-9a-f]{2})${prefix === '' ? '' : `|(?<=${prefix})`})`;
  const rest = (count: number): string => `(?:${UNSEEN}[a-z2-7]){${count}}(?![a-z0-9])`;
  const formed = `a${UNSEEN}[e-l]${rest(TOKEN_CHARS - 2)}`;
  const addressed = `[a-z2-7]${rest(TOKEN_CHARS - 1)}(?=${AT}(?:${domains}))`;
  const token = new RegExp(`${start}(?:${formed}|${addressed})`, 'gi');
  return (text) => (mayHoldToken(text) ? text.replace(token, '…') : text);
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
