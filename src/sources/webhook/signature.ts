/**
 * What signatures of calls have in common: comparing, timestamps, base64 that has one form, and Standard Webhooks.
 *
 * Contract: what is compared takes the same time wherever it differs. Several secrets may be good at a time, for a
 * rotation.
 * Standards: Standard Webhooks 1.0.0, RFC 4648 §3.5 (canonical encoding), FIPS 198-1.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type Call, onlyField, type Refusal, refuse } from './provider.ts';

const SECOND_MS = 1000;

/** How far into the future a timestamp may be: clocks differ. */
const AHEAD_MS = 5 * 60 * SECOND_MS;

/** Tells whether two texts or octets are the same, in a time that does not tell where they differ. */
export function isSame(one: string | Uint8Array, other: string | Uint8Array): boolean {
  const digest = (value: string | Uint8Array): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(one), digest(other));
}

/** Decodes base64 that is written in its one canonical form; undefined for any other. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return text !== '' && bytes.toString('base64') === text ? bytes : undefined;
}

/** Judges a timestamp in seconds; what is no number is no timestamp of the provider's. */
export function judgeTimestamp(text: string, now: number, mostAgeMs: number): Refusal | undefined {
  if (!/^\d{1,12}$/.test(text)) return refuse('forged', 'the timestamp is no number of seconds');
  const ageMs = now - Number(text) * SECOND_MS;
  if (ageMs > mostAgeMs) return refuse('untimely', `the timestamp is ${seconds(ageMs)} old`);
  if (ageMs < -AHEAD_MS) return refuse('untimely', `the timestamp is ${seconds(-ageMs)} ahead`);
  return undefined;
}

const seconds = (ms: number): string => `${Math.round(ms / SECOND_MS)} s`;

/** How old a call under Standard Webhooks may be: each attempt is signed anew. */
const STANDARD_AGE_MS = 5 * 60 * SECOND_MS;

/** The signatures of a call that are looked at: one for each secret of a rotation, and of other versions. */
const MOST_SIGNATURES = 16;

/**
 * Judges a call that is signed as Standard Webhooks says; `prefix` is that of its header fields, "webhook" or "svix".
 * Gives the id, or a refusal.
 */
export async function judgeStandard(
  call: Call,
  prefix: string,
  secrets: readonly Uint8Array[],
): Promise<{ readonly kind: 'genuine'; readonly id: string } | Refusal> {
  const read = standardFields(call, prefix);
  if ('kind' in read) return read;
  const { id, timestamp, signatures } = read;
  const hmacs = secrets.map((secret) => createHmac('sha256', secret).update(`${id}.${timestamp}.`));
  await update(hmacs, call);
  const expected = hmacs.map((hmac) => hmac.digest());
  // All of them, whichever is the right one.
  const matches = signatures.filter((given) => expected.filter((each) => isSame(each, given)).length > 0);
  if (matches.length === 0) return refuse('forged', 'no signature is of a secret of this source');
  return judgeTimestamp(timestamp, call.at, STANDARD_AGE_MS) ?? { kind: 'genuine', id };
}

/** Judges what of a call's header is needed under Standard Webhooks, before its body is there. */
export function judgeStandardHeader(call: Pick<Call, 'fields'>, prefix: string): Refusal | undefined {
  const read = standardFields(call, prefix);
  return 'kind' in read ? read : undefined;
}

interface StandardFields {
  readonly id: string;
  readonly timestamp: string;
  readonly signatures: readonly Buffer[];
}

function standardFields(call: Pick<Call, 'fields'>, prefix: string): StandardFields | Refusal {
  const field = (name: string): string | undefined => onlyField(call, `${prefix}-${name}`);
  const [id, timestamp, given] = [field('id'), field('timestamp'), field('signature')];
  if (id === undefined || timestamp === undefined || given === undefined)
    return refuse(
      'forged',
      `${prefix}-id, ${prefix}-timestamp or ${prefix}-signature is missing, or comes twice`,
    );
  // A dot would move the border between the id and what follows it.
  if (!/^[\w:-]{1,200}$/.test(id)) return refuse('forged', `${prefix}-id is of another form`);
  if (!/^\d{1,12}$/.test(timestamp)) return refuse('forged', `${prefix}-timestamp is no number of seconds`);
  const parts = given.split(' ');
  const signatures = parts.slice(0, MOST_SIGNATURES).flatMap((part) => {
    const bytes = part.startsWith('v1,') ? decodeBase64(part.slice('v1,'.length)) : undefined;
    return bytes?.length === 32 ? [bytes] : [];
  });
  if (signatures.length === 0) return refuse('forged', `${prefix}-signature has no signature of version 1`);
  return { id, timestamp, signatures };
}

async function update(hmacs: readonly ReturnType<typeof createHmac>[], { body }: Call): Promise<void> {
  for await (const piece of body.read()) {
    for (const hmac of hmacs) hmac.update(piece);
  }
}
