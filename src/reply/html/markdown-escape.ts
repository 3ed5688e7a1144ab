/**
 * Escapes a line of plain text for Markdown, as a whole: markup arises where the pieces of a line meet.
 *
 * Contract: what was plain stays plain, wherever marks are put between the pieces. A character is escaped only where
 * Markdown could read it as markup, so that ordinary prose comes out as it went in. No bracket is left open on a line
 * and no delimiter can close, so that nothing pairs with another line either.
 * Standards: CommonMark 0.31 §2.4, §6; GFM 0.29 (tables, strikethrough, autolinks).
 * Limits: linear in the length of the line.
 */

/** The place at which a line of text is about to be marked up. */
export interface Places {
  /** Places where marks may be put: before the character with that index, or at the end. */
  readonly seams?: ReadonlySet<number>;
  /** Of the seams those where a link begins. */
  readonly links?: ReadonlySet<number>;
  /** Stretches that are the text of links, from and to. */
  readonly labels?: readonly (readonly [number, number])[];
}

/** Stands in a line for what is no text to be escaped: code or an image. */
export const OPAQUE = '\ue000';

const URL_TEXT = /(?:https?|ftp):\/\/(?:[\p{L}\p{N}\-._~:/?#@!$'()*+,;=%]|&(?!#?[a-z0-9]{1,32};))+/giu;
const MAILBOX = /<[\w.+=%-]{1,64}@[\w.-]{1,255}>/iy;
const ENTITY = /&#?[a-z0-9]{1,32};/iy;

/** A word that is longer is taken for one with a mark. */
const LONGEST_WORD = 2000;

const isSpace = (char: string | undefined): boolean =>
  char === undefined || char === ' ' || ((char < '!' || char > '~') && /\s/.test(char));
const isWord = (char: string | undefined): boolean => char !== undefined && /[\p{L}\p{N}]/u.test(char);
const isAsciiPunctuation = (char: string | undefined): boolean =>
  char !== undefined && /[!-/:-@[-`{-~]/.test(char);

/** The characters that may have to be escaped within a line. */
const JUDGED = /[\\`*_~&!<[\]]/g;

/** What is written at a character. */
const MARK = { escape: 1, opensAngle: 2, closesAngle: 3 } as const;

/** Decides for each character of a line whether it is escaped, and which addresses of the web are put in angle brackets. */
class Escaper {
  readonly #text: string;
  readonly #seams: ReadonlySet<number>;
  readonly #links: ReadonlySet<number>;
  readonly #labels: readonly (readonly [number, number])[];
  readonly #marks: Uint8Array;
  /** Brackets that are open, by their places. */
  readonly #open: number[] = [];
  /** Where the line ends, since blanks there are cut off. */
  readonly #end: number;
  #label = 0;

  constructor(text: string, { seams = new Set(), links = new Set(), labels = [] }: Places) {
    this.#text = text;
    this.#seams = seams;
    this.#links = links;
    this.#labels = labels;
    this.#marks = new Uint8Array(text.length);
    this.#end = text.trimEnd().length;
  }

  marks(): Uint8Array {
    const urls = this.#urls();
    let next = 0;
    for (let at = this.#nextJudged(0); at < this.#text.length; ) {
      const url = urls[next];
      if (url === undefined || at < url[0]) {
        at = this.#nextJudged(at + this.#judge(at));
        continue;
      }
      next += 1;
      at = this.#nextJudged(Math.max(at, url[1]));
    }
    for (const bracket of this.#open) this.#marks[bracket] = MARK.escape;
    this.#bound(urls);
    return this.#marks;
  }

  #nextJudged(from: number): number {
    JUDGED.lastIndex = from;
    return JUDGED.test(this.#text) ? JUDGED.lastIndex - 1 : this.#text.length;
  }

  /** Finds the addresses of the web outside links, which stay as they are: each to its first seam or entity. */
  #urls(): (readonly [number, number])[] {
    if (!this.#text.includes('://')) return [];
    const ends = [...this.#seams, this.#text.length].filter((end) => end > 0).sort((a, b) => a - b);
    const found = ends.flatMap((end, at) => {
      const start = ends[at - 1] ?? 0;
      return Array.from(
        this.#text.slice(start, end).matchAll(URL_TEXT),
        ({ index, 0: url }) => [start + index, start + index + url.length] as const,
      );
    });
    const urls = found.filter(([index]) => !this.#isInLabel(index));
    this.#label = 0;
    return urls;
  }

  /**
   * Bounds an address. GFM takes all to the next blank for it, and backslashes with it. Where something behind an
   * address is escaped or marked up, or a delimiter in it could pair, angle brackets say where it ends.
   */
  #bound(urls: readonly (readonly [number, number])[]): void {
    for (let at = urls.length - 1; at >= 0; at -= 1) {
      const [from, to] = urls[at] ?? [0, 0];
      if (!this.#canPair(this.#text.slice(from, to)) && !this.#isFollowed(to, urls[at + 1]?.[0])) continue;
      if (this.#text[from - 1] === '\\') this.#marks[from - 1] = MARK.escape;
      this.#marks[from] = MARK.opensAngle;
      this.#marks[to - 1] = MARK.closesAngle;
    }
    let next = 0;
    for (const { index } of this.#text.matchAll(/www\./gi)) {
      while ((urls[next]?.[1] ?? Infinity) <= index) next += 1;
      const isInUrl = (urls[next]?.[0] ?? Infinity) <= index;
      if (!isInUrl && this.#isFollowed(index + 4)) this.#marks[index + 3] = MARK.escape;
    }
  }

  /** Tells whether a delimiter in an address could pair: a star within a word cannot where it is the only one. */
  #canPair(url: string): boolean {
    if (/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])|(?<![\p{L}\p{N}])\*|\*(?![\p{L}\p{N}])|~/u.test(url))
      return true;
    return url.includes('*') && (this.#seams.size > 0 || url.indexOf('*') !== url.lastIndexOf('*'));
  }

  /** Tells whether there is a mark before the next blank, or the next address. */
  #isFollowed(from: number, next = Infinity): boolean {
    for (let at = from; at < Math.min(this.#text.length, next, from + LONGEST_WORD); at += 1) {
      if (this.#links.has(at) || this.#text[at] === '>') return true;
      if (isSpace(this.#text[at])) return false;
      if (this.#marks[at] !== 0 || this.#seams.has(at) || this.#text.startsWith('www.', at)) return true;
    }
    return this.#text.length > from + LONGEST_WORD;
  }

  /** Judges the character at a place, and gives the number of characters that are settled by it. */
  #judge(at: number): number {
    const text = this.#text;
    const [before, after] = [text[at - 1], text[at + 1]];
    const isAtSeam = this.#seams.has(at) || this.#seams.has(at + 1);
    const isFree = isSpace(before) && isSpace(after) && !isAtSeam;
    switch (text[at]) {
      case '\\':
        return this.#mark(at, isAsciiPunctuation(after) || at + 1 >= this.#end || this.#seams.has(at + 1));
      case '`':
        return this.#mark(at, true);
      case '*':
        return this.#mark(at, !isFree);
      case '_':
        return this.#mark(at, !isFree && (isAtSeam || !isWord(before) || !isWord(after)));
      case '~':
        return this.#mark(at, !isSpace(before) || after === '~' || this.#seams.size > 0);
      case '&':
        ENTITY.lastIndex = at;
        return this.#mark(at, ENTITY.test(text));
      case '!':
        return this.#mark(at, this.#links.has(at + 1));
      case '<':
        return this.#angle(at, after);
      case '[':
      case ']':
        return this.#bracket(at, text[at] === '[', after);
      default:
        return 1;
    }
  }

  #mark(at: number, escaped: boolean): number {
    if (escaped) this.#marks[at] = MARK.escape;
    return 1;
  }

  /** Keeps a mail address in angle brackets, as people write it beside a name. */
  #angle(at: number, after: string | undefined): number {
    if (after === undefined || !/[a-z/!?]/i.test(after)) return 1;
    MAILBOX.lastIndex = at;
    const mailbox = this.#isInLabel(at) ? undefined : MAILBOX.exec(this.#text)?.[0];
    if (mailbox === undefined) return this.#mark(at, true);
    for (let inner = at + 1; inner < at + mailbox.length; inner += 1)
      if (this.#seams.has(inner)) return this.#mark(at, true);
    return mailbox.length;
  }

  /** Brackets in pairs are plain, unless something behind them makes them a link, a definition or a footnote. */
  #bracket(at: number, opens: boolean, after: string | undefined): number {
    if (this.#isInLabel(at)) return this.#mark(at, true);
    if (opens) {
      this.#open.push(at);
      return 1;
    }
    const partner = this.#open.pop();
    const isMarkup = after === '(' || after === '[' || after === ':' || this.#links.has(at + 1);
    if (partner === undefined || !(isMarkup || this.#text[partner + 1] === '^')) return 1;
    this.#marks[partner] = MARK.escape;
    // Now it would close an outer one.
    return this.#mark(at, this.#open.length > 0);
  }

  #isInLabel(at: number): boolean {
    while ((this.#labels[this.#label]?.[1] ?? Infinity) <= at) this.#label += 1;
    return (this.#labels[this.#label]?.[0] ?? Infinity) <= at;
  }
}

/** Without one of these nothing has to be escaped but an exclamation mark before a link. */
const MARKUP = /[\\`*_~[\]]|<[a-z/!?]|&#?[a-z\d]|:\/\/|www\./i;

/** Judges a line: what it gives escapes any stretch of it. Most lines have nothing to escape, and need no places. */
export function escapePlainLine(text: string, places?: () => Places): (from: number, to: number) => string {
  if (!MARKUP.test(text) && (places === undefined || !text.includes('!')))
    return (from, to) => text.slice(from, to);
  const marks = new Escaper(text, places?.() ?? {}).marks();
  return (from, to) => {
    let out = '';
    let plain = from;
    for (let at = from; at < to; at += 1) {
      const mark = marks[at];
      if (mark === 0) continue;
      const end = mark === MARK.closesAngle ? at + 1 : at;
      out += text.slice(plain, end) + (mark === MARK.escape ? '\\' : mark === MARK.opensAngle ? '<' : '>');
      plain = end;
    }
    return out + text.slice(plain, to);
  };
}

/** Escapes plain text that stands on a line by itself; bare addresses of the web stay as they are. */
export const escapeText = (text: string): string => escapePlainLine(text)(0, text.length);

/** Escapes plain text for the brackets of an image. */
export const escapeLabel = (text: string): string =>
  escapePlainLine(text, () => ({ labels: [[0, text.length]], seams: new Set([text.length]) }))(
    0,
    text.length,
  );

/** Escapes what Markdown would read at the start of a line: headings, quotes, bullets, rules, fences, tables. */
export function escapeLineStart(line: string): string {
  if (!/^[\s#>|+*=~_:\d-]/.test(line)) return line;
  const indent = /^[ \t]*/.exec(line)?.[0] ?? '';
  // So far in, it would be code; and a blank that does not fold is seen as typed.
  const lead = indent.length > 3 || indent.includes('\t') ? indent.replace(/[ \t]/g, '\u00a0') : indent;
  const rest = line.slice(indent.length);
  if (/^(?:#{1,6}(?:\s|$)|[>|]|[-+*](?:\s|$)|=+\s*$|~~~)/.test(rest)) return `${lead}\\${rest}`;
  if (/^([-*_])(?:\s*\1)+\s*$/.test(rest) || /^[\s|:-]*-[\s|:-]*$/.test(rest)) return `${lead}\\${rest}`;
  return lead + rest.replace(/^(\d{1,9})([.)])(?=\s|$)/, '$1\\$2');
}
