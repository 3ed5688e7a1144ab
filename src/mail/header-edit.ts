/**
 * Fields of a header replaced, and every other byte left as it is.
 *
 * Contract: the header is one that scanHeader has read from these very bytes. A field that is dropped goes with its
 * folded lines; a new one ends its line as the header's first line does.
 */
import { type Header, type HeaderField } from './header.ts';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;

/** What becomes of a field: as it is, gone, or fields (without their line ends) that take its place or follow it. */
export type FieldEdit = 'keep' | 'drop' | { readonly fields: readonly string[] } | { readonly after: string };

/** Gives the bytes with fields edited; texts are written as UTF-8. */
export function editHeader(
  bytes: Buffer,
  { fields }: Header,
  edit: (field: HeaderField, index: number, raw: Buffer) => FieldEdit,
): Buffer {
  const lineEnd = firstLineEnd(bytes);
  const pieces: Buffer[] = [];
  let start = 0;
  for (const [index, field] of fields.entries()) {
    const end = fieldEnd(bytes, start);
    const raw = bytes.subarray(start, end);
    const isEnded = raw.at(-1) === LF;
    const done = edit(field, index, raw);
    const line = (text: string): Buffer => Buffer.from(`${text}${lineEnd}`);
    if (done === 'keep') pieces.push(raw);
    else if (done !== 'drop' && 'fields' in done) pieces.push(...done.fields.map(line));
    else if (done !== 'drop') pieces.push(raw, ...(isEnded ? [] : [Buffer.from(lineEnd)]), line(done.after));
    start = end;
  }
  return Buffer.concat([...pieces, bytes.subarray(start)]);
}

/** Finds the end of the field that begins here, its folded lines included. */
function fieldEnd(bytes: Buffer, start: number): number {
  let end = lineEndAt(bytes, start);
  while (end < bytes.length && (bytes[end] === SPACE || bytes[end] === TAB)) end = lineEndAt(bytes, end);
  return end;
}

function lineEndAt(bytes: Buffer, from: number): number {
  const lf = bytes.indexOf(LF, from);
  return lf === -1 ? bytes.length : lf + 1;
}

function firstLineEnd(bytes: Buffer): '\r\n' | '\n' {
  const lf = bytes.indexOf(LF);
  return lf > 0 && bytes[lf - 1] !== CR ? '\n' : '\r\n';
}
