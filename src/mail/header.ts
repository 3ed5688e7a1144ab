/**
 * The header block of a message, found in one linear pass over the raw bytes.
 *
 * Contract: every field is kept, in order, duplicates included, so that a judgement never rests on which
 * of two From fields some parser would have picked. Values are unfolded (RFC 5322 §2.2.3) but not decoded.
 * A line that is no field ends the block, as in Postfix's cleanup(8). Bare LF ends a line as CRLF does.
 * Failure: a block beyond the limits is a value, never an exception.
 * Limits: docs/how-it-works.md, Limits; the time is linear in the size of the block for every input.
 */

/** One header field: `name` in lower case, `value` unfolded and trimmed, encoded-words left as they are. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
  /** Whether white space stands before the colon or alone in a line: what removes fields may overlook such a one. */
  readonly isSpaced?: true;
  /** Whether the field is no UTF-8, so that every character of the value stands for a byte. */
  readonly isBytes?: true;
}

/** The scanned block: its fields in order, and the offset of the first body byte in the raw message. */
export interface Header {
  readonly fields: readonly HeaderField[];
  readonly bodyOffset: number;
}

/** Bounds of one header block; sizes in bytes. */
export interface HeaderLimits {
  readonly maxBlockBytes: number;
  readonly maxFieldBytes: number;
  readonly maxFields: number;
}

/** The default bounds of docs/how-it-works.md, Limits. */
export const HEADER_LIMITS: HeaderLimits = {
  maxBlockBytes: 256 * 1024,
  maxFieldBytes: 100 * 1024,
  maxFields: 1000,
};

/** The block, or the limit that it breaks. */
export type HeaderScan =
  | { readonly ok: true; readonly header: Header }
  | { readonly ok: false; readonly problem: 'block-too-big' | 'field-too-big' | 'too-many-fields' };

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;

/** Measures the header block, its last line end included, and finds where the body starts. */
function findBlock(raw: Buffer): { end: number; bodyOffset: number } {
  if (raw[0] === LF) return { end: 0, bodyOffset: 1 };
  if (raw[0] === CR && raw[1] === LF) return { end: 0, bodyOffset: 2 };
  let lineEnd = raw.indexOf(LF);
  while (lineEnd !== -1) {
    const next = raw[lineEnd + 1];
    if (next === LF) return { end: lineEnd + 1, bodyOffset: lineEnd + 2 };
    if (next === CR && raw[lineEnd + 2] === LF) return { end: lineEnd + 1, bodyOffset: lineEnd + 3 };
    lineEnd = raw.indexOf(LF, lineEnd + 1);
  }
  return { end: raw.length, bodyOffset: raw.length };
}

/** Scans the header block of `raw`. */
export function scanHeader(raw: Uint8Array, limits: HeaderLimits = HEADER_LIMITS): HeaderScan {
  const whole = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  // One byte beyond the limit is enough to know that it is broken, however large the message is.
  const window = whole.subarray(0, limits.maxBlockBytes + 4);
  const block = findBlock(window);
  const fields: HeaderField[] = [];
  let start = 0;
  while (start < block.end) {
    let end = lineEndAt(window, start, block.end);
    let hasBlankLine = false;
    while (end < block.end && isBlank(window[end])) {
      hasBlankLine ||= isBlankLine(window, end);
      end = lineEndAt(window, end, block.end);
    }
    if (end - start > limits.maxFieldBytes) return { ok: false, problem: 'field-too-big' };
    const field = parseField(window, start, end, hasBlankLine);
    if (field === 'cut-off' && window.length < whole.length) return { ok: false, problem: 'block-too-big' };
    if (typeof field === 'string') {
      return start > limits.maxBlockBytes
        ? { ok: false, problem: 'block-too-big' }
        : { ok: true, header: { fields, bodyOffset: start } };
    }
    if (fields.length === limits.maxFields) return { ok: false, problem: 'too-many-fields' };
    fields.push(field);
    start = end;
  }
  if (block.end > limits.maxBlockBytes) return { ok: false, problem: 'block-too-big' };
  return { ok: true, header: { fields, bodyOffset: block.bodyOffset } };
}

/** Finds the index after the LF that ends the line starting at `from`, or `limit`. */
function lineEndAt(bytes: Buffer, from: number, limit: number): number {
  const lf = bytes.indexOf(LF, from);
  return lf === -1 || lf >= limit ? limit : lf + 1;
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB;
}

/** Tells whether the line from here holds white space alone. */
function isBlankLine(bytes: Buffer, from: number): boolean {
  let at = from;
  while (isBlank(bytes[at])) at++;
  return bytes[at] === LF || (bytes[at] === CR && bytes[at + 1] === LF);
}

/**
 * Reads one (folded) field. A line is none that has no colon, or other than VCHAR in its name; it is cut off when
 * the bytes end before that shows.
 */
function parseField(
  bytes: Buffer,
  start: number,
  end: number,
  hasBlankLine: boolean,
): HeaderField | 'no-field' | 'cut-off' {
  let index = start;
  for (; index < end; index++) {
    const byte = bytes[index] as number;
    if (byte === COLON) break;
    if (byte < 0x21 || byte > 0x7e) break;
  }
  const nameEnd = index;
  // Obsolete syntax allows white space before the colon (RFC 5322 §4.5.8).
  while (index < end && isBlank(bytes[index])) index++;
  if (index === end) return 'cut-off';
  if (nameEnd === start || bytes[index] !== COLON) return 'no-field';
  const name = bytes.toString('latin1', start, nameEnd).toLowerCase();
  // UTF-8 (RFC 6532), or else byte for byte: old clients send Latin-1, and a replacement character says nothing.
  const text = bytes.toString('utf8', index + 1, end);
  const isBytes = text.includes('\ufffd');
  const value = unfold(isBytes ? bytes.toString('latin1', index + 1, end) : text);
  if (index === nameEnd && !hasBlankLine && !isBytes) return { name, value };
  return {
    name,
    value,
    ...(index === nameEnd && !hasBlankLine ? {} : { isSpaced: true as const }),
    ...(isBytes ? { isBytes: true as const } : {}),
  };
}

/** Joins folded lines by removing their line ends (RFC 5322 §2.2.3), and trims. */
function unfold(text: string): string {
  const trimmed = text.trim();
  return trimmed.includes('\n') ? trimmed.replaceAll('\r\n', '').replaceAll('\n', '') : trimmed;
}

/** Lists the values of a field in order of appearance; `name` in lower case. */
export function headerValues(header: Header, name: string): string[] {
  const values: string[] = [];
  for (const field of header.fields) if (field.name === name) values.push(field.value);
  return values;
}

/** Gives the topmost value of a field, or `undefined`; only for fields whose repetition was judged before. */
export function headerValue(header: Header, name: string): string | undefined {
  for (const field of header.fields) if (field.name === name) return field.value;
  return undefined;
}
