/**
 * Which Authentication-Results of a message its own site wrote, and why none of them where that is so.
 *
 * Contract: the place proves who wrote a field. What stands above the topmost Received, or with `ownReceived` above the
 * one that follows so many of our own, no sender can have put there. So there must be that mark: a message without
 * Received shows no place. What came in through sendmail(1) passed no SMTP session: fields below Postfix's mark are its
 * author's, and above it only a signature proves anything, for SPF takes this host for everybody's (libspf2, measured).
 * Of what a provider wrote into a mailbox (`topmost`) one field counts: the first of the header, and no other where it
 * is not the provider's. A provider that changed its id, or has one for each host, leaves no room so for a sender's
 * field of the id that is configured.
 * Failure: a value with a cause of the closed set and its words, never an exception. Ids come from strangers too: they
 * are shown cut and in ASCII.
 * Standards: RFC 8601 §5. Limits: the topmost 100 fields of the name.
 */

import {
  type AuthenticationResults,
  parseAuthenticationResults,
  parseResultsWithoutId,
} from './authentication-results.ts';
import { type Header, type HeaderField, headerValue } from './header.ts';
import { edgeOf, type ProviderZone } from './provider-zone.ts';

/** The fields that are to be believed. */
export interface Trust extends Pick<ProviderZone, 'ownHosts'> {
  /**
   * The authserv-id of our own filter, compared without case. Of a provider `none` is the form of Exchange Online,
   * which has no id, or `mx.microsoft.com`.
   */
  readonly authservId: string;
  /**
   * How many Received fields of our own hosts may stand above a genuine result; 0 unless set. Postfix puts the
   * field of a milter that inserts at index 1, as OpenDMARC does, directly below its own Received
   * (measured, 3.7.11), and a sender's forged field directly below that. A site with such filters needs 1 here,
   * and a filter that removes forged fields of our id: position alone cannot tell the two apart.
   */
  readonly ownReceived?: number;
  /**
   * Whether the topmost field of the header alone counts, and no other even where it says nothing: the rule for mail
   * of which a provider wrote the results, since those of a sender stand below; `all` unless given.
   */
  readonly results?: 'all' | 'topmost' | undefined;
  /** What a provider said of the sender in its call, which is believed in place of any field. */
  readonly told?: AuthenticationResults | undefined;
  /** The reverse-path of the transaction, without brackets. */
  readonly reversePath?: string;
}

/** The reason why no field is believed: a closed set, which findings and figures build on. */
export type Absence =
  /** No filter wrote anything where a filter of the site would. */
  | 'no-results'
  /** A filter wrote, under an id that is not the configured one. */
  | 'other-authserv-id'
  /** Fields of our id stand below more Received than `ownReceived`. */
  | 'below-received'
  /** There are fewer Received than our own hosts write. */
  | 'no-received'
  /** It was handed in on this host by sendmail(1). */
  | 'local-submission';

/** The fields to believe, in order; or why there is none. */
export type Placed =
  | { readonly kind: 'believed'; readonly fields: readonly AuthenticationResults[] }
  | {
      readonly kind: 'none';
      readonly cause: Absence;
      readonly reason: string;
      /** The id that stands where ours should: of `other-authserv-id`. */
      readonly otherId?: string;
      /** How many Received stand above our topmost field: of `below-received`. */
      readonly above?: number;
    };

/** One field with how many Received fields stand above it, and whether any of them tells of sendmail(1). */
interface PlacedField {
  readonly field: AuthenticationResults;
  readonly above: number;
  readonly isLocal: boolean;
}

const MAX_FIELDS = 100;
const MAX_SHOWN = 80;
/** Postfix's pickup(8) names who called sendmail(1): "by mx.example.org (Postfix, from userid 33)". */
const FROM_USER = /\([^()]*, from userid \d+\)/;

