/**
 * The signature of a GET to Amazon S3, version 4.
 *
 * Contract: pure. Every header that is given is signed, and so is the host; the body is empty. Standards: Amazon S3 API
 * Reference, "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk"; its example of
 * GET Object is in the tests.
 */
import { createHash, createHmac } from 'node:crypto';

/** A key of an AWS account's user or role. */
export interface AwsKey {
  readonly id: string;
  readonly secret: string;
  /** The session of a key that is lent for a time. */
  readonly session: string | undefined;
}

/** A request to be signed. */
export interface SignedGet {
  readonly host: string;
  /** As it is sent: each segment encoded once ({@link encodeKey}). */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/** The digest of an empty body. */
const EMPTY = createHash('sha256').digest('hex');

/** Encodes the key of an object for a path: everything but letters, digits and `-._~`, and the slashes between segments. */
export function encodeKey(key: string): string {
  return key.split('/').map(encodeSegment).join('/');
}

function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Gives the headers of a request with its signature. */
export function signGet({ host, path, headers, region, at }: SignedGet, key: AwsKey): Record<string, string> {
  const time = new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const day = time.slice(0, 8);
  const sent: Record<string, string> = {
    ...headers,
    host,
    'x-amz-content-sha256': EMPTY,
    'x-amz-date': time,
    ...(key.session === undefined ? {} : { 'x-amz-security-token': key.session }),
  };
  const named = Object.entries(sent)
    .map(([name, value]) => [name.toLowerCase(), value.trim()] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const names = named.map(([name]) => name).join(';');
  const fields = named.map(([name, value]) => `${name}:${value}\n`).join('');
  const canonical = ['GET', path, '', fields, names, EMPTY].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const digest = createHash('sha256').update(canonical).digest('hex');
  const secret = [day, region, 's3', 'aws4_request'].reduce<Buffer | string>(
    (last, part) => hmac(last, part),
    `AWS4${key.secret}`,
  );
  const signature = hmac(secret, [ALGORITHM, time, scope, digest].join('\n')).toString('hex');
  return {
    ...sent,
    authorization: `${ALGORITHM} Credential=${key.id}/${scope},SignedHeaders=${names},Signature=${signature}`,
  };
}

const hmac = (key: Buffer | string, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** The form of a file with a key, in words. */
export const KEY_FORM =
  'lines "aws_access_key_id = …" and "aws_secret_access_key = …", as in ~/.aws/credentials';

/** Reads a key from the first profile of a file; undefined where there is none. */
export function readAwsKey(text: string): AwsKey | undefined {
  const found = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('[') && found.size > 0) break;
    const [, name, value] = /^\s*(aws_\w+)\s*=\s*(\S+)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) found.set(name, value);
  }
  const id = found.get('aws_access_key_id');
  const secret = found.get('aws_secret_access_key');
  return id === undefined || secret === undefined
    ? undefined
    : { id, secret, session: found.get('aws_session_token') };
}
