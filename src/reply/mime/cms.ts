/**
 * The content of a CMS structure that is not encrypted: what S/MIME signs opaquely, or compresses.
 *
 * Contract: `openCms` gives the content and what it was wrapped in, or `undefined` for what is encrypted, holds no
 * content, or is no CMS. Signatures and certificates are not looked at: whoever reads the content knows who wrote it no
 * better than before. DER and BER alike, so lengths that are left open and strings in pieces; content that a damaged
 * message cuts off is given as far as it goes. Never throws; linear in the size.
 * Standards: RFC 5652 §3, §5.1, §5.2; RFC 3274 §1.1; X.690 §8.1.
 * Limits: 16 levels of nesting, 8 MiB of what was compressed.
 */
import { inflateSync } from 'node:zlib';

/** The content of a structure: a MIME entity as a rule. */
export interface CmsContent {
  readonly kind: 'signed' | 'compressed';
  readonly content: Buffer;
}

const MAX_DEPTH = 16;
const MAX_INFLATED_BYTES = 8 * 1024 * 1024;

const SIGNED_DATA = Buffer.from('2a864886f70d010702', 'hex');
const COMPRESSED_DATA = Buffer.from('2a864886f70d0109100109', 'hex');

const OID = 0x06;
const OCTET_STRING = 0x04;
const SEQUENCE = 0x30;
const EXPLICIT_0 = 0xa0;
const CONSTRUCTED = 0x20;

/** One element: `end` bounds what it may hold where `isOpen`, an end-of-contents mark being looked for within. */
interface Element {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
  readonly isOpen: boolean;
}

/** Opens a structure. */
export function openCms(bytes: Buffer): CmsContent | undefined {
  const info = element(bytes, 0, bytes.length);
  if (info?.tag !== SEQUENCE) return undefined;
  const type = element(bytes, info.start, info.end);
  if (type?.tag !== OID) return undefined;
  const structure = childOf(bytes, element(bytes, type.end, info.end), EXPLICIT_0);
  if (structure?.tag !== SEQUENCE) return undefined;
  const oid = bytes.subarray(type.start, type.end);
  if (oid.equals(SIGNED_DATA)) {
    const content = encapsulated(bytes, structure);
    return content === undefined ? undefined : { kind: 'signed', content };
  }
  if (!oid.equals(COMPRESSED_DATA)) return undefined;
  const content = inflate(encapsulated(bytes, structure));
  return content === undefined ? undefined : { kind: 'compressed', content };
}

/** Reads the octets of the EncapsulatedContentInfo, which follows a version and the algorithms. */
function encapsulated(bytes: Buffer, structure: Element): Buffer | undefined {
  const version = element(bytes, structure.start, structure.end);
  const algorithmsEnd = version === undefined ? undefined : endOf(bytes, version);
  if (algorithmsEnd === undefined) return undefined;
  const algorithms = element(bytes, algorithmsEnd, structure.end);
  const at = algorithms === undefined ? undefined : endOf(bytes, algorithms);
  const info = at === undefined ? undefined : element(bytes, at, structure.end);
  if (info?.tag !== SEQUENCE) return undefined;
  const type = element(bytes, info.start, info.end);
  if (type?.tag !== OID) return undefined;
  const string = childOf(bytes, element(bytes, type.end, info.end), EXPLICIT_0);
  if (string === undefined || (string.tag & ~CONSTRUCTED) !== OCTET_STRING) return undefined;
  return octets(bytes, string);
}

/** Gives the first element within `parent`, when that has the tag. */
function childOf(bytes: Buffer, parent: Element | undefined, tag: number): Element | undefined {
  return parent?.tag === tag ? element(bytes, parent.start, parent.end) : undefined;
}

/** Reads the head of the element at `at`; a length beyond `limit` is cut there, as a damaged message would have it. */
function element(bytes: Buffer, at: number, limit: number): Element | undefined {
  const tag = bytes[at];
  const first = bytes[at + 1];
  // Tags of several bytes have no place on the way to the content.
  if (tag === undefined || first === undefined || at + 2 > limit || (tag & 0x1f) === 0x1f) return undefined;
  if (first < 0x80) return { tag, start: at + 2, end: Math.min(at + 2 + first, limit), isOpen: false };
  if (first === 0x80) {
    return (tag & CONSTRUCTED) === 0 ? undefined : { tag, start: at + 2, end: limit, isOpen: true };
  }
  const start = at + 2 + (first & 0x7f);
  if (start > limit) return undefined;
  let length = 0;
  for (let index = at + 2; index < start; index++) length = length * 256 + (bytes[index] ?? 0);
  return { tag, start, end: Math.min(start + length, limit), isOpen: false };
}

/** Finds where the next element begins; `undefined` when the element has no end, or nests too deep to look for it. */
function endOf(bytes: Buffer, { start, end, isOpen }: Element, depth = 0): number | undefined {
  if (!isOpen) return end;
  if (depth === MAX_DEPTH) return undefined;
  let at: number | undefined = start;
  while (at !== undefined && !isMark(bytes, at)) {
    const inner = element(bytes, at, end);
    at = inner === undefined ? undefined : endOf(bytes, inner, depth + 1);
  }
  return at === undefined ? undefined : at + 2;
}

/** Tells whether the two zeros that end an open element stand here. */
function isMark(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0 && bytes[at + 1] === 0;
}

/** Reads the octets of a string, in one piece or in several. */
function octets(bytes: Buffer, string: Element): Buffer {
  if ((string.tag & CONSTRUCTED) === 0) return bytes.subarray(string.start, string.end);
  // One copy: pieces of a byte each would cost a hundred times their size as a list.
  const out = { bytes: Buffer.allocUnsafeSlow(string.end - string.start), length: 0 };
  collect(bytes, string, out, 0);
  return out.bytes.subarray(0, out.length);
}

/** Copies the pieces of a string and gives where it ends; `undefined` where no element can be read any more. */
function collect(
  bytes: Buffer,
  string: Element,
  out: { readonly bytes: Buffer; length: number },
  depth: number,
): number | undefined {
  let at: number | undefined = string.start;
  while (at !== undefined && at < string.end) {
    if (string.isOpen && isMark(bytes, at)) return at + 2;
    const piece = element(bytes, at, string.end);
    if (piece === undefined || depth === MAX_DEPTH) return undefined;
    if (piece.tag === (OCTET_STRING | CONSTRUCTED)) {
      at = collect(bytes, piece, out, depth + 1);
    } else if (piece.tag === OCTET_STRING) {
      out.length += bytes.copy(out.bytes, out.length, piece.start, piece.end);
      at = piece.end;
    } else {
      return undefined;
    }
  }
  return at;
}

function inflate(packed: Buffer | undefined): Buffer | undefined {
  if (packed === undefined) return undefined;
  try {
    return inflateSync(packed, { maxOutputLength: MAX_INFLATED_BYTES });
  } catch {
    return undefined; // damaged, or larger than the limit
  }
}
