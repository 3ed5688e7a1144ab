/**
 * Whether the site's own filter authenticated the sender.
 *
 * Contract: only Authentication-Results of our authserv-id are believed, and only where a sender cannot have put
 * them: above the topmost Received, which our own MTA wrote. Of each method the topmost field that reports it may
 * say pass; any may say fail. DMARC decides where it gave a verdict, and one on another author is a fail; else an
 * aligned DKIM or SPF pass does. Alignment without a public suffix list: a domain vouches for itself and for
 * what lies below it, never upwards, so that a tenant of a shared domain cannot speak for the whole of it.
 * `arc=` is passed on and turns nothing into a pass: a sound chain does not say who sealed it.
 * Failure: a field that breaks the grammar is ignored whole, as is one whose version is unknown.
 * Standards: RFC 8601 §2.2 and §5, RFC 7489 §3.1, RFC 8617. Limits: 100 fields, 100 results in each; linear time.
 */

import type { Header } from './header.ts';
import { Lexer } from './lexer.ts';
import { canonicalDomain, type Mailbox } from './mailbox.ts';

/** One result of one method: keywords in lower case, properties as `ptype.property` in lower case. */
export interface MethodResult {
  readonly method: string;
  readonly result: string;
  readonly properties: ReadonlyMap<string, string>;
}

/** One Authentication-Results field; `authservId` in lower case. */
export interface AuthenticationResults {
  readonly authservId: string;
  readonly results: readonly MethodResult[];
}

/** Which fields to believe. */
export interface Trust {
  /** The authserv-id of our own filter, compared without case. */
  readonly authservId: string;
  /**
   * How many Received fields of our own hosts may stand above a genuine result; 0 unless set. Postfix puts the
   * field of a milter that inserts at index 1, as OpenDMARC does, directly below its own Received
   * (measured, 3.7.11), and a sender's forged field directly below that. A site with such filters needs 1 here,
   * and a filter that removes forged fields of our id: position alone cannot tell the two apart.
   */
  readonly ownReceived?: number;
}

/** The verdict on a sender; `arc` is the result that our filter gave the chain. */
export interface SenderVerdict {
  readonly result: 'pass' | 'fail' | 'none';
  readonly method?: 'dmarc' | 'dkim' | 'spf';
  readonly arc?: string;
  readonly reason: string;
}

