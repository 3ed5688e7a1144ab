/**
 * Mentions that call everybody who can read, for platforms on which a mention of one person is the author's own business.
 *
 * Contract: pure; only the names given are broken, by a character that shows nothing, wherever they stand.
 */

/** U+2060: joins what stands beside it, and is part of no name. */
const JOINER = '\u2060';

/** Breaks `@name` for names that stand for everybody, in whatever case. */
export function callNobody(text: string, names: readonly string[]): string {
  const pattern = new RegExp(`[@＠﹫](?=[*_\\\\]{0,4}(?:${names.join('|')})(?![\\p{L}\\p{N}_-]))`, 'giu');
  return text.replace(pattern, (mark) => mark + JOINER);
}
