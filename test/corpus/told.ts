/**
 * The originals of the corpora's pairs: what a reply answers, told from the reply itself and never by our own parser.
 *
 * Contract: what is expected of a pair is taken off its input, line by line and in order. Of the rest, and of what is kept
 * between answers, lines with quote marks are the original, each with one mark taken off; the words that a program broke
 * off a marked line go with it. Where nothing is marked, the original is what stands below the paragraph that announces
 * it: the first with an address, a time, a year, a frame or a label. HTML is read without its tags, so that only the second
 * rule holds there. A pair whose rest has neither has no original that can be told, and is left out. Name, address and
 * Subject are those of the announcing paragraph, as the notification of that reply would have had them.
 */
import { LOCALES } from '../reply/fixtures/locales.ts';

/** An original, with what its notification's header would have said. */
export interface Told {
  readonly lines: readonly string[];
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  readonly subjects: readonly string[];
}

const MARK = /^\s{0,3}[>＞]\s?/u;
const OPENING = /@|\d{1,2}[:.h]\d\d|\b(?:19|20)\d\d\b|^\s*[-_=*─━]{3,}|^\W{0,4}\p{L}[^:\n]{0,30}[:：]\s/u;
const LABELS = /^[\s*_]{0,4}\p{L}[^:：\n]{0,30}[:：]/u;
const ADDRESS = /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/;
const NAME = /((?:\p{Lu}[\p{L}'’.-]*\s){1,3}\p{Lu}?[\p{L}'’.-]+)["']?\s*[<([]/u;
const SUBJECTS = new Set(LOCALES.map(([, , fields]) => fields[4].toLowerCase()));

const fold = (text: string): string => text.replace(/\s+/gu, ' ').trim();

/** Marks the lines of the input that are expected, in order. */
function typedLines(input: readonly string[], expected: string): boolean[] {
  const wanted = expected.split('\n').map(fold).filter(Boolean);
  let next = 0;
  return input.map((line) => {
    const text = fold(line);
    const want = wanted[next];
    if (text === '' || want === undefined) return false;
    const isTyped = text === want || text.startsWith(`${want} `) || text.startsWith(`${want}--`);
    if (isTyped) next += 1;
    return isTyped;
  });
}

function people(opening: string): Omit<Told, 'lines'> {
  const address = ADDRESS.exec(opening)?.[0];
  const name = NAME.exec(opening)?.[1];
  const subject = opening
    .split('\n')
    .find((line) => SUBJECTS.has((/^[\s*_]*([^:*_]+?)\s?:/.exec(line)?.[1] ?? '').toLowerCase()));
  return {
    names: name === undefined ? [] : [name],
    addresses: address === undefined ? [] : [address],
    subjects: subject === undefined ? [] : [subject.replace(/^[^:]*:[\s*_]*/, '')],
  };
}

function toldByMarks(lines: readonly string[], typed: readonly boolean[]): Told | undefined {
  const first = lines.findIndex((line) => MARK.test(line));
  const original = lines.flatMap((line, at) => {
    if (MARK.test(line)) return [line.replace(MARK, '')];
    const isWithin = MARK.test(lines[at - 1] ?? '') && MARK.test(lines[at + 1] ?? '');
    return isWithin && typed[at] === false && line.trim() !== '' ? [line] : [];
  });
  if (!original.some((line) => /\p{L}/u.test(line))) return undefined;
  const opening = lines
    .slice(Math.max(0, first - 4), first)
    .filter((_, at) => !typed[Math.max(0, first - 4) + at]);
  return { lines: original, ...people(opening.join('\n')) };
}

function toldByOpening(lines: readonly string[], typed: readonly boolean[]): Told | undefined {
  const opens = lines.findIndex((line, at) => !typed[at] && OPENING.test(line));
  if (opens === -1) return undefined;
  let end = opens;
  while (end < lines.length && (lines[end]?.trim() !== '' || LABELS.test(lines[end + 1] ?? ''))) end += 1;
  const original = lines.filter((line, at) => at > end && !typed[at] && line.trim() !== '');
  if (!original.some((line) => /\p{L}/u.test(line))) return undefined;
  return { lines: original, ...people(lines.slice(opens, end).join('\n')) };
}

/** Tells the original of a plain reply. */
export function toldOf(input: string, expected: string): Told | undefined {
  const lines = input.replaceAll('\r\n', '\n').split('\n');
  const typed = typedLines(lines, expected);
  return lines.some((line) => MARK.test(line)) ? toldByMarks(lines, typed) : toldByOpening(lines, typed);
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', nbsp: ' ' };

/** Reads HTML without its tags, a line for each block. */
function linesOfHtml(html: string): string {
  return html
    .replace(/<(style|script|title)\b[^]*?<\/\1>|<!--[^]*?-->|<\?[^>]*>/gi, '')
    .replace(/\s+/g, ' ')
    .replace(/<(?:br|\/?(?:p|div|tr|li|blockquote|h\d|hr|table))\b[^>]*>/gi, '\n')
    .replace(/<[^>]*>/g, '')
    .replace(/&([a-z]+);/g, (whole, name: string) => ENTITIES[name] ?? whole)
    .replace(/\n\s*\n\s*/g, '\n\n');
}

/** Tells the original of an HTML reply. */
export const toldOfHtml = (html: string, expected: string): Told | undefined => {
  const lines = linesOfHtml(html).split('\n');
  return toldByOpening(lines, typedLines(lines, expected));
};
