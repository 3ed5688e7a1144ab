/**
 * The reader of Markdown for all dialects that are written anew from it.
 *
 * Contract: raw HTML is text. A line of dashes below a line of text is what people write, and no title; a definition of a
 * link, which would vanish, is text as well. An address is read as it was typed.
 * Limits: blocks in blocks beyond so many levels would be lost: {@link isTooDeep} tells such a text beforehand.
 */
import MarkdownIt from 'markdown-it';

/** More levels than the characters of {@link TOO_DEEP} can open, and few enough for brackets in each other to be read. */
const MOST_NESTED = 600;

const TOO_DEEP = /^[ \t>*+\-\d.)]{500}/m;

/** A reader, which renders HTML as well. */
export type Reader = InstanceType<typeof MarkdownIt>;

/** Creates a reader. */
export function createReader(options: { readonly breaks?: boolean; readonly linkify?: boolean }): Reader {
  const reader = new MarkdownIt({ html: false, ...options });
  reader.options.maxNesting = MOST_NESTED;
  reader.disable(['lheading', 'reference']);
  reader.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
  reader.normalizeLinkText = (url) => url;
  return reader;
}

/** Tells a text with hundreds of quotes or lists in each other: it is to be shown as it was typed. */
export function isTooDeep(markdown: string): boolean {
  return TOO_DEEP.test(markdown);
}
