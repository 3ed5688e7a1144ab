/**
 * The tree of a message's parts, by offsets into the raw bytes.
 *
 * Contract: the walk never throws and never copies; it goes over the bytes once, with an explicit stack of the
 * open multiparts, so that time is linear in the size and the memory in the number of parts. What stands before
 * the first and after the last boundary belongs to no part. A missing boundary parameter is guessed from the
 * first line that could be one; a multipart without parts keeps its bytes and counts as a leaf.
 * An enclosed message (message/rfc822) is a leaf: what it says, somebody else wrote.
 * Standards: RFC 2046 §5.1. Limits: depth 20, 200 parts, header block of a part as in mail/header.ts.
 */
import { HEADER_LIMITS, type HeaderField, scanHeader } from '../../mail/header.ts';
import { parseMimeField } from './field.ts';

/** How deep multiparts may nest (docs/how-it-works.md, Limits). */
export const MAX_MIME_DEPTH = 20;

/** How many parts a message may have. */
export const MAX_MIME_PARTS = 200;

/** One part; `start` and `end` bound its undecoded body in `source`, the message or what was signed in it. */
export interface MimePart {
  readonly source: Buffer;
  readonly fields: readonly HeaderField[];
  /** Media type in lower case, always with a slash. */
  readonly type: string;
  readonly params: ReadonlyMap<string, string>;
  readonly disposition: string;
  readonly dispositionParams: ReadonlyMap<string, string>;
  /** The Content-ID without its brackets. */
  readonly contentId: string | undefined;
  /** Content-Transfer-Encoding in lower case; empty when there is none. */
  readonly encoding: string;
  readonly start: number;
  readonly end: number;
  readonly children: readonly MimePart[];
}

/** The tree, and the limit that kept a part of it closed. */
export interface MimeTree {
  readonly root: MimePart;
  readonly limit: 'depth' | 'parts' | undefined;
}

interface OpenPart extends MimePart {
  end: number;
  readonly children: OpenPart[];
}

/** A multipart under way and the bytes of its delimiter after the two dashes. */
interface Frame {
  readonly part: OpenPart;
  readonly boundary: Buffer;
}

interface Delimiter {
  readonly lineStart: number;
  readonly lineEnd: number;
  readonly frame: number;
  readonly closes: boolean;
}

const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;
const DELIMITER = Buffer.from('\n--');
const MAX_BOUNDARY_BYTES = 1000;

/** Reads the file name that the sender gave, as it stands: not decoded, not safe. */
export function declaredName(part: MimePart): string | undefined {
  const name = part.dispositionParams.get('filename') ?? part.params.get('name');
  return name === '' ? undefined : name;
}

/** Walks `raw` and gives its tree. */
export function walkMime(raw: Buffer): MimeTree {
  const root = openPart(raw, 0, raw.length, 'text/plain');
  const frames: Frame[] = [];
  let limit: MimeTree['limit'];
  let parts = 1;
  let current: OpenPart | undefined = pushIfMultipart(raw, frames, root) ? undefined : root;
  let at = root.start;
  while (frames.length > 0) {
    const delimiter = findDelimiter(raw, at, raw.length, frames);
    if (delimiter === undefined) break;
    if (current !== undefined) current.end = bodyEnd(raw, current.start, delimiter.lineStart);
    current = undefined;
    closeFrames(raw, frames, delimiter.frame + (delimiter.closes ? 0 : 1), delimiter.lineStart);
    at = delimiter.lineEnd;
    if (delimiter.closes) continue;
    if (parts === MAX_MIME_PARTS) {
      limit = 'parts';
      closeFrames(raw, frames, 0, delimiter.lineStart);
      break;
    }
    parts++;
    const parent = frames[delimiter.frame]?.part ?? root;
    const part = openPart(raw, at, headerEnd(raw, at, frames), defaultType(parent));
    parent.children.push(part);
    at = part.start;
    if (frames.length >= MAX_MIME_DEPTH && part.type.startsWith('multipart/')) limit = 'depth';
    else if (pushIfMultipart(raw, frames, part)) continue;
    current = part;
  }
  return { root, limit };
}

/** Ends the frames from `from` inwards; a part still open ends with its frame. */
function closeFrames(raw: Buffer, frames: Frame[], from: number, at: number): void {
  for (const frame of frames.splice(from)) frame.part.end = bodyEnd(raw, frame.part.start, at);
}

/** Finds the end of a body: the line end before a delimiter belongs to the delimiter (RFC 2046 §5.1.1). */
function bodyEnd(raw: Buffer, start: number, delimiterStart: number): number {
  let end = delimiterStart;
  if (end > start && raw[end - 1] === LF) end--;
  if (end > start && raw[end - 1] === CR) end--;
  return end;
}

