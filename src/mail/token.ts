/**
 * The token of a reply address: who may reply, to which thread, proven by an HMAC under the user's key.
 *
 * 30 bytes in base32. Sealed (0x02): user, thread number, replied-to and MAC, judged from the address alone.
 * Bound (0x01): user, nonce, a 4-byte MAC that lets RCPT refuse junk, and a MAC over the notification's
 * Message-ID. All integers are big-endian (docs/how-it-works.md, The reply address, with test vectors).
 * Contract: a parsed token is only well-formed; nothing in it is to be believed before its MAC was verified.
 * MACs are compared in constant time.
 */
import { timingSafeEqual } from 'node:crypto';
import { TOKEN_CHARS } from './address.ts';
import { decodeBase32, encodeBase32 } from './base32.ts';
import { hmacSha256 } from './hmac.ts';

/** Largest user or thread number: 40 bits. */
export const MAX_NUMBER = 2 ** 40 - 1;

/** Largest replied-to time in a sealed token: Unix seconds in 32 bits. */
export const MAX_REPLIED_TO = 2 ** 32 - 1;

/** Bytes of a salt. */
export const SALT_BYTES = 32;

/** Seconds that a replied-to time may lie in the future (docs/how-it-works.md, The reply address). */
const FUTURE_SKEW_SECONDS = 300;

const TOKEN_BYTES = 30;
const PEPPER_FINGERPRINT_BYTES = 16;
const SEALED = 0x02;
const BOUND = 0x01;
/** Of another length than a salt, so that no key of a user is ever shown by it. */
const PEPPER_LABEL = Buffer.from('mailgw/1 pepper fingerprint\0');
const SEALED_LABEL = Buffer.from('mailgw/2 reply\0');
const BOUND_ADDRESS_LABEL = Buffer.from('mailgw/1 address\0');
const BOUND_REPLY_LABEL = Buffer.from('mailgw/1 reply\0');

/** A sealed token taken apart; `repliedTo` in Unix seconds. */
export interface SealedToken {
  readonly form: 'sealed';
  readonly bytes: Buffer;
  readonly userNumber: number;
  readonly threadNumber: number;
  readonly repliedTo: number;
}

/** A bound token taken apart. */
export interface BoundToken {
  readonly form: 'bound';
  readonly bytes: Buffer;
  readonly userNumber: number;
  readonly nonce: Buffer;
}

/** A well-formed token of either form. */
export type Token = SealedToken | BoundToken;

/** Derives the key of a user: `HMAC-SHA256(pepper, salt)`. Without the pepper the database alone forges nothing. */
export function userKey(pepper: Uint8Array, salt: Uint8Array): Buffer {
  return hmacSha256(pepper, salt);
}

/** Takes the fingerprint by which a pepper is recognised, and from which nothing of it can be learnt. */
export function pepperFingerprint(pepper: Uint8Array): Buffer {
  return hmacSha256(pepper, PEPPER_LABEL).subarray(0, PEPPER_FINGERPRINT_BYTES);
}

/** Takes a token text of either case apart; `undefined` when it is not well-formed. */
export function parseToken(text: string): Token | undefined {
  if (text.length !== TOKEN_CHARS) return undefined;
  const decoded = decodeBase32(text);
  if (decoded === undefined) return undefined;
  const bytes = Buffer.from(decoded.buffer, decoded.byteOffset, decoded.byteLength);
  const userNumber = bytes.readUIntBE(1, 5);
  switch (bytes[0]) {
    case SEALED:
      return {
        form: 'sealed',
        bytes,
        userNumber,
        threadNumber: bytes.readUIntBE(6, 5),
        repliedTo: bytes.readUInt32BE(11),
      };
    case BOUND:
      return { form: 'bound', bytes, userNumber, nonce: bytes.subarray(6, 10) };
    default:
      return undefined;
  }
}

/** Spells a token as its address does, in lower case. */
export function tokenText({ bytes }: Token): string {
  return encodeBase32(bytes);
}

/** The contents of a sealed token before it is minted; `repliedTo` in Unix seconds. */
export interface SealedClaim {
  readonly userNumber: number;
  readonly threadNumber: number;
  readonly repliedTo: number;
  readonly locator: string;
}

/** Mints a sealed token; throws RangeError when a number does not fit its field. */
export function mintSealedToken(key: Uint8Array, claim: SealedClaim): string {
  const bytes = Buffer.alloc(TOKEN_BYTES);
  bytes[0] = SEALED;
  bytes.writeUIntBE(claim.userNumber, 1, 5);
  bytes.writeUIntBE(claim.threadNumber, 6, 5);
  bytes.writeUInt32BE(claim.repliedTo, 11);
  sealedMac(key, bytes, claim.locator).copy(bytes, 15, 0, 15);
  return encodeBase32(bytes);
}

/** Tells whether a sealed token was minted under `key` for the thread at `locator`. */
export function verifySealedToken(key: Uint8Array, token: SealedToken, locator: string): boolean {
  return timingSafeEqual(sealedMac(key, token.bytes, locator).subarray(0, 15), token.bytes.subarray(15));
}

function sealedMac(key: Uint8Array, bytes: Buffer, locator: string): Buffer {
  return hmacSha256(key, SEALED_LABEL, bytes.subarray(0, 15), locator);
}

/** Mints a bound token for a notification's Message-ID (no brackets); `nonce` is 4 random bytes. */
export function mintBoundToken(
  key: Uint8Array,
  claim: { readonly userNumber: number; readonly nonce: Uint8Array; readonly messageId: string },
): string {
  const bytes = Buffer.alloc(TOKEN_BYTES);
  bytes[0] = BOUND;
  bytes.writeUIntBE(claim.userNumber, 1, 5);
  bytes.set(claim.nonce.subarray(0, 4), 6);
  boundAddressMac(key, bytes).copy(bytes, 10, 0, 4);
  boundReplyMac(key, bytes, claim.messageId).copy(bytes, 14, 0, 16);
  return encodeBase32(bytes);
}

/** Tells whether a bound token's address part was minted under `key`: enough to refuse junk at RCPT. */
export function verifyBoundAddress(key: Uint8Array, token: BoundToken): boolean {
  return timingSafeEqual(boundAddressMac(key, token.bytes).subarray(0, 4), token.bytes.subarray(10, 14));
}

/** Tells whether a bound token was minted under `key` for the notification `messageId` (no brackets). */
export function verifyBoundReply(key: Uint8Array, token: BoundToken, messageId: string): boolean {
  return timingSafeEqual(
    boundReplyMac(key, token.bytes, messageId).subarray(0, 16),
    token.bytes.subarray(14, 30),
  );
}

function boundAddressMac(key: Uint8Array, bytes: Buffer): Buffer {
  return hmacSha256(key, BOUND_ADDRESS_LABEL, bytes.subarray(0, 10));
}

function boundReplyMac(key: Uint8Array, bytes: Buffer, messageId: string): Buffer {
  return hmacSha256(key, BOUND_REPLY_LABEL, bytes.subarray(0, 14), messageId);
}

/** Judges a replied-to time (Unix seconds) by our own clock, never by the Date field. */
export function judgeAge(
  repliedTo: number,
  nowMs: number,
  maxAgeMs: number,
): 'valid' | 'expired' | 'in-the-future' {
  const ageMs = nowMs - repliedTo * 1000;
  if (ageMs > maxAgeMs) return 'expired';
  return ageMs < -FUTURE_SKEW_SECONDS * 1000 ? 'in-the-future' : 'valid';
}
