/**
 * Message-IDs: normalised for comparison, and as the carrier of a thread for bound tokens.
 *
 * A notification's Message-ID is `<locator/seconds.NONCE@domain>`: the locator's segments percent-encoded to RFC 5322
 * atext, then the replied-to time in Unix seconds, then what makes it one of a kind among users and posts of one second;
 * without the nonce it is read as well. It comes back in In-Reply-To or References. A thread's root is `<locator@domain>`.
 * Contract: what {@link formatThreadMessageId} builds, {@link parseThreadMessageId} reads back exactly.
 * Limits: at most {@link MAX_CANDIDATES} ids are tried per message; the scan is linear.
 */
import { foldDomain } from './address.ts';
import { encodeBase32 } from './base32.ts';

/** Most ids of ours that are tried against one bound token (docs/how-it-works.md, The reply address). */
export const MAX_CANDIDATES = 50;

/** Octets of a Message-ID without brackets that still fit one header line (RFC 5322 §2.1.1). */
export const MAX_MESSAGE_ID_OCTETS = 900;

/** A thread's place and the time of the post that was notified about (Unix seconds). */
export interface ThreadReference {
  readonly locator: string;
  readonly repliedTo: number;
}

const NOT_ATEXT = /[^A-Za-z0-9!#$&'*+=?^_`{|}~-]/gu;

/** Bytes of randomness that make the nonce of a Message-ID. */
export const MESSAGE_ID_NONCE_BYTES = 5;

/** Builds the Message-ID (no brackets) of a notification; `repliedTo` in Unix seconds, the nonce of random bytes. */
export function formatThreadMessageId(
  reference: ThreadReference,
  domain: string,
  nonce?: Uint8Array,
): string {
  const { locator, repliedTo } = reference;
  const tail = nonce === undefined ? '' : `.${encodeBase32(nonce)}`;
  return `${encodeLocator(locator)}/${repliedTo}${tail}@${domain}`;
}

/** Builds the Message-ID (no brackets) that all notifications of a thread answer, and that no mail has. */
export function formatRootId(locator: string, domain: string): string {
  return `${encodeLocator(locator)}@${domain}`;
}

function encodeLocator(locator: string): string {
  return locator
    .split('/')
    .map((segment) => segment.replace(NOT_ATEXT, percentEncode))
    .join('/');
}

function percentEncode(character: string): string {
  let text = '';
  for (const byte of Buffer.from(character)) text += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return text;
}

/** Reads a notification's Message-ID (no brackets) back; `undefined` when it is of none of our domains. */
export function parseThreadMessageId(id: string, domains: readonly string[]): ThreadReference | undefined {
  const at = id.lastIndexOf('@');
  if (at === -1 || ourDomain(id.slice(at + 1), domains) === undefined) return undefined;
  const slash = id.lastIndexOf('/', at);
  const seconds = /^([0-9]{1,10})(?:\.[a-z2-7]{8})?$/i.exec(id.slice(slash + 1, at))?.[1];
  if (slash <= 0 || seconds === undefined) return undefined;
  try {
    return { locator: decodeURIComponent(id.slice(0, slash)), repliedTo: Number(seconds) };
  } catch {
    return undefined; // a broken percent escape: not an id that we made
  }
}

/** Spells the domain of an id as it is configured: some programs write it in another case than it was minted in. */
export function asMinted(id: string, domains: readonly string[]): string {
  const at = id.lastIndexOf('@');
  return `${id.slice(0, at)}@${ourDomain(id.slice(at + 1), domains) ?? id.slice(at + 1)}`;
}

function ourDomain(domain: string, domains: readonly string[]): string | undefined {
  const folded = foldDomain(domain);
  return domains.find((each) => foldDomain(each) === folded);
}

/**
 * Lists the ids of our domains that a reply names: In-Reply-To first, then References from the newest, without
 * repeats. Ids may be joined by commas, folded inside, or lack their brackets.
 */
export function messageIdCandidates(
  inReplyTo: readonly string[],
  references: readonly string[],
  domains: readonly string[],
): string[] {
  const found = new Set<string>();
  const newestFirst = [...references].reverse().map((value) => splitIds(value).reverse());
  for (const ids of [...inReplyTo.map(splitIds), ...newestFirst]) {
    for (const id of ids) {
      if (found.size === MAX_CANDIDATES) return [...found];
      if (parseThreadMessageId(id, domains) !== undefined) found.add(id);
    }
  }
  return [...found];
}

/** Lists every id in a field body, in order, without brackets. */
export function splitIds(value: string): string[] {
  const ids: string[] = [];
  // A bracketed id may be folded inside; white space and commas separate the others.
  for (const match of value.matchAll(/<([^<>]*)>|[^\s,<>]+/g)) {
    const id = (match[1] ?? match[0]).replace(/\s+/g, '');
    if (id !== '') ids.push(id);
  }
  return ids;
}

/**
 * Makes a Message-ID comparable: no brackets, no white space, the domain folded. `undefined` when the field holds no
 * id at all. Where nothing stands in brackets the whole value is the id. Its first word may be the same in every
 * message of a careless client, and a reply taken for a duplicate is lost.
 */
export function normaliseMessageId(value: string): string | undefined {
  const id = (/<([^<>]+)>/.exec(value)?.[1] ?? value).replace(/[\s<>]+/g, '');
  if (id === '') return undefined;
  const at = id.lastIndexOf('@');
  return at === -1 ? id : `${id.slice(0, at)}@${foldDomain(id.slice(at + 1))}`;
}

/** Octets before the `@` that could still be one message's own: what counters and shell scripts write is shorter. */
const LEAST_UNIQUE_OCTETS = 4;

/**
 * Tells whether a normalised id can name one message only. A client that writes the same one into all of its mail,
 * such as `1@localhost`, has a host without a domain for it, or hardly anything before the `@`.
 */
export function isUnique(id: string): boolean {
  const at = id.lastIndexOf('@');
  const host = id.slice(at + 1);
  return at >= LEAST_UNIQUE_OCTETS && host.includes('.') && !host.startsWith('localhost.');
}
