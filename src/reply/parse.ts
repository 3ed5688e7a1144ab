/**
 * One raw message → one reply. Runs in a worker only: it may take long, and it may die.
 *
 * Contract: gives an outcome for every input; an exception is a bug and ends the worker. The structure of the
 * message is walked by mime.ts, because mailparser joins text parts, believes charsets and has no limits;
 * mailparser decodes what it is good at: unusual addresses, encoded-words and charsets that node lacks. It is loaded
 * when the first such field comes: for two fields it costs 0.25 ms, as much as all the rest (docs/decisions.md).
 * Standards: RFC 5322, RFC 2047, RFC 3676. Limits: text 512 KiB, HTML 1 MiB, a decoded field 8 KiB.
 */
import type { AddressObject, ParsedMail } from 'mailparser';
import { cleanText } from '../mail/clean-text.ts';
import { decodeWords as decodePlainWords } from '../mail/encoded-word.ts';
import type { HeaderField } from '../mail/header.ts';
import { parseFrom, parseMailboxList } from '../mail/mailbox.ts';
import { splitIds } from '../mail/message-id.ts';
import { restoreWindows1252 } from '../mail/windows-1252.ts';
import type { AttachmentLimits } from './attachment-limits.ts';
import { type FileCandidate, keepAttachments } from './attachments.ts';
import { decodeText, fitsCharset, foreignCharset, isBlankText, mayBeForeign } from './charset.ts';
import { type Choice, chooseParts, isBodyType, REACTION_TYPE } from './choose.ts';
import { type ComposedText, composeText } from './compose.ts';
import { type DataPicture, takePictures } from './data-pictures.ts';
import { parseDate } from './date.ts';
import { cutText, parsableField, withoutComments } from './field-text.ts';
import { readableField, readableWords } from './field-words.ts';
import { unflow } from './flowed.ts';
import type { Known } from './known.ts';
import { declaredName, type MimePart, type MimeTree, walkMime } from './mime.ts';
import type { DroppedPart, EmptyReason, ParsedReply, ParseOutcome } from './post.ts';
import { openSmime } from './smime.ts';
import { decodeTransfer } from './transfer.ts';

/** Bounds of the text that is read of one message, in decoded bytes. */
export interface TextLimits {
  readonly maxTextBytes: number;
  readonly maxHtmlBytes: number;
}

/** The defaults of docs/how-it-works.md, Limits. */
export const TEXT_LIMITS: TextLimits = { maxTextBytes: 512 * 1024, maxHtmlBytes: 1024 * 1024 };

const MAX_NAME_CHARS = 2000;

const MAILPARSER_OPTIONS = {
  skipHtmlToText: true,
  skipTextToHtml: true,
  skipImageLinks: true,
  skipTextLinks: true,
} as const;

/** Parses `raw`. */
export async function parseMessage(
  raw: Uint8Array,
  attachmentLimits: AttachmentLimits,
  textLimits: TextLimits = TEXT_LIMITS,
): Promise<Exclude<ParseOutcome, { kind: 'worker-died' }>> {
  const message = withoutMailboxLine(Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength));
  const tree = openSmime(walkMime(message));
  if (tree.root.type === 'message/partial') return refusal('partial', tree.root);
  const texts = new Texts(textLimits);
  await texts.decodeForeignCharsets(tree);
  const choice = chooseParts(tree, texts);
  const fields = await readFields(tree.root);
  const text = composeText(
    choice.blocks,
    (part) => texts.read(part),
    () => knownOf(tree.root, fields),
  );
  const sealed = sealedReason(choice, text);
  if (sealed !== undefined) return refusal(sealed, tree.root);
  const files = await Promise.all(choice.files.map((part) => fileCandidate(part, text)));
  const candidates = [...files, ...texts.pictures.map((picture) => pictureCandidate(picture, text))];
  const { attachments, dropped } = keepAttachments(candidates, attachmentLimits);
  const reply: ParsedReply = {
    ...fields,
    body: {
      markdown: text.reply,
      text: text.reply,
      quoted: text.quoted,
      signature: text.signature,
      cuts: text.cuts,
    },
    attachments,
    dropped: [...dropped, ...leftOut(choice), ...texts.cut, ...formless(text)],
    ...(tree.hasSigned ? { smimeSignature: 'unverified' as const } : {}),
  };
  if (!isBlankText(text.reply) || attachments.length > 0) return { kind: 'parsed', reply };
  return { kind: 'empty', reason: emptyReason(text), reply };
}

/** What this mail itself tells of the original: its Subject, whom it was written to, and where the original's id comes from. */
function knownOf(root: MimePart, fields: Fields): Known {
  const all = root.fields.filter(({ name }) => name === 'to' || name === 'cc').slice(0, 4);
  const mailboxes = all.flatMap(({ value }) => parseMailboxList(value.slice(0, MAX_NAME_CHARS)).mailboxes);
  const others = mailboxes.filter(
    ({ address }) => address.toLowerCase() !== fields.from.address.toLowerCase(),
  );
  const domain =
    fields.inReplyTo === undefined ? undefined : /@([^@<>\s]{3,})>?$/.exec(fields.inReplyTo)?.[1];
  return {
    subjects: [fields.subject],
    names: others.map(({ name }) => name),
    addresses: [...others.map(({ address }) => address), ...(domain === undefined ? [] : [`@${domain}`])],
  };
}