/** Finds the fields of our own filter in `header`. */
export function placeResults(header: Header, trust: Trust): Placed {
  if (trust.told !== undefined) return { kind: 'believed', fields: [trust.told] };
  if (trust.results === 'topmost') return placeTopmost(header, trust);
  const { authservId, ownReceived = 0 } = trust;
  const { seen, received } = resultsIn(header);
  const ours = seen.filter(({ field }) => field.authservId === authservId.toLowerCase());
  if (seen.length > 0 && received < Math.max(1, ownReceived)) return noReceived(received, ownReceived);
  const placed = ours.filter(({ above }) => above <= ownReceived);
  if (placed.some(({ isLocal }) => isLocal)) return LOCAL;
  if (placed.length > 0) return believed(placed, FROM_USER.test(headerValue(header, 'received') ?? ''));
  return absent(seen, ours, { authservId, ownReceived });
}

const LOCAL: Placed = {
  kind: 'none',
  cause: 'local-submission',
  reason:
    'submitted by sendmail(1) on this host, where its author can write Authentication-Results and SPF proves nothing',
};

/**
 * Gives the fields. Where the topmost Received tells of sendmail(1), those above it keep their signatures and
 * failures alone.
 */
function believed(placed: readonly PlacedField[], isLocal: boolean): Placed {
  if (!isLocal) return { kind: 'believed', fields: placed.map(({ field }) => field) };
  const fields = placed.map(({ field, above }) => {
    const results = field.results.filter(({ method, result }) => method === 'dkim' || result === 'fail');
    return above > 0 ? field : { ...field, results };
  });
  return fields.some(({ results }) => results.length > 0) ? { kind: 'believed', fields } : LOCAL;
}

// ---- Of a provider ----------------------------------------------------------------------------------------------

/** The id for the form of Exchange Online, and the one that it writes where it writes any (read in mail of 2026). */
const EXCHANGE = { form: 'none', id: 'mx.microsoft.com' } as const;

/** Finds the one field of a provider: the topmost of the header. */
function placeTopmost(header: Header, trust: Trust): Placed {
  const top = header.fields.findIndex(({ name }) => name === 'authentication-results');
  const field = header.fields[top];
  if (field === undefined)
    return { kind: 'none', cause: 'no-results', reason: 'no Authentication-Results at all' };
  const marks = header.fields.slice(0, top).filter(({ name }) => name === 'received');
  if (!header.fields.some(({ name }) => name === 'received')) return noReceived(0, 1);
  const authservId = trust.authservId.toLowerCase();
  const parsed = resultsOf(field, authservId);
  const parsedId = parsed?.authservId ?? '';
  if (parsed === undefined || !isOfProvider(parsedId, authservId))
    return otherTopmost(trust.authservId, parsedId);
  const beyond = beyondZone(header, marks.length, trust, authservId === EXCHANGE.form);
  if (beyond !== undefined)
    return { kind: 'none', cause: 'below-received', reason: beyond, above: marks.length };
  if (marks.some(({ value }) => FROM_USER.test(value))) return LOCAL;
  const isLocal = FROM_USER.test(headerValue(header, 'received') ?? '');
  return believed([{ field: parsed, above: marks.length, isLocal: false }], isLocal);
}

/** Reads the topmost field; only Exchange Online writes one without an id. */
function resultsOf({ value, isSpaced }: HeaderField, authservId: string): AuthenticationResults | undefined {
  if (isSpaced === true) return undefined;
  return (
    (authservId === EXCHANGE.form ? parseResultsWithoutId(value) : undefined) ??
    parseAuthenticationResults(value)
  );
}

const isOfProvider = (id: string, authservId: string): boolean =>
  authservId === EXCHANGE.form ? id === '' || id === EXCHANGE.id : id === authservId;

