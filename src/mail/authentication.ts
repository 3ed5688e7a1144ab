/**
 * Whether the site's own filter authenticated the sender.
 *
 * Contract: only Authentication-Results of our authserv-id are believed, and only where a sender cannot have put
 * them (results-place.ts). One of them that two readers could read differently (authentication-results.ts) makes the
 * whole verdict a fail: it is no filter's honest report but a sender's text in it, and neither a pass in it nor a fail
 * that it hides may count. Of each method the topmost field that reports it may say pass; any may say fail. DMARC
 * decides where it gave a verdict, and one on another author is a fail; else an aligned DKIM or SPF pass does.
 * Alignment without a public suffix list: a domain vouches for itself and for what lies below it, never upwards, so
 * that a tenant of a shared domain cannot speak for the whole of it.
 * `arc=` is passed on and turns nothing into a pass: a sound chain does not say who sealed it.
 * Failure: a value, never an exception; `cause` is one of a closed set that findings and figures build on.
 * Standards: RFC 8601 §5, RFC 7489 §3.1, RFC 8617.
 */

import {
  type AuthenticationResults,
  type MethodResult,
  parseAuthenticationResults,
  parseResultsWithoutId,
} from './authentication-results.ts';
import { type Header, headerValues } from './header.ts';
import { canonicalDomain, type Mailbox } from './mailbox.ts';
import { type Absence, placeResults, type Trust } from './results-place.ts';
import { oddText } from './sender-text.ts';

/** The reason why a sender does not pass. */
export type Cause =
  | Absence
  /** A field of ours can be read in two ways. */
  | 'ambiguous'
  /** Our filter says that it is somebody else. */
  | 'failed'
  /** Our filter says nothing about the domain of From. */
  | 'not-aligned';

/** The verdict on a sender; `arc` is the result that our filter gave the chain. */
export interface SenderVerdict {
  readonly result: 'pass' | 'fail' | 'none';
  readonly method?: 'dmarc' | 'dkim' | 'spf';
  readonly arc?: string;
  /** Of a pass: whether SPF shows that it came from a host of the author's domain, and not by way of somebody else. */
  readonly isDirect?: true;
  /** Absent with a pass. */
  readonly cause?: Cause;
  readonly reason: string;
}

/** Two labels at least: no top-level domain speaks for anybody. */
const HOST = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/;
const ATEXT = "[\\p{L}\\p{M}\\p{N}!#$%&'*+\\-/=?^_`{|}~]+";
/** RFC 5322 §3.2.3 with RFC 6532. */
const DOT_ATOM = new RegExp(`^${ATEXT}(?:\\.${ATEXT})*$`, 'u');

/** Judges whether our filter authenticated `sender`, the one mailbox of the From field. */
export function judgeSender(header: Header, sender: Mailbox, trust: Trust): SenderVerdict {
  const placed = placeResults(header, trust);
  if (placed.kind === 'none') return { result: 'none', cause: placed.cause, reason: placed.reason };
  const { fields } = placed;
  const arc = fields.flatMap(({ results }) => results).find(({ method }) => method === 'arc')?.result;
  const verdict = ambiguity(fields, header, trust) ?? judgeAll(believable(fields), sender.domain);
  return arc === undefined ? verdict : { ...verdict, arc };
}

/**
 * Tells whether our filter found that the reverse-path is its owner's, whoever From names. That takes an SPF pass of
 * its very domain, and no result that says otherwise. A bounce to it then reaches the sender of the message, never
 * somebody who was imitated.
 */
export function isOwnPath(header: Header, trust: Trust & { readonly reversePath: string }): boolean {
  const placed = placeResults(header, trust);
  if (placed.kind === 'none' || ambiguity(placed.fields, header, trust) !== undefined) return false;
  const found = believable(placed.fields).filter(({ method }) => method === 'spf');
  const domain = hostOf(domainPart(trust.reversePath));
  if (domain === undefined || found.some(({ result }) => SPF_DOUBTS.has(result))) return false;
  return found.some(({ result, properties }) => {
    if (result !== 'pass' || authenticatedDomain('spf', properties) !== domain) return false;
    // Filters name the domain alone or the whole path; another path is that of another transaction.
    const path = properties.get('smtp.mailfrom')?.replace(/^<(.*)>$/, '$1') ?? '';
    return !path.includes('@') || path.toLowerCase() === trust.reversePath.toLowerCase();
  });
}

const SPF_DOUBTS: ReadonlySet<string> = new Set(['fail', 'softfail', 'policy']);

function ambiguity(
  fields: readonly AuthenticationResults[],
  header: Header,
  { reversePath }: Trust,
): SenderVerdict | undefined {
  const doubt = fields.find((field) => field.doubt !== undefined)?.doubt ?? oddText(header, reversePath);
  if (doubt === undefined) return undefined;
  const reason = `our Authentication-Results can be read in two ways, as with a sender's text in it: ${doubt}`;
  return { result: 'fail', cause: 'ambiguous', reason };
}

