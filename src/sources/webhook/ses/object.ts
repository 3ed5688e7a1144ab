/**
 * A mail in Amazon S3, where SES put it.
 *
 * Contract: one GET, signed; the host is made of the bucket and the topic's region, or is the configured endpoint. Failure:
 * `later`, in words that say which permission or object is missing: the mail stays in the bucket, and the call comes again.
 * Standards: Amazon S3 API Reference, GetObject and "Error responses"; "Virtual hosting of general purpose buckets" for
 * hosts, with the path style where a dot in the bucket's name would not match S3's certificate.
 * Limits: {@link WITHIN_MS}, since SNS waits for 15 seconds.
 */
import type { Refusal } from '../provider.ts';
import { refuse } from '../provider.ts';
import type { Get } from './get.ts';
import type { S3Object } from './notification.ts';
import { type AwsKey, encodeKey, signGet } from './signature-v4.ts';
import type { Topic } from './topic.ts';

const WITHIN_MS = 12_000;

/** Bytes of an answer that may be an error in XML. */
const ERROR_BYTES = 4096;

/** What objects are fetched with. */
export interface ObjectOptions {
  readonly topic: Topic;
  readonly key: AwsKey;
  /** An origin in place of S3's; empty is S3. */
  readonly endpoint: string;
  readonly get: Get;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly withinMs?: number;
}

/** A mail; where it is too big, its beginning. */
export interface ObjectMail {
  readonly kind: 'object';
  readonly raw: Buffer;
  readonly isTooBig: boolean;
}

/** Fetches a mail of up to `mostBytes`. */
export async function fetchObject(
  object: S3Object,
  mostBytes: number,
  options: ObjectOptions,
  signal: AbortSignal,
): Promise<ObjectMail | Refusal> {
  const { topic, get, now, withinMs = WITHIN_MS } = options;
  const { origin, path } = placeOf(object, options);
  const signed = { host: new URL(origin).host, path, headers: {}, region: topic.region, at: now() };
  const request = {
    origin,
    path,
    headers: signGet(signed, options.key),
    mostBytes: Math.max(mostBytes, ERROR_BYTES),
  };
  const where = `s3://${object.bucket}/${printable(object.key)}`;
  const within = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
  const answer = await get(request, within).catch((error: unknown) => error);
  if (!isAnswer(answer)) return refuse('later', `${where}: ${describe(answer)}`);
  const { status, headers, bytes, isWhole } = answer;
  if (status !== 200) return refuse('later', `${where}: ${problemOf(status, bytes)}`);
  if (headers['x-amz-meta-x-amz-key-v2'] !== undefined || headers['x-amz-meta-x-amz-key'] !== undefined)
    return refuse(
      'later',
      `${where} is encrypted by SES itself; turn off "Message encryption" in the receipt rule`,
    );
  if (bytes.length > mostBytes) return { kind: 'object', raw: bytes.subarray(0, mostBytes), isTooBig: true };
  if (!isWhole) return refuse('later', `${where}: the answer broke off after ${bytes.length} bytes`);
  if (bytes.length === 0) return refuse('later', `${where} is empty`);
  return { kind: 'object', raw: bytes, isTooBig: false };
}

function placeOf(
  { bucket, key }: S3Object,
  { topic, endpoint }: ObjectOptions,
): { origin: string; path: string } {
  const encoded = encodeKey(key);
  if (endpoint !== '') return { origin: endpoint, path: `/${bucket}/${encoded}` };
  const s3 = topic.host.replace(/^sns\./, 's3.');
  return bucket.includes('.')
    ? { origin: `https://${s3}`, path: `/${bucket}/${encoded}` }
    : { origin: `https://${bucket}.${s3}`, path: `/${encoded}` };
}

/** Says what an error of S3's means, by its code. */
function problemOf(status: number, bytes: Buffer): string {
  const [, code = ''] = /<Code>([A-Za-z]{1,60})<\/Code>/.exec(bytes.toString('latin1', 0, ERROR_BYTES)) ?? [];
  const named = code === '' ? `S3 answers ${status}` : `S3 answers ${status} ${code}`;
  return `${named}; ${ADVICE.get(code) ?? ADVICE.get(String(status)) ?? 'it is asked again'}`;
}

const ADVICE = new Map([
  ['NoSuchKey', 'the object is not there: look for a lifecycle rule that removes it too early'],
  ['NoSuchBucket', 'the bucket is not there, or not in the region of the topic'],
  ['AccessDenied', 'the key needs s3:GetObject on the bucket'],
  ['InvalidAccessKeyId', 'the key in s3_key_file is not known'],
  ['SignatureDoesNotMatch', 'the secret in s3_key_file is not that of its key'],
  ['RequestTimeTooSkewed', 'the clock of this host is wrong'],
  ['ExpiredToken', 'the key in s3_key_file has expired'],
  ['PermanentRedirect', 'the bucket is in another region than the topic'],
  ['AuthorizationHeaderMalformed', 'the bucket is in another region than the topic'],
  ['301', 'the bucket is in another region than the topic'],
  ['403', 'the key needs s3:GetObject on the bucket'],
  ['404', 'the object is not there'],
]);

const isAnswer = (value: unknown): value is Awaited<ReturnType<Get>> =>
  typeof value === 'object' && value !== null && 'status' in value && 'bytes' in value;

const describe = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, 200);

const printable = (key: string): string => key.replace(/[^\x21-\x7e]/g, '?').slice(0, 200);
