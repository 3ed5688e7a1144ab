/**
 * The text of a reply, put together from the blocks that were chosen.
 *
 * Contract: of a text in two forms the plain one is taken, unless it is a stub ("your client shows no HTML") or
 * has nothing new where the HTML has; several blocks read one after the other. Says besides which `cid:` images
 * the reply, the quote and the signature show.
 * Standards: RFC 9580 §7 (cleartext signatures), RFC 1896 (text/enriched).
 */

import { isBlankText } from '../mail/charset.ts';
import type { ShownIn } from './attachments.ts';
import { type ConvertedReply, htmlToMarkdown } from './html/html.ts';
import { isHtml, type TextBlock } from './mime/choose.ts';
import type { MimePart } from './mime/parts.ts';
import { type ExtractedReply, extractReply } from './text/extract.ts';
import type { Known } from './text/known.ts';

/** Reads a text part: decoded, clean, with LF line ends. */
export type ReadText = (part: MimePart) => string;

/** A reply's text in three, and whether a block holds an OpenPGP message instead of text. */
export interface ComposedText extends ExtractedReply {
  readonly encrypted: boolean;
  /** How much of the HTML that was read lost its form, in characters. */
  readonly formless: number;
  /** Tells where the text shows the image with this Content-ID. */
  shows(contentId: string): ShownIn;
}

/** A stub is a sentence or two; anything shorter may be a person's whole answer. */
const STUB_CHARS = { least: 12, most: 400 };

/** Composes the text of `blocks`; `known` is what is known of the original, `labels` are those of a digest. */
export function composeText(
  blocks: readonly TextBlock[],
  read: ReadText,
  known?: Known,
  labels?: readonly string[],
): ComposedText {
  const html = new Map<MimePart, ConvertedReply>();
  const convert = (part: MimePart): ConvertedReply => {
    const before = html.get(part);
    if (before !== undefined) return before;
    const split = htmlToMarkdown(read(part), known, labels);
    html.set(part, split);
    return split;
  };
  const plainOf = (block: TextBlock): string => block.plain.map((part) => readPlain(part, read)).join('\n\n');
  const plain = blocks.map(plainOf);
  const extract = (plain: string): ExtractedReply => extractReply(plain, known, labels);
  const preferred = blocks.map((block, index) => pickForm(block, plain[index] ?? '', convert));
  let text = splitForms(preferred, read, convert, extract);
  if (isBlankText(text.reply) && preferred.some((parts, index) => parts !== blocks[index]?.html)) {
    const rich = splitForms(
      blocks.map((block) => (block.html.length > 0 ? block.html : block.plain)),
      read,
      convert,
      extract,
    );
    if (!isBlankText(rich.reply)) text = rich;
  }
  const rich = blocks.flatMap((block) => block.html.filter(isHtml));
  const { reply, quoted, signature, cuts, lines, formless } = text;
  return {
    reply,
    quoted,
    signature,
    cuts,
    lines,
    formless,
    encrypted: plain.some(isPgpMessage),
    shows: showsIn([text, ...rich.filter((part) => read(part).includes('cid:')).map(convert)]),
  };
}

/** Picks the parts of the form to be read. */
function pickForm(
  block: TextBlock,
  plain: string,
  convert: (part: MimePart) => ExtractedReply,
): readonly MimePart[] {
  if (block.html.length === 0) return block.plain;
  if (isBlankText(plain)) return block.html;
  if (/^\s*<(!doctype html|html)[\s>]/i.test(plain)) return block.html;
  return isStub(plain, block.html.filter(isHtml).map(convert)) ? block.html : block.plain;
}

/**
 * Tells whether the plain form speaks of something else than the HTML: hardly a word in common, or not many while the
 * HTML says much more. It needs no list of phrases, and so no language.
 */
function isStub(plain: string, html: readonly ExtractedReply[]): boolean {
  const length = plain.trim().length;
  if (length < STUB_CHARS.least || length > STUB_CHARS.most) return false;
  const rich = html.flatMap((split) => words(`${split.reply} ${split.quoted} ${split.signature}`));
  const known = new Set(rich);
  const own = words(plain);
  const common = own.filter((word) => known.has(word)).length / own.length;
  if (rich.length === 0 || own.length === 0) return false;
  return common < 1 / 3 || (common < 2 / 3 && rich.length > 2 * own.length);
}