/** The form that a text lost beyond a limit. */
function formless(text: ComposedText): DroppedPart[] {
  if (text.formless === 0) return [];
  return [{ filename: '', contentType: 'text/html', bytes: text.formless, reason: 'html-limit' }];
}

function pictureCandidate({ contentId, type, content }: DataPicture, text: ComposedText): FileCandidate {
  return {
    name: undefined,
    declaredType: type,
    contentId,
    shownIn: text.shows(contentId),
    content: () => content,
  };
}

type Refusal = Extract<ParseOutcome, { kind: 'refused' }>;

/** Why the text cannot be had; parts that hide something beside a readable text do no harm. */
function sealedReason(choice: Choice, text: ComposedText): Refusal['reason'] | undefined {
  if (text.encrypted) return 'encrypted';
  const readable = !isBlankText(`${text.reply}${text.quoted}${text.signature}`);
  if (choice.refusal === undefined || (readable && !choice.sealedFirst)) return undefined;
  const secondary = ['report', 'external', 'mime-limit'].includes(choice.refusal);
  return secondary && choice.files.length > 0 ? undefined : choice.refusal;
}

function refusal(reason: Refusal['reason'], root: MimePart): Refusal {
  return {
    kind: 'refused',
    reason,
    diagnostic: `no text can be read: ${reason}, in a message of type ${root.type}`,
  };
}

function emptyReason(text: ComposedText): EmptyReason {
  if (!isBlankText(text.quoted)) return 'only-quoted';
  return isBlankText(text.signature) ? 'no-text' : 'only-signature';
}

/** A `From ` line of a mailbox file above the header. */
function withoutMailboxLine(raw: Buffer): Buffer {
  if (!/^>?From /.test(raw.toString('latin1', 0, 6))) return raw;
  const lineEnd = raw.indexOf(0x0a);
  return lineEnd === -1 ? raw : raw.subarray(lineEnd + 1);
}

/** The text parts of one message, each decoded once. */
class Texts {
  /** Texts that were longer than the limit. */
  readonly cut: DroppedPart[] = [];
  /** Pictures that HTML texts carry in themselves. */
  readonly pictures: DataPicture[] = [];
  readonly #room: { text: number; html: number };
  readonly #known = new Map<MimePart, string>();
  /** Bytes that were looked at before they are read: they count towards the limit once. */
  readonly #held = new Map<MimePart, Buffer>();

  constructor(limits: TextLimits) {
    this.#room = { text: limits.maxTextBytes, html: limits.maxHtmlBytes };
  }

  read(part: MimePart): string {
    const known = this.#known.get(part);
    if (known !== undefined) return known;
    const bytes = this.#held.get(part) ?? this.#bytes(part);
    const text = readableText(part, decodeText(bytes, charsetOf(part, bytes)));
    this.#known.set(part, text);
    return text;
  }

  isBlank(part: MimePart): boolean {
    const text = this.read(part);
    return isBlankText(part.type === 'text/html' ? text.replace(/<(?!img)[^<>]*>|&nbsp;/gi, '') : text);
  }

  head(part: MimePart): Buffer {
    const end = Math.min(part.end, part.start + 128);
    return decodeTransfer(part.source.subarray(part.start, end), part.encoding);
  }

  /** Has mailparser decode the parts whose charset node does not know. */
  async decodeForeignCharsets(tree: MimeTree): Promise<void> {
    const parts = [tree.root];
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      parts.push(...part.children);
      const charset = part.params.get('charset');
      if (!isBodyType(part) || charset === undefined || !mayBeForeign(charset)) continue;
      const bytes = this.#bytes(part);
      this.#held.set(part, bytes);
      const foreign = foreignCharset(bytes, charset);
      const text = foreign === undefined ? undefined : await decodeByMailparser(bytes, foreign);
      if (text !== undefined) this.#known.set(part, readableText(part, text));
    }
  }

  #withoutPictures(bytes: Buffer): Buffer {
    const { html, pictures } = takePictures(bytes, `picture-${this.pictures.length}`);
    this.pictures.push(...pictures);
    return html;
  }

  /** The decoded bytes, cut at the last line end within what is left of the limit for the whole message. */
  #bytes(part: MimePart): Buffer {
    const decoded = decodeTransfer(part.source.subarray(part.start, part.end), part.encoding);
    const form = part.type === 'text/html' ? 'html' : 'text';
    const bytes = form === 'html' ? this.#withoutPictures(decoded) : decoded;
    const room = this.#room[form];
    this.#room[form] -= Math.min(bytes.length, room);
    if (bytes.length <= room) return bytes;
    this.cut.push({ filename: '', contentType: part.type, bytes: bytes.length, reason: 'text-too-long' });
    const lineEnd = bytes.lastIndexOf(0x0a, room);
    return bytes.subarray(0, lineEnd > room / 2 ? lineEnd + 1 : room);
  }
}

