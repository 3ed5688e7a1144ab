/**
 * The fields of a message that its post repeats, readable.
 *
 * Contract: of each name the topmost field: a repeated one was judged at the gate. The address of From is the one
 * that the field names as it stands, whatever its bytes may be read as. Standards: RFC 5322, RFC 2047.
 */

import { parseDate } from '../mail/date.ts';
import { decodeWords as decodePlainWords } from '../mail/encoded-word.ts';
import { readableField } from '../mail/field-words.ts';
import type { HeaderField } from '../mail/header.ts';
import { parseFrom } from '../mail/mailbox.ts';
import { splitIds } from '../mail/message-id.ts';
import { restoreWindows1252 } from '../mail/windows-1252.ts';
import { parsableField, withoutComments } from './field-text.ts';
import { isBodyType } from './mime/choose.ts';
import { type AddressObject, parseByMailparser } from './mime/mailparser.ts';
import type { MimePart } from './mime/parts.ts';
import type { ParsedReply } from './post.ts';

/** The fields that a post repeats. */
export type Fields = Pick<ParsedReply, 'inReplyTo' | 'subject' | 'date' | 'from'>;

/** Reads the fields of a message. */
export async function readFields(root: MimePart): Promise<Fields> {
  const field = (name: string): HeaderField =>
    root.fields.find((candidate) => candidate.name === name) ?? { name, value: '' };
  const id = splitIds(field('in-reply-to').value)[0];
  const charset = textCharset(root);
  const from = await readFrom(field('from'), charset);
  const subject = await decodeWords(readableField(field('subject'), charset));
  return {
    inReplyTo: id === undefined ? undefined : `<${id}>`,
    subject: restoreWindows1252(subject),
    date: parseDate(field('date').value),
    from: { address: from.address, name: restoreWindows1252(from.name) },
  };
}

/** Finds the charset of the first text that declares one. */
function textCharset(part: MimePart): string | undefined {
  if (part.children.length === 0) return isBodyType(part) ? part.params.get('charset') : undefined;
  for (const child of part.children) {
    const charset = textCharset(child);
    if (charset !== undefined) return charset;
  }
  return undefined;
}

/** Reads the name in its readable form, beside the address that the field names as it stands. */
async function readFrom(
  field: HeaderField,
  charset: string | undefined,
): Promise<{ address: string; name: string }> {
  const readable = readableField(field, charset);
  const from = await decodeMailbox(readable);
  if (readable === field.value) return from;
  const written = await decodeMailbox(field.value);
  return written.address === from.address ? from : written;
}

/** Encoded-words in UTF-8 alone, or none: all that a readable field has, unless node lacks a charset. */
function isPlain(field: string): boolean {
  return !/=\?(?!utf-8(?:\*[^?]*)?\?)/i.test(field);
}

async function decodeMailbox(field: string): Promise<{ address: string; name: string }> {
  const parsed = isPlain(field) ? parseFrom(field) : undefined;
  if (parsed?.ok === true) return parsed.mailbox;
  const { from } = await parseByMailparser(`From: ${parsableField(withoutComments(field))}\r\n\r\n`);
  return firstMailbox(from);
}

/** Decodes the encoded-words of a text. */
export async function decodeWords(field: string): Promise<string> {
  if (isPlain(field)) return decodePlainWords(field);
  const { subject } = await parseByMailparser(`Subject: ${parsableField(field)}\r\n\r\n`);
  return subject ?? '';
}

function firstMailbox(from: AddressObject | undefined): { address: string; name: string } {
  const all = (from?.value ?? []).flatMap((entry) => [entry, ...(entry.group ?? [])]);
  const found = all.find((entry) => entry.address !== undefined && entry.address !== '');
  return { address: found?.address ?? '', name: found?.name ?? '' };
}
