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

/** The form of this installation's reply addresses: `prefix` + token + `@` + `domain`. */
export interface ReplyAddressForm {
  readonly prefix: string;
  readonly domain: string;
}

/** The prefixes and domains of an installation's reply addresses: the first of each mints, all verify. */
export interface ReplyNames {
  readonly prefix: readonly [string, ...string[]];
  readonly domain: readonly [string, ...string[]];
}

/** Gives the form that new addresses get; the domain as A-labels, so that a notification needs no SMTPUTF8. */
export function mintingForm({ prefix: [prefix], domain: [domain] }: ReplyNames): ReplyAddressForm {
  return { prefix, domain: foldDomain(domain) };
}

/** Lists every form that an address may have: each prefix at each domain, the one of new addresses first. */
export function allForms({ prefix, domain }: ReplyNames): readonly ReplyAddressForm[] {
  return domain.flatMap((each) => prefix.map((before) => ({ prefix: before, domain: each })));
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

/** A local part that no server reads in two ways. */
const PLAIN_LOCAL_PART = /^[^\s\p{C}"(),:;<>@[\\\]]+$/u;

/** Tells whether mail can be sent to an address as it stands: what we send is not worth a quoted local part. */
export function isPlainAddress(address: string): boolean {
  return PLAIN_LOCAL_PART.test(splitAddress(address)?.localPart ?? '');
}

/** Folds a domain for comparison: lower case, no trailing dot, A-labels for an internationalised one. */
export function foldDomain(domain: string): string {
  const host = isInternational(domain) ? toALabels(domain) : domain;
  return (host.endsWith('.') ? host.slice(0, -1) : host).toLowerCase();
}

/** Tells whether a text can be a host name with U-labels (RFC 5890 §2.3.2.1). */
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

/** Tells whether the prefix leaves room for a token within a local part. */
export function prefixFits(prefix: string): boolean {
  return Buffer.byteLength(prefix) + TOKEN_CHARS <= MAX_LOCAL_PART_OCTETS;
}

/** Builds the reply address of a token. */
export function formatReplyAddress(form: ReplyAddressForm, token: string): string {
  return `${form.prefix}${token}@${form.domain}`;
}

/** Reads the form of other reply addresses, `prefix@domain`; the prefix may be empty. */
export function parseForm(text: string): ReplyAddressForm {
  const at = text.lastIndexOf('@');
  return { prefix: text.slice(0, at), domain: text.slice(at + 1) };
}

/** The meaning of a recipient address to us. */
export type RecipientMatch =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'other-domain' }
  | { readonly kind: 'no-token' };

/** Finds the token text (folded to lower case) in a recipient address of any of these forms. */
export function matchRecipient(forms: readonly ReplyAddressForm[], address: string): RecipientMatch {
  const parts = splitAddress(address);
  if (parts === undefined) return { kind: 'no-token' };
  const domain = foldDomain(parts.domain);
  const near = forms.filter((form) => foldDomain(form.domain) === domain);
  if (near.length === 0) return { kind: 'other-domain' };
  const local = parts.localPart.toLowerCase();
  const prefix = near
    .map((form) => form.prefix.toLowerCase())
    .find((each) => local.startsWith(each) && local.length === each.length + TOKEN_CHARS);
  return prefix === undefined ? { kind: 'no-token' } : { kind: 'token', token: local.slice(prefix.length) };
}
