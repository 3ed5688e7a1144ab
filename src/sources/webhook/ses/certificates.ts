/**
 * The signing certificates of Amazon SNS, fetched and kept.
 *
 * Contract: a key is given only of a certificate whose chain is believed (certificate-chain.ts). It is fetched over TLS from
 * the topic's own host; no redirect is followed. It is kept for {@link KEPT_MS} at most, and never beyond its validity.
 * Calls that wait for one certificate share the fetch. Failure: `forged` where the host has no such certificate or it is
 * not believed; `later` where nothing can be said now.
 * Limits: {@link MOST_KEPT} addresses, {@link MOST_FETCHES} at a time, {@link MOST_BYTES} and {@link WITHIN_MS} each, since
 * a stranger chooses the name of the file: what failed is not fetched again for {@link FAILED_MS}.
 */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { errorLine } from '../../../system/error-text.ts';
import { issuerPlace, judgeChain, readCertificates } from './certificate-chain.ts';
import type { Get, GetAnswer } from './get.ts';
import type { Topic } from './topic.ts';

const KEPT_MS = 24 * 3600 * 1000;
const FAILED_MS = 60_000;
const MOST_KEPT = 16;
const MOST_FETCHES = 4;
const MOST_BYTES = 16 * 1024;

/** SNS waits for 15 seconds. */
const WITHIN_MS = 5_000;

/** A key to verify with, or why there is none. */
export type SigningKey =
  | { readonly kind: 'key'; readonly key: KeyObject }
  | { readonly kind: 'forged' | 'later'; readonly reason: string };

/** What certificates are fetched and judged with. */
export interface CertificateOptions {
  readonly topic: Topic;
  /** The authorities that are believed; undefined is Node's list. */
  readonly authorities: readonly X509Certificate[] | undefined;
  readonly get: Get;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly withinMs?: number;
}

interface Kept {
  readonly signingKey: SigningKey;
  readonly until: number;
}

/** The certificates of one topic. */
export class Certificates {
  readonly #options: CertificateOptions;
  /** By the path; the one kept longest comes first. */
  readonly #kept = new Map<string, Kept>();
  readonly #fetches = new Map<string, Promise<SigningKey>>();

  constructor(options: CertificateOptions) {
    this.#options = options;
  }

  /** Gives the key of the certificate at a path of the topic's host. */
  async keyAt(path: string): Promise<SigningKey> {
    const kept = this.#kept.get(path);
    if (kept !== undefined && this.#options.now() < kept.until) return kept.signingKey;
    const underWay = this.#fetches.get(path);
    if (underWay !== undefined) return underWay;
    if (this.#fetches.size >= MOST_FETCHES)
      return { kind: 'later', reason: `${MOST_FETCHES} certificates are being fetched already` };
    const fetching = this.#fetch(path).finally(() => this.#fetches.delete(path));
    this.#fetches.set(path, fetching);
    return fetching;
  }

  async #fetch(path: string): Promise<SigningKey> {
    const { now, withinMs = WITHIN_MS } = this.#options;
    const signal = AbortSignal.timeout(withinMs);
    let until = now() + FAILED_MS;
    let signingKey: SigningKey;
    try {
      const certificate = await this.#believed(path, signal);
      if (certificate instanceof X509Certificate) {
        until = Math.min(now() + KEPT_MS, Date.parse(certificate.validTo));
        signingKey = { kind: 'key', key: certificate.publicKey };
      } else {
        signingKey = certificate;
      }
    } catch (error) {
      signingKey = { kind: 'later', reason: `the certificate cannot be fetched: ${errorLine(error)}` };
    }
    this.#keep(path, { signingKey, until });
    return signingKey;
  }

  async #believed(path: string, signal: AbortSignal): Promise<X509Certificate | SigningKey> {
    const { topic, authorities, now } = this.#options;
    const answer = await this.#ask(`https://${topic.host}`, path, signal);
    if (answer.status >= 500 || answer.status === 429)
      return { kind: 'later', reason: `${topic.host} answers ${answer.status} for the certificate` };
    if (answer.status !== 200) return forged(`${topic.host} answers ${answer.status} for the certificate`);
    if (!answer.isWhole) return forged(`the certificate is larger than ${MOST_BYTES} bytes, or breaks off`);
    const [certificate, ...others] = readCertificates(answer.bytes.toString('latin1')) ?? [];
    if (certificate === undefined) return forged('there is no certificate in PEM');
    const rules = { names: topic.certificateNames, authorities, now: now() };
    const judged = judgeChain(certificate, others, rules);
    if (judged.kind === 'believed') return certificate;
    if (judged.kind === 'refused') return forged(judged.problem);
    const issuer = await this.#issuerOf(judged.last, signal);
    if (issuer === undefined) return forged(judged.problem);
    const again = judgeChain(certificate, [...others, issuer], rules);
    return again.kind === 'believed' ? certificate : forged(again.problem);
  }

  /** Fetches the certificate of an issuer, which SNS leaves out of its files; undefined where it is not to be had. */
  async #issuerOf(certificate: X509Certificate, signal: AbortSignal): Promise<X509Certificate | undefined> {
    const place = issuerPlace(certificate);
    if (place === undefined) return undefined;
    const { status, bytes, isWhole } = await this.#ask(`http://${place.host}`, place.path, signal);
    if (status !== 200 || !isWhole) throw new Error(`${place.host} answers ${status} for the issuer`);
    try {
      return new X509Certificate(bytes);
    } catch {
      return undefined;
    }
  }

  async #ask(origin: string, path: string, signal: AbortSignal): Promise<GetAnswer> {
    try {
      return await this.#options.get({ origin, path, mostBytes: MOST_BYTES }, signal);
    } catch (error) {
      throw new Error(`${origin}: ${errorLine(error)}`, { cause: error });
    }
  }

  #keep(path: string, kept: Kept): void {
    this.#kept.delete(path);
    this.#kept.set(path, kept);
    // A certificate that is believed is not driven out by names that strangers make up.
    const failed = [...this.#kept].filter(([, { signingKey }]) => signingKey.kind !== 'key');
    const [oldest] = failed.length > MOST_KEPT / 2 ? failed : [...this.#kept];
    if (oldest !== undefined && (failed.length > MOST_KEPT / 2 || this.#kept.size > MOST_KEPT))
      this.#kept.delete(oldest[0]);
  }
}

const forged = (reason: string): SigningKey => ({ kind: 'forged', reason });