/** Says why a field with so many Received above it is not within the zone of the provider, if so. */
function beyondZone(
  header: Header,
  above: number,
  { ownReceived = 0, ownHosts = [] }: Trust,
  isExchange: boolean,
): string | undefined {
  if (above > ownReceived)
    return `the topmost Authentication-Results stands below ${above} Received fields, own_received is ${ownReceived}`;
  if (ownHosts.length === 0) return undefined;
  const edge = edgeOf(header, ownHosts);
  if (edge === undefined) return `no Received is by a host of own_hosts (${ownHosts.join(', ')})`;
  // Exchange Online writes its field above the Received by which it took the mail in, others directly below.
  if (above < edge || (above === edge && !isExchange)) return undefined;
  return `the topmost Authentication-Results stands below the Received by a host of own_hosts (${ownHosts.join(', ')})`;
}

function otherTopmost(authservId: string, otherId: string): Placed {
  const other = otherId === '' ? 'without an id' : `of ${shown(otherId)}`;
  const reason = `authserv_id is ${shown(authservId)}; the topmost Authentication-Results is ${other}`;
  return { kind: 'none', cause: 'other-authserv-id', reason, ...(otherId === '' ? {} : { otherId }) };
}

// ---- Absences ---------------------------------------------------------------------------------------------------

function noReceived(received: number, ownReceived: number): Placed {
  const reason =
    received === 0
      ? 'no Received field, so that the place of Authentication-Results proves nothing; does header_checks remove Received?'
      : `${received} Received fields, fewer than the ${ownReceived} of your own hosts (sender.own_received)`;
  return { kind: 'none', cause: 'no-received', reason };
}

function absent(
  seen: readonly PlacedField[],
  ours: readonly PlacedField[],
  trust: Required<Pick<Trust, 'authservId' | 'ownReceived'>>,
): Placed {
  const { authservId, ownReceived } = trust;
  // A milter's field one Received too deep is the common case, and more likely the filter's than what is deeper.
  const isNear = ({ above }: PlacedField): boolean => above <= ownReceived + 1;
  const other = seen.find((one) => isNear(one) && !ours.includes(one))?.field.authservId;
  const [lost] = ours;
  if (lost !== undefined && (isNear(lost) || other === undefined)) {
    const { above } = lost;
    const reason = `Authentication-Results of ${shown(authservId)} stands below ${above} Received fields, sender.own_received is ${ownReceived}`;
    return { kind: 'none', cause: 'below-received', reason, above };
  }
  if (other !== undefined) {
    const reason = `sender.authserv_id is ${shown(authservId)}; the message has Authentication-Results of ${shown(other)}`;
    return { kind: 'none', cause: 'other-authserv-id', reason, otherId: other };
  }
  const [stray] = seen;
  const reason =
    stray === undefined
      ? 'no Authentication-Results at all'
      : `no Authentication-Results of a filter of this site; the topmost, of ${shown(stray.field.authservId)}, stands below ${stray.above} Received fields`;
  return { kind: 'none', cause: 'no-results', reason };
}

function resultsIn(header: Header): { readonly seen: readonly PlacedField[]; readonly received: number } {
  const seen: PlacedField[] = [];
  let received = 0;
  let isLocal = false;
  for (const { name, value, isSpaced } of header.fields) {
    if (name === 'received') {
      received++;
      // What is below it the author wrote, Received fields like those of our own hosts among it.
      isLocal ||= value.includes(', from userid ') && FROM_USER.test(value);
    }
    // No filter writes it like this, and one that removes forged fields may miss it.
    if (name !== 'authentication-results' || isSpaced === true || seen.length === MAX_FIELDS) continue;
    const field = parseAuthenticationResults(value);
    if (field !== undefined) seen.push({ field, above: received, isLocal });
  }
  return { seen, received };
}

/** Quotes an id that a stranger may have chosen. */
function shown(id: string): string {
  const safe = id.replaceAll(/[^!#-~]/g, '?');
  return `"${safe.length > MAX_SHOWN ? `${safe.slice(0, MAX_SHOWN)}…` : safe}"`;
}