function defaultType(parent: MimePart): string {
  return parent.type === 'multipart/digest' ? 'message/rfc822' : 'text/plain';
}

/** Finds where the header block of a part at `from` must be over: at the next delimiter, or at the limit. */
function headerEnd(raw: Buffer, from: number, frames: readonly Frame[]): number {
  const stop = Math.min(raw.length, from + HEADER_LIMITS.maxBlockBytes);
  return findDelimiter(raw, from, stop, frames)?.lineStart ?? stop;
}

/** Gives a declared type as the platform may see it: with other than printable ASCII in it, it says nothing. */
function shownType(type: string): string {
  return /^[!-~]+$/.test(type) ? type : 'application/octet-stream';
}

/** Reads a part's header; its body reaches to the end of the message until a delimiter says otherwise. */
function openPart(raw: Buffer, from: number, headerStop: number, fallbackType: string): OpenPart {
  const scan = scanHeader(raw.subarray(from, headerStop));
  // A block beyond the limits is nothing that a person's client wrote: keep the bytes as an unknown file.
  const fields = scan.ok ? scan.header.fields : [];
  const type = parseMimeField(field(fields, 'content-type') ?? '');
  const disposition = parseMimeField(field(fields, 'content-disposition') ?? '');
  const fallback = scan.ok ? fallbackType : 'application/octet-stream';
  return {
    source: raw,
    fields,
    type: /^[^\s/]+\/[^\s/]+$/.test(type.value) ? shownType(type.value) : fallback,
    params: type.params,
    disposition: disposition.value,
    dispositionParams: disposition.params,
    contentId: field(fields, 'content-id')?.replace(/^[\s<]+|[\s>]+$/g, ''),
    encoding: parseMimeField(field(fields, 'content-transfer-encoding') ?? '').value,
    start: from + (scan.ok ? scan.header.bodyOffset : 0),
    end: raw.length,
    children: [],
  };
}

function field(fields: readonly HeaderField[], name: string): string | undefined {
  return fields.find((candidate) => candidate.name === name)?.value;
}

function pushIfMultipart(raw: Buffer, frames: Frame[], part: OpenPart): boolean {
  if (!part.type.startsWith('multipart/')) return false;
  const declared = part.params.get('boundary')?.trimEnd();
  const boundary = declared === undefined || declared === '' ? guessBoundary(raw, part.start) : declared;
  if (boundary === undefined || boundary.length > MAX_BOUNDARY_BYTES) return false;
  frames.push({ part, boundary: Buffer.from(boundary) });
  return true;
}

/**
 * Guesses the boundary: the first line of the body, within 4 KiB, that starts with two dashes and has a header or a
 * blank line below.
 */
function guessBoundary(raw: Buffer, from: number): string | undefined {
  const text = raw.toString('latin1', from, from + 4096);
  return /(?:^|\n)--(\S[^\r\n]{0,70}?)[ \t]*\r?\n(?=[A-Za-z][A-Za-z-]*:|\r?\n)/.exec(text)?.[1];
}

/** Finds the next line within `from`–`to` that is a delimiter of an open multipart, the innermost first. */
function findDelimiter(
  raw: Buffer,
  from: number,
  to: number,
  frames: readonly Frame[],
): Delimiter | undefined {
  let lineStart = raw[from] === DASH && raw[from + 1] === DASH ? from : nextDashes(raw, from);
  while (lineStart !== -1 && lineStart < to) {
    for (let frame = frames.length - 1; frame >= 0; frame--) {
      const match = matchDelimiter(raw, lineStart, (frames[frame] as Frame).boundary);
      if (match !== undefined) return { lineStart, frame, ...match };
    }
    lineStart = nextDashes(raw, lineStart);
  }
  return undefined;
}

function nextDashes(raw: Buffer, from: number): number {
  const index = raw.indexOf(DELIMITER, from);
  return index === -1 ? -1 : index + 1;
}

/** Tells whether the line is `--boundary` or `--boundary--`, blanks after it allowed. */
function matchDelimiter(
  raw: Buffer,
  lineStart: number,
  boundary: Buffer,
): { lineEnd: number; closes: boolean } | undefined {
  // Byte by byte: a native comparison costs a call for every line of dashes and every open multipart.
  let at = lineStart + 2;
  for (let index = 0; index < boundary.length; index++, at++)
    if (raw[at] !== boundary[index]) return undefined;
  const closes = raw[at] === DASH && raw[at + 1] === DASH;
  if (closes) at += 2;
  while (raw[at] === 0x20 || raw[at] === 0x09 || raw[at] === CR) at++;
  if (at < raw.length && raw[at] !== LF) return undefined;
  return { lineEnd: Math.min(at + 1, raw.length), closes };
}