const MAX_FIELDS = 100;
const MAX_RESULTS = 100;
const TOKEN = /[^\s()<>@,;:\\"/[\]?=]+/y;
const DIGITS = /\d+/y;
const KEYWORD = /[a-z0-9][a-z0-9_-]*/iy;
const PLAIN_VALUE = /[^\s;"()]+/y;
/** Two labels at least: no top-level domain speaks for anybody. */
const HOST = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/;

/** Judges whether our filter authenticated `sender`, the one mailbox of the From field. */
export function judgeSender(header: Header, sender: Mailbox, trust: Trust): SenderVerdict {
  const results = trustedResults(header, trust);
  const arc = results?.find(({ method }) => method === 'arc')?.result;
  const verdict = results === undefined ? NO_FIELD : judgeResults(results, sender.domain);
  return arc === undefined ? verdict : { ...verdict, arc };
}

const NO_FIELD: SenderVerdict = { result: 'none', reason: 'no Authentication-Results of ours' };

/** The believed results of the believed fields in order; `undefined` when there is no such field. */
function trustedResults(header: Header, trust: Trust): MethodResult[] | undefined {
  const ours = trust.authservId.toLowerCase();
  const results: MethodResult[] = [];
  const reported = new Set<string>();
  let isThere = false;
  let received = 0;
  let seen = 0;
  for (const { name, value } of header.fields) {
    if (name === 'received' && ++received > (trust.ownReceived ?? 0)) break;
    if (name !== 'authentication-results') continue;
    if (++seen > MAX_FIELDS) break;
    const field = parseAuthenticationResults(value);
    if (field?.authservId !== ours) continue;
    isThere = true;
    // A sender's field stands below the genuine one where milters insert below our Received.
    results.push(...field.results.filter(({ method, result }) => result === 'fail' || !reported.has(method)));
    for (const { method } of field.results) reported.add(method);
  }
  return isThere ? results : undefined;
}

function judgeResults(results: readonly MethodResult[], from: string): SenderVerdict {
  const judged = results.filter(({ method }) => method === 'dmarc');
  const stranger = judged.find((result) => speaksOf(result, from) === 'another');
  if (stranger !== undefined) {
    // Our filter took somebody else for the author: two readers of one From never agree on a sender.
    return { result: 'fail', method: 'dmarc', reason: `DMARC judged another domain than ${from}` };
  }
  const dmarc = judged.filter((result) => speaksOf(result, from) === 'it');
  // Should two filters disagree, the one that says no is believed.
  if (dmarc.some(({ result }) => result === 'fail')) {
    return { result: 'fail', method: 'dmarc', reason: `dmarc=fail for ${from}` };
  }
  if (dmarc.some(({ result }) => result === 'pass')) {
    return { result: 'pass', method: 'dmarc', reason: `dmarc=pass for ${from}` };
  }
  const aligned = results.filter((result) => alignedDomain(result, from) !== undefined);
  for (const outcome of ['pass', 'fail'] as const) {
    for (const method of ['dkim', 'spf'] as const) {
      const found = aligned.find((result) => result.method === method && result.result === outcome);
      if (found === undefined) continue;
      const domain = alignedDomain(found, from) ?? '';
      return { result: outcome, method, reason: `${method}=${outcome} of ${domain}, aligned with ${from}` };
    }
  }
  return { result: 'none', reason: `no aligned result for ${from}` };
}

/** Whether a DMARC result is about the domain of our From, or of a From that another reader saw. */
function speaksOf({ properties }: MethodResult, from: string): 'it' | 'another' | 'unclear' {
  const value = properties.get('header.from');
  if (value === undefined) return 'unclear';
  const domain = hostOf(domainPart(value));
  if (domain === from) return 'it';
  // Some filters name the domain whose record they applied, which lies above.
  return domain !== undefined && from.endsWith(`.${domain}`) ? 'unclear' : 'another';
}

/** The authenticated domain of a DKIM or SPF result, if it may speak for `from`. */
function alignedDomain({ method, properties }: MethodResult, from: string): string | undefined {
  const domain = authenticatedDomain(method, properties);
  if (domain === undefined) return undefined;
  return from === domain || from.endsWith(`.${domain}`) ? domain : undefined;
}

function authenticatedDomain(method: string, properties: ReadonlyMap<string, string>): string | undefined {
  // With the null reverse-path SPF judges the HELO name, which vouches for no author.
  if (method === 'spf') return hostOf(domainPart(properties.get('smtp.mailfrom')));
  if (method !== 'dkim') return undefined;
  // The signer may choose any header.i below header.d, so that d decides where both are given.
  const signer = properties.get('header.d');
  return hostOf(signer ?? domainPart(properties.get('header.i')));
}

/** What stands after the last `@` of an address, or a domain alone. */
function domainPart(value: string | undefined): string | undefined {
  return value?.slice(value.lastIndexOf('@') + 1).replace(/>$/, '');
}

/** A host name as From fields are compared; `undefined` for all that has not two labels at least. */
function hostOf(value: string | undefined): string | undefined {
  const domain = value === undefined ? undefined : canonicalDomain(value);
  return domain !== undefined && HOST.test(domain) ? domain : undefined;
}

/** Parses the unfolded value of an Authentication-Results field; `undefined` when it breaks the grammar. */
export function parseAuthenticationResults(value: string): AuthenticationResults | undefined {
  const lexer = new Lexer(value);
  if (!lexer.skipSpace()) return undefined;
  const authservId = lexer.next === '"' ? lexer.quotedString() : lexer.run(TOKEN);
  if (authservId === undefined || authservId === '' || !readVersion(lexer)) return undefined;
  const results: MethodResult[] = [];
  while (!lexer.atEnd()) {
    if (!lexer.take(';') || !lexer.skipSpace() || results.length === MAX_RESULTS) return undefined;
    // An empty entry, as after a trailing semicolon, is common and says nothing.
    if (lexer.atEnd() || lexer.next === ';') continue;
    const result = readResult(lexer);
    if (result === undefined) return undefined;
    if (result !== 'none') results.push(result);
  }
  return { authservId: authservId.toLowerCase(), results };
}

/** Skips the version and the space around it; false when it is not version 1. */
function readVersion(lexer: Lexer): boolean {
  if (!lexer.skipSpace()) return false;
  const version = lexer.run(DIGITS);
  return (version === '' || version === '1') && lexer.skipSpace();
}

/** Reads `method=result` with its reason and properties up to the next semicolon. */
function readResult(lexer: Lexer): MethodResult | 'none' | undefined {
  const method = lexer.run(KEYWORD).toLowerCase();
  if (method === '' || !lexer.skipSpace()) return undefined;
  if (method === 'none' && (lexer.atEnd() || lexer.next === ';')) return 'none';
  const version = lexer.take('/') ? readMethodVersion(lexer) : '1';
  if (version === undefined || !lexer.take('=') || !lexer.skipSpace()) return undefined;
  const result = lexer.run(KEYWORD).toLowerCase();
  if (result === '' || !lexer.skipSpace()) return undefined;
  const properties = readProperties(lexer);
  if (properties === undefined) return undefined;
  return version === '1' ? { method, result, properties } : 'none';
}

function readMethodVersion(lexer: Lexer): string | undefined {
  if (!lexer.skipSpace()) return undefined;
  const version = lexer.run(DIGITS);
  return lexer.skipSpace() ? version : undefined;
}

/** Reads `reason=…` and `ptype.property=value` pairs; a property given twice makes the field malformed. */
function readProperties(lexer: Lexer): Map<string, string> | undefined {
  const properties = new Map<string, string>();
  while (!lexer.atEnd() && lexer.next !== ';') {
    const name = readPropertyName(lexer);
    const value = name === undefined ? undefined : readValue(lexer);
    if (name === undefined || value === undefined || properties.has(name)) return undefined;
    properties.set(name, value);
  }
  return properties;
}

function readPropertyName(lexer: Lexer): string | undefined {
  let name = lexer.run(KEYWORD);
  if (name === '' || !lexer.skipSpace()) return undefined;
  if (lexer.take('.')) {
    if (!lexer.skipSpace()) return undefined;
    name += `.${lexer.run(KEYWORD)}`;
    if (!lexer.skipSpace()) return undefined;
  }
  return lexer.take('=') && lexer.skipSpace() ? name.toLowerCase() : undefined;
}

/** Reads a property's value, a quoted local part included, and the space after it. */
function readValue(lexer: Lexer): string | undefined {
  let value = '';
  while (!lexer.atEnd()) {
    const isQuoted = lexer.next === '"';
    const part = isQuoted ? lexer.quotedString() : lexer.run(PLAIN_VALUE);
    if (part === undefined) return undefined;
    if (part === '' && !isQuoted) break;
    value += part;
  }
  return lexer.skipSpace() ? value : undefined;
}