/** Gives the results that may count: of each method those of the topmost field that reports it, and every failure. */
function believable(fields: readonly AuthenticationResults[]): MethodResult[] {
  const results: MethodResult[] = [];
  const reported = new Set<string>();
  for (const field of fields) {
    // A sender's field stands below the genuine one where milters insert below our Received.
    results.push(...field.results.filter(({ method, result }) => result === 'fail' || !reported.has(method)));
    for (const { method } of field.results) reported.add(method);
  }
  return results;
}

function judgeAll(results: readonly MethodResult[], from: string): SenderVerdict {
  const verdict = judgeResults(results, from);
  const isDirect = results.some(
    (each) => each.method === 'spf' && each.result === 'pass' && alignedDomain(each, from) !== undefined,
  );
  return verdict.result === 'pass' && isDirect ? { ...verdict, isDirect } : verdict;
}

function judgeResults(results: readonly MethodResult[], from: string): SenderVerdict {
  const judged = results.filter(({ method }) => method === 'dmarc');
  const failed = { result: 'fail', method: 'dmarc', cause: 'failed' } as const;
  if (judged.some((result) => speaksOf(result, from) === 'another')) {
    // Our filter took somebody else for the author: two readers of one From never agree on a sender.
    return { ...failed, reason: `DMARC judged another domain than ${from}` };
  }
  // A message has one DMARC verdict, whatever it names; should two filters disagree, the one that says no is believed.
  if (judged.some(({ result }) => result === 'fail')) return { ...failed, reason: `dmarc=fail for ${from}` };
  if (judged.some((result) => result.result === 'pass' && speaksOf(result, from) === 'it')) {
    return { result: 'pass', method: 'dmarc', reason: `dmarc=pass for ${from}` };
  }
  return judgeAligned(results, from);
}

/** Judges by DKIM and SPF, where DMARC has no verdict. */
function judgeAligned(results: readonly MethodResult[], from: string): SenderVerdict {
  const aligned = results.filter((result) => alignedDomain(result, from) !== undefined);
  for (const outcome of ['pass', 'fail'] as const) {
    for (const method of ['dkim', 'spf'] as const) {
      const found = aligned.find((result) => result.method === method && result.result === outcome);
      if (found === undefined) continue;
      const reason = `${method}=${outcome} of ${alignedDomain(found, from) ?? ''}, aligned with ${from}`;
      return outcome === 'pass'
        ? { result: outcome, method, reason }
        : { result: outcome, method, cause: 'failed', reason };
    }
  }
  return { result: 'none', cause: 'not-aligned', reason: `no aligned result for ${from}` };
}

/** Results that say nothing against anybody; rspamd writes "invalid" for a key that cannot be read. */
const HARMLESS = ['pass', 'none', 'neutral', 'temperror', 'permerror', 'invalid'];
/** RFC 7208 §9.1, which some filters write in place of Authentication-Results. */
const SPF_DENIAL = /^\s*(?:soft)?fail\b/i;
const MAX_LOOKED_AT = 100;

/**
 * Tells whether any result in the message, believed or not, may mean that `sender` did not write it. A result that
 * can be read in two ways counts. For actions that want no sign of a forgery at all.
 */
export function speaksAgainst(header: Header, sender: Mailbox): boolean {
  const values = headerValues(header, 'authentication-results').slice(0, MAX_LOOKED_AT);
  return (
    values.some((value) => {
      const field = parseAuthenticationResults(value) ?? parseResultsWithoutId(value);
      if (field === undefined) return false;
      return field.doubt !== undefined || field.results.some((result) => isDenial(result, sender.domain));
    }) || headerValues(header, 'received-spf').some((value) => SPF_DENIAL.test(value))
  );
}

function isDenial(result: MethodResult, from: string): boolean {
  if (HARMLESS.includes(result.result)) return false;
  return result.method === 'dmarc' || alignedDomain(result, from) !== undefined;
}

/** Tells whether a DMARC result is about the domain of our From, or of a From that another reader saw. */
function speaksOf({ properties }: MethodResult, from: string): 'it' | 'another' | 'unclear' {
  const value = properties.get('header.from');
  if (value === undefined) return 'unclear';
  const domain = hostOf(domainPart(value));
  if (domain === from) return 'it';
  // Some filters name the domain whose record they applied, which lies above.
  return domain !== undefined && from.endsWith(`.${domain}`) ? 'unclear' : 'another';
}

/** Gives the authenticated domain of a DKIM or SPF result, if it may speak for `from`. */
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
  return hostOf(signer ?? domainPart(properties.get('header.i')?.replace(/^@/, '')));
}

/**
 * Gives a domain that stands alone, or that of an address with a dot-atom before it. Readers differ on any other
 * address.
 */
function domainPart(value: string | undefined): string | undefined {
  const address = value?.replace(/^<(.*)>$/, '$1') ?? '';
  const at = address.lastIndexOf('@');
  if (at === -1) return address;
  return DOT_ATOM.test(address.slice(0, at)) ? address.slice(at + 1) : undefined;
}

/** Gives a host name as From fields are compared; `undefined` for fewer than two labels. */
function hostOf(value: string | undefined): string | undefined {
  const domain = value === undefined ? undefined : canonicalDomain(value);
  return domain !== undefined && HOST.test(domain) ? domain : undefined;
}
