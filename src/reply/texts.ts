/**
 * The text parts of one message, read.
 *
 * Contract: each is decoded once, by what its bytes show (charset.ts), and is clean. What is beyond the limits is
 * listed in `cut`, pictures that an HTML text carries in itself in `pictures`. Standards: RFC 3676.
 */

import { decodeText, fitsCharset, foreignCharset, isBlankText, mayBeForeign } from '../mail/charset.ts';
import { cleanText } from '../mail/clean-text.ts';
import { type DataPicture, takePictures } from './html/data-pictures.ts';
import { isBodyType, type PartReader, REACTION_TYPE } from './mime/choose.ts';
import { unflow } from './mime/flowed.ts';
import { parseByMailparser } from './mime/mailparser.ts';
import type { MimePart, MimeTree } from './mime/parts.ts';
import { decodeTransfer } from './mime/transfer.ts';
import type { DroppedPart } from './post.ts';

/** Bounds of the text that is read of one message, in decoded bytes. */
export interface TextLimits {
  readonly maxTextBytes: number;
  readonly maxHtmlBytes: number;
}

/** The defaults of docs/how-it-works.md, Limits. */
export const TEXT_LIMITS: TextLimits = { maxTextBytes: 512 * 1024, maxHtmlBytes: 1024 * 1024 };

/** The text parts of one message, each decoded once. */
export class Texts implements PartReader {
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

  /** Reads a part as text with LF line ends. */
  read(part: MimePart): string {
    const known = this.#known.get(part);
    if (known !== undefined) return known;
    const bytes = this.#held.get(part) ?? this.#bytes(part);
    const text = readableText(part, decodeText(bytes, charsetOf(part, bytes)));
    this.#known.set(part, text);
    return text;
  }

  /** Tells whether a part has neither text nor an image. */
  isBlank(part: MimePart): boolean {
    const text = this.read(part);
    return isBlankText(part.type === 'text/html' ? text.replace(/<(?!img)[^<>]*>|&nbsp;/gi, '') : text);
  }

  /** Gives the first decoded bytes of a part. */
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

  /** Decodes the bytes, cut at the last line end within what is left of the limit for the whole message. */
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

/** Gives the label of a part: that of its header, unless the bytes do not fit it and an HTML page has another. */
function charsetOf(part: MimePart, bytes: Buffer): string | undefined {
  const declared = part.params.get('charset');
  const own = charsetOfHtml(part, bytes);
  // To see whether the bytes fit is to decode them: only a second label asks for it.
  if (own === undefined || declared === undefined) return declared ?? own;
  return fitsCharset(bytes, declared) ? declared : own;
}

/** Reads what an HTML part says of itself, when its header says nothing (HTML §4.2.5.4). */
function charsetOfHtml(part: MimePart, bytes: Buffer): string | undefined {
  if (part.type !== 'text/html') return undefined;
  return /<meta\s[^>]{0,200}charset=["']?([\w.:-]+)/i.exec(bytes.toString('latin1', 0, 1024))?.[1];
}

/** Gives the text as the rules read it that judge its lines. */
function readableText(part: MimePart, decoded: string): string {
  const text = cleanText(part.type === REACTION_TYPE ? emojiOf(decoded) : decoded);
  const flowed = part.type === 'text/plain' && part.params.get('format')?.toLowerCase() === 'flowed';
  return flowed ? unflow(text, part.params.get('delsp')?.toLowerCase() === 'yes') : text;
}

/** Reads the emoji of a reaction, or nothing. */
function emojiOf(json: string): string {
  try {
    const reaction: unknown = JSON.parse(json);
    if (typeof reaction !== 'object' || reaction === null || !('emoji' in reaction)) return '';
    return typeof reaction.emoji === 'string' && reaction.emoji.length <= 64 ? reaction.emoji : '';
  } catch {
    return '';
  }
}

/** Decodes text in a charset of iconv-lite's; `undefined` when that does not know it either. */
async function decodeByMailparser(bytes: Buffer, charset: string): Promise<string | undefined> {
  const head = `Content-Type: text/plain; charset="${charset.replace(/[^\w.:-]/g, '')}"\r\n`;
  const encoded = `Content-Transfer-Encoding: base64\r\n\r\n${bytes.toString('base64')}`;
  const { text } = await parseByMailparser(head + encoded);
  return text === undefined || text.includes('\ufffd') ? undefined : text;
}