/** The label of a part: that of its header, unless the bytes do not fit it and an HTML page has another. */
function charsetOf(part: MimePart, bytes: Buffer): string | undefined {
  const declared = part.params.get('charset');
  if (declared !== undefined && fitsCharset(bytes, declared)) return declared;
  return charsetOfHtml(part, bytes) ?? declared;
}

/** What an HTML part says of itself, when its header says nothing (HTML §4.2.5.4). */
function charsetOfHtml(part: MimePart, bytes: Buffer): string | undefined {
  if (part.type !== 'text/html') return undefined;
  return /<meta\s[^>]{0,200}charset=["']?([\w.:-]+)/i.exec(bytes.toString('latin1', 0, 1024))?.[1];
}

/** Text as the rules read it that judge its lines. */
function readableText(part: MimePart, decoded: string): string {
  const text = cleanText(part.type === REACTION_TYPE ? emojiOf(decoded) : decoded);
  const flowed = part.type === 'text/plain' && part.params.get('format')?.toLowerCase() === 'flowed';
  return flowed ? unflow(text, part.params.get('delsp')?.toLowerCase() === 'yes') : text;
}

/** The emoji of a reaction, or nothing. */
function emojiOf(json: string): string {
  try {
    const reaction: unknown = JSON.parse(json);
    if (typeof reaction !== 'object' || reaction === null || !('emoji' in reaction)) return '';
    return typeof reaction.emoji === 'string' && reaction.emoji.length <= 64 ? reaction.emoji : '';
  } catch {
    return '';
  }
}

/** Text in a charset of iconv-lite's; `undefined` when that does not know it either. */
async function decodeByMailparser(bytes: Buffer, charset: string): Promise<string | undefined> {
  const head = `Content-Type: text/plain; charset="${charset.replace(/[^\w.:-]/g, '')}"\r\n`;
  const encoded = `Content-Transfer-Encoding: base64\r\n\r\n${bytes.toString('base64')}`;
  const { text } = await parseByMailparser(head + encoded);
  return text === undefined || text.includes('\ufffd') ? undefined : text;
}

async function fileCandidate(part: MimePart, text: ComposedText): Promise<FileCandidate> {
  const name = declaredName(part);
  const shown = part.contentId === undefined ? 'nowhere' : text.shows(part.contentId);
  return {
    name:
      name?.includes('=?') === true ? await decodeWords(readableWords(cutText(name, MAX_NAME_CHARS))) : name,
    declaredType: part.type,
    contentId: part.contentId,
    shownIn: shown,
    content: () => decodeTransfer(part.source.subarray(part.start, part.end), part.encoding),
  };
}

function leftOut(choice: Choice): DroppedPart[] {
  return choice.leftOut.map(({ part, reason }) => ({
    filename: declaredName(part) ?? '',
    contentType: part.type,
    bytes: part.end - part.start,
    reason,
  }));
}

type Fields = Pick<ParsedReply, 'inReplyTo' | 'subject' | 'date' | 'from'>;

/** The topmost field of each name: a repeated one was judged at the gate. */
async function readFields(root: MimePart): Promise<Fields> {
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

/** The charset of the first text that declares one. */
function textCharset(part: MimePart): string | undefined {
  if (part.children.length === 0) return isBodyType(part) ? part.params.get('charset') : undefined;
  for (const child of part.children) {
    const charset = textCharset(child);
    if (charset !== undefined) return charset;
  }
  return undefined;
}

/** The name as it is readable, beside the address that the field names as it stands. */
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

/** Encoded-words in UTF-8 alone, or none: what needs no table of charsets. */
function isPlain(field: string): boolean {
  return !/=\?(?!utf-8(?:\*[^?]*)?\?)/i.test(field) && !/[^\0-\x7f]/.test(field);
}

async function decodeMailbox(field: string): Promise<{ address: string; name: string }> {
  const parsed = isPlain(field) ? parseFrom(field) : undefined;
  if (parsed?.ok === true) return parsed.mailbox;
  const { from } = await parseByMailparser(`From: ${parsableField(withoutComments(field))}\r\n\r\n`);
  return firstMailbox(from);
}

async function decodeWords(field: string): Promise<string> {
  if (isPlain(field)) return decodePlainWords(field);
  const { subject } = await parseByMailparser(`Subject: ${parsableField(field)}\r\n\r\n`);
  return subject ?? '';
}

function firstMailbox(from: AddressObject | undefined): { address: string; name: string } {
  const all = (from?.value ?? []).flatMap((entry) => [entry, ...(entry.group ?? [])]);
  const found = all.find((entry) => entry.address !== undefined && entry.address !== '');
  return { address: found?.address ?? '', name: found?.name ?? '' };
}

/** Line ends and other controls never reach the parser: its fields come through `parsableField`. */
async function parseByMailparser(message: string): Promise<ParsedMail> {
  const { simpleParser } = await import('mailparser');
  return simpleParser(message, MAILPARSER_OPTIONS);
}
