/**
 * Text from mail and users, made safe for a terminal.
 *
 * Contract: control characters, bidirectional controls and other invisible ones come out as visible escapes,
 * so that no subject or user name can move the cursor, change a title or show a line in another order. Joiners
 * stay, because some scripts and emoji need them. Widths are in terminal cells, within what Unicode tells.
 */

/** Everything a terminal might act on or hide: controls, formats except joiners, surrogates, line separators. */
const UNSAFE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const WIDE =
  /^[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\u{ff01}-\u{ff60}]/u;
const NO_WIDTH = /^[\p{Mn}\p{Me}\u200c\u200d]$/u;

/** Tells whether a text holds nothing that {@link printable} would escape. */
export function isPrintable(text: string): boolean {
  return text.search(UNSAFE) === -1;
}

/** Makes a line safe to show. */
export function printable(text: string): string {
  return text.replace(UNSAFE, escape);
}

/** Makes a text of several lines safe to show: line ends and tabs stay as they are. */
export function printableLines(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map((line) => line.split('\t').map(printable).join('\t'))
    .join('\n');
}

/** Writes a JSON text of the same value in which no such character stands raw. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (character) =>
    Array.from({ length: character.length }, (_, index) => jsonEscape(character.charCodeAt(index))).join(''),
  );
}

function escape(character: string): string {
  switch (character) {
    case '\n':
      return '\\n';
    case '\r':
      return '\\r';
    case '\t':
      return '\\t';
    default: {
      const code = character.codePointAt(0) ?? 0;
      return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
    }
  }
}

const jsonEscape = (unit: number): string => `\\u${unit.toString(16).padStart(4, '0')}`;

/** Counts the cells that a printable text takes on a terminal. */
export function cells(text: string): number {
  let width = 0;
  for (const character of text) width += cellsOf(character);
  return width;
}

function cellsOf(character: string): number {
  if (character.charCodeAt(0) < 0x300) return 1;
  if (NO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Shortens the text to `width` cells; one that does not fit ends in an ellipsis. */
export function truncate(text: string, width: number): string {
  if (cells(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const character of text) {
    const next = cellsOf(character);
    if (used + next > width - 1) break;
    kept += character;
    used += next;
  }
  return `${kept}…`;
}
