/**
 * The chain of a signing certificate: from its names to an authority that is believed.
 *
 * Contract: pure but for Node's own list of authorities. A certificate is believed where it has one of the names that are
 * expected, is no authority itself, is valid now, and where each certificate of its chain was issued and signed by the
 * next one, up to an authority. An authority stands in the list that is given, or in Node's. Failure: a problem in words.
 * Standards: RFC 5280 §6.1 as far as names, validity, issuer, signature and the CA flag go; RFC 9525 §6.3 for names,
 * without wildcards. Limits: chains of {@link MOST_STEPS}; nothing asks whether a certificate was revoked.
 */
import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';

const MOST_STEPS = 5;

const PEM = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/**
 * The place of an issuer's certificate at Amazon Trust Services, whose certificates SNS signs with. It may come in the
 * clear, since it counts for nothing unless an authority has signed it.
 */
const ISSUER_PLACE =
  /^CA Issuers - URI:http:\/\/(crt\.[a-z0-9]{1,20}\.amazontrust\.com)(\/[a-z0-9]{1,40}\.(?:cer|crt))$/m;

/** Reads the certificates of a PEM text, the first one of which is the subject's; undefined where one is none. */
export function readCertificates(pem: string): readonly X509Certificate[] | undefined {
  try {
    return (pem.match(PEM) ?? []).map((each) => new X509Certificate(each));
  } catch {
    return undefined;
  }
}

/** What a chain is judged by. */
export interface ChainRules {
  /** Names one of which the certificate has. */
  readonly names: readonly string[];
  /** The authorities that are believed; undefined is Node's list. */
  readonly authorities: readonly X509Certificate[] | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The judgement of a chain; `incomplete` names who issued the last certificate of it that is known. */
export type Judged =
  | { readonly kind: 'believed' }
  | { readonly kind: 'incomplete'; readonly last: X509Certificate; readonly problem: string }
  | { readonly kind: 'refused'; readonly problem: string };

/** Judges a certificate; `others` are those that came beside it. */
export function judgeChain(
  certificate: X509Certificate,
  others: readonly X509Certificate[],
  rules: ChainRules,
): Judged {
  const named = rules.names.some(
    (name) => certificate.checkHost(name, { wildcards: false, subject: 'default' }) !== undefined,
  );
  if (!named) return refused(`the certificate is of other names than ${rules.names.join(', ')}`);
  if (certificate.ca) return refused('the certificate is that of an authority');
  if (certificate.publicKey.asymmetricKeyType !== 'rsa') return refused('its key is no RSA key');
  const authorities = rules.authorities ?? builtIn();
  let last = certificate;
  for (let step = 0; step < MOST_STEPS; step += 1) {
    if (!isValid(last, rules.now))
      return refused(`${subjectOf(last)} is valid from ${last.validFrom} to ${last.validTo}`);
    if (authorities.some((authority) => hasIssued(authority, last) && isValid(authority, rules.now)))
      return { kind: 'believed' };
    const issuer = others.find((other) => other !== last && hasIssued(other, last));
    if (issuer === undefined) {
      if (last.subject === last.issuer && isSigned(last, last))
        return refused(`${subjectOf(last)} signed itself, and is no authority that is believed`);
      return { kind: 'incomplete', last, problem: `nobody that is believed issued ${subjectOf(last)}` };
    }
    last = issuer;
  }
  return refused(`the chain is longer than ${MOST_STEPS}`);
}

/** Gives the host and the path where a certificate's issuer is to be had; undefined where that is no place of Amazon's. */
export function issuerPlace(
  certificate: X509Certificate,
): { readonly host: string; readonly path: string } | undefined {
  const [, host, path] = ISSUER_PLACE.exec(certificate.infoAccess ?? '') ?? [];
  return host === undefined || path === undefined ? undefined : { host, path };
}

const refused = (problem: string): Judged => ({ kind: 'refused', problem });

/** Names a certificate on one line. */
const subjectOf = ({ subject }: X509Certificate): string => `"${subject.replace(/\n/g, ', ').slice(0, 200)}"`;

function isValid({ validFrom, validTo }: X509Certificate, now: number): boolean {
  return Date.parse(validFrom) <= now && now <= Date.parse(validTo);
}

function hasIssued(issuer: X509Certificate, subject: X509Certificate): boolean {
  // The names first: they are compared fast, and a signature is not.
  return (
    issuer.subject === subject.issuer && issuer.ca && subject.checkIssued(issuer) && isSigned(subject, issuer)
  );
}

function isSigned(subject: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return subject.verify(issuer.publicKey);
  } catch {
    return false; // a key of another kind than the signature's
  }
}

let known: readonly X509Certificate[] | undefined;

/** Gives Node's list of authorities; read once, since it has more than a hundred. */
function builtIn(): readonly X509Certificate[] {
  known ??= rootCertificates.map((pem) => new X509Certificate(pem));
  return known;
}
