/**
 * The texts of a notification as its readers see them, for its sketch (text/sketch.ts): words count, not form.
 *
 * Contract: `textsOfMessage` gives the plain text first and then the HTML without its tags; what cannot be read is left out.
 * Failure: none. Limits: 64 KiB of text and 256 KiB of HTML in the first MiB of the message; linear in these.
 */
import { decodeEntities } from '../mail/entities.ts';
import { chooseParts } from './mime/choose.ts';
import { walkMime } from './mime/parts.ts';
import { openSmime } from './mime/smime.ts';
import { Texts } from './texts.ts';

const MAX_MESSAGE_BYTES = 1024 * 1024;
const LIMITS = { maxTextBytes: 64 * 1024, maxHtmlBytes: 256 * 1024 };

/** Reads the texts of a whole message. */
export async function textsOfMessage(raw: Uint8Array): Promise<string[]> {
  const head = Buffer.from(raw.buffer, raw.byteOffset, Math.min(raw.byteLength, MAX_MESSAGE_BYTES));
  const tree = openSmime(walkMime(head));
  const texts = new Texts(LIMITS);
  await texts.decodeForeignCharsets(tree);
  const parts = chooseParts(tree, texts).blocks.flatMap(({ plain, html }) => [...plain, ...html]);
  const isHtml = ({ type }: { type: string }): boolean => type === 'text/html';
  return [
    ...parts.filter((part) => !isHtml(part)).map((part) => texts.read(part)),
    ...parts.filter(isHtml).map((part) => textOfHtml(texts.read(part))),
  ];
}

/** Elements that stand in a line of text; all others end it. */
const INLINE = new Set(
  'a abbr acronym b bdi bdo big cite code del dfn em font i ins kbd mark q s samp small span strike strong sub sup tt u var wbr'.split(
    ' ',
  ),
);
/** Elements whose text nobody reads. */
const UNREAD = new Set(['head', 'script', 'style', 'title']);
const TAG = /^<\/?([a-z][a-z0-9]{0,20})/i;
const TARGET = /\s(?:href|src)\s{0,3}=\s{0,3}["']?(https?:[^"'\s>]{1,500})/i;
/** Tags that are longer have a picture in them. */
const MAX_TAG_CHARS = 4096;
const MAX_NAME_CHARS = 24;

/** Takes the tags off an HTML text; where its links lead stands below it. */
export function textOfHtml(html: string): string {
  const pieces: string[] = [];
  const links: string[] = [];
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    pieces.push(html.slice(at, open === -1 ? html.length : open));
    if (open === -1) break;
    const skipped = skip(html, open, pieces, links);
    if (skipped === -1) break;
    at = skipped;
  }
  return [decodeEntities(pieces.join('')), ...links].join('\n');
}

/** Passes the tag or comment that opens there; gives where the text goes on, or -1 where nothing more can be read. */
function skip(html: string, open: number, pieces: string[], links: string[]): number {
  if (html.startsWith('<!--', open)) return after(html, '-->', open + 4);
  const written = TAG.exec(html.slice(open, open + MAX_NAME_CHARS))?.[1];
  if (written === undefined && !/[!?]/.test(html.charAt(open + 1))) {
    pieces.push('<');
    return open + 1;
  }
  const end = after(html, '>', open);
  if (written === undefined || end === -1) return end;
  const name = written.toLowerCase();
  if (html.charAt(open + 1) !== '/' && UNREAD.has(name)) {
    const close = after(html, `</${written}`, end);
    return close === -1 ? -1 : after(html, '>', close);
  }
  if (!INLINE.has(name)) pieces.push('\n');
  const target = TARGET.exec(html.slice(open, Math.min(end, open + MAX_TAG_CHARS)))?.[1];
  if (target !== undefined) links.push(decodeEntities(target));
  return end;
}

function after(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found === -1 ? -1 : found + mark.length;
}