function words(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

/**
 * Splits the forms. Plain parts that follow each other are one text: a quote may begin in the one and end in the
 * other.
 */
function splitForms(
  forms: readonly (readonly MimePart[])[],
  read: ReadText,
  convert: (part: MimePart) => ConvertedReply,
  extract: (plain: string) => ExtractedReply,
): ExtractedReply & { readonly formless: number } {
  const splits: ExtractedReply[] = [];
  let formless = 0;
  let plain: string[] = [];
  const flush = (): void => {
    if (plain.length > 0) splits.push(extract(plain.join('\n\n')));
    plain = [];
  };
  for (const part of forms.flat()) {
    if (isHtml(part)) {
      flush();
      const split = convert(part);
      splits.push(split);
      formless += split.formless;
    } else {
      plain.push(withoutLastBreaks(readPlain(part, read)));
    }
  }
  flush();
  return {
    reply: join(splits, 'reply'),
    quoted: join(splits, 'quoted'),
    signature: join(splits, 'signature'),
    cuts: splits.flatMap((split) => split.cuts),
    lines: splits.flatMap((split) => split.lines ?? []),
    formless,
  };
}

/** Takes off the line ends at a text's end; a pattern would try each of the others as well. */
function withoutLastBreaks(text: string): string {
  let end = text.length;
  while (text[end - 1] === '\n') end--;
  return text.slice(0, end);
}

function join(splits: readonly ExtractedReply[], side: 'reply' | 'quoted' | 'signature'): string {
  const texts = splits.map((split) => split[side]).filter((text) => !isBlankText(text));
  return texts.length === 1 ? (texts[0] as string) : texts.join('\n\n');
}

function readPlain(part: MimePart, read: ReadText): string {
  const text = read(part);
  if (part.type === 'text/enriched' || part.type === 'text/richtext') return plainOfEnriched(text);
  return withoutPgpSignature(text);
}

/** Takes formatting commands out, makes `<<` a `<` again, and single line ends blanks (RFC 1896 §3). */
function plainOfEnriched(text: string): string {
  return text
    .replace(/<param>[^<]*<\/param>/gi, '')
    .replace(/\n+/g, (breaks) => (breaks.length === 1 ? ' ' : breaks.slice(1)))
    .replace(/<<|<nl>|<\/?[a-z][a-z0-9-]{0,59}>/gi, (command) =>
      command === '<<' ? '<' : /^<nl>$/i.test(command) ? '\n' : '',
    );
}

const PGP_SIGNED = '-----BEGIN PGP SIGNED MESSAGE-----';
const PGP_SIGNATURE = '\n-----BEGIN PGP SIGNATURE-----';

/** Unwraps a cleartext signature: its head and the signature gone, dashes unescaped (RFC 9580 §7.1). */
function withoutPgpSignature(text: string): string {
  if (!text.trimStart().startsWith(PGP_SIGNED)) return text;
  const body = text.indexOf('\n\n');
  const signature = text.indexOf(PGP_SIGNATURE, body);
  if (body === -1 || signature === -1) return text;
  const end = text.indexOf('\n-----END PGP SIGNATURE-----', signature);
  const after = end === -1 ? '' : text.slice(end + 1).replace(/^[^\n]*/, '');
  return text.slice(body + 2, signature).replace(/^- /gm, '') + after;
}

function isPgpMessage(text: string): boolean {
  return text.trimStart().startsWith('-----BEGIN PGP MESSAGE-----');
}

/** Finds the `cid:` links of the three sides once, when the first file asks: a message may have hundreds of images. */
function showsIn(texts: readonly ExtractedReply[]): (contentId: string) => ShownIn {
  const findIds = (): (readonly [ShownIn, ReadonlySet<string>])[] =>
    (['reply', 'quoted', 'signature'] as const).map(
      (side) => [side, new Set(texts.flatMap((text) => contentIds(text[side])))] as const,
    );
  let sides: ReturnType<typeof findIds> | undefined;
  return (contentId) => {
    sides ??= findIds();
    return sides.find(([, ids]) => ids.has(contentId))?.[0] ?? 'nowhere';
  };
}

/** Lists the ids that a text links to, percent-decoded where that is possible (RFC 2392). */
function contentIds(text: string): string[] {
  return Array.from(text.matchAll(/cid:([^\s()<>"'\]\\]{1,500})/gi), ([, id = '']) => {
    try {
      return decodeURIComponent(id);
    } catch {
      return id; // a bare percent sign
    }
  });
}
