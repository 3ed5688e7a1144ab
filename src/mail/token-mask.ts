/**
 * Hides tokens in text that others will read: who has one can write as its user.
 *
 * Contract: a token is hidden wherever it stands by itself, in either case, in a link, percent-encoded, as entities, in
 * quoted-printable, before another domain, wrapped over lines with or without quote marks, and with markup or unseen
 * characters between its own. What is no token of any form is hidden only before the domain. Other text stays.
 * Limits: linear; of ordinary prose one word in fifty characters is read, and only rows as long as a token are
 * searched. Blanks within a line end a token.
 */
import { foldDomain, type ReplyAddressForm, TOKEN_CHARS } from './address.ts';
import { KIND, kindAt, LINK, linkedRows, longRows, type Row } from './token-rows.ts';

/** How `@` is written where it is not written as such: percent-encoded, as an entity, in words, by VERP. */
const AT = '(?:[*_~`\\\\]{0,4}@|%(?:25)*40|=40|=|&#64;|&#x40;|&commat;|\\s?[[({<]?\\s?at\\s?[\\])}>]?\\s?)';

/** An encoded character; only one that is ASCII can be part of a token, or stand before one. */
const ENCODED = /[%=](?:25){0,3}([2-7][0-9a-f])|&#(?:0{0,6}(\d{2,3})|x0{0,6}([2-7][0-9a-f]));/iy;

const ENCODED_OTHER = /[%=](?:25){0,3}[89a-f][0-9a-f]/iy;

/** What may stand between two characters of a token without ending it, but for a line end. */
const GLUE =
  /(?:[\u00ad\u034f\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f*_~`\\]|<\/?[a-z][a-z0-9]{0,11} ?\/?>|&(?:shy|zwn?j|lrm|rlm|nobreak|zerowidthspace);|&#(?:173|820[3-7]|8288|x(?:ad|200[b-f]|2060));)+/iy;

/** A line end with what wrapping leaves beside it: blanks, quoted-printable's `=`, quote marks. */
const WRAP = /=?[ \t]{0,8}\r?\n[ \t>]{0,40}/y;

/** More line ends than a wrapped token has: beyond, only a token with a digit is one, because a list of words has none. */
const MOST_WRAPS = 3;

/** Reads a sticky pattern at a place; the length of what it found. */
function lengthAt(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex - at : 0;
}

/** Marks in {@link Stretch}'s bytes a character before which a token may begin, or end. */
const EDGE = 0x80;

/** Characters in a row that may be a token's, and what stood before each. */
class Stretch {
  length = 0;
  /** Lower-case character codes, with an edge as the eighth bit; a digit that no token has fits none. */
  #codes = new Uint8Array(TOKEN_CHARS);
  #lengths = new Uint8Array(TOKEN_CHARS);
  #starts = new Uint32Array(TOKEN_CHARS);
  /** Line ends before it. */
  #wraps = new Uint32Array(TOKEN_CHARS);
  #wrapsSoFar = 0;
  #edge = EDGE;

  clear(): void {
    this.length = 0;
    this.#wrapsSoFar = 0;
    this.#edge = EDGE;
  }

  /** Makes room for so many characters. */
  reserve(count: number): void {
    if (count <= this.#codes.length) return;
    this.#codes = new Uint8Array(count);
    this.#lengths = new Uint8Array(count);
    this.#starts = new Uint32Array(count);
    this.#wraps = new Uint32Array(count);
  }

  /** Adds a character of ASCII that is written in `length` characters at `start`. */
  add(code: number, start: number, length: number): void {
    const at = this.length;
    const own = length > 1 ? EDGE : 0;
    this.#codes[at] = code | 0x20 | this.#edge | own;
    this.#lengths[at] = length;
    this.#starts[at] = start;
    this.#wraps[at] = this.#wrapsSoFar;
    this.#edge = own;
    this.length = at + 1;
  }

  glue(): void {
    this.#edge = EDGE;
  }

  wrap(): void {
    this.#edge = EDGE;
    this.#wrapsSoFar++;
  }

  codeAt(at: number): number {
    return (this.#codes[at] ?? 0) & ~EDGE;
  }

  isEdge(at: number): boolean {
    return ((this.#codes[at] ?? 0) & EDGE) !== 0;
  }

  startOf(at: number): number {
    return this.#starts[at] ?? 0;
  }

  endOf(at: number): number {
    return this.startOf(at) + (this.#lengths[at] ?? 0);
  }

  wrapsBetween(from: number, to: number): number {
    return (this.#wraps[to] ?? 0) - (this.#wraps[from] ?? 0);
  }
}

const isTokenCode = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) || (code >= 0x32 && code <= 0x37);
const isAlphanumeric = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a);

/** Finds the tokens of a text. */
class Search {
  readonly #text: string;
  readonly #throughLinks: boolean;
  readonly #prefixes: readonly string[];
  readonly #atDomain: RegExp;
  readonly #stretch = new Stretch();
  readonly #found: Row[] = [];
  #edgeAt = -1;

  constructor(text: string, throughLinks: boolean, prefixes: readonly string[], atDomain: RegExp) {
    this.#text = text;
    this.#throughLinks = throughLinks;
    this.#prefixes = prefixes;
    this.#atDomain = atDomain;
  }

  /** Gives the text with an ellipsis in place of each token in the rows. */
  masked(rows: readonly Row[]): string {
    for (const [from, to] of rows) this.#search(from, to);
    if (this.#found.length === 0) return this.#text;
    let out = '';
    let end = 0;
    for (const [from, to] of this.#found) {
      out += `${this.#text.slice(end, from)}…`;
      end = to;
    }
    return out + this.#text.slice(end);
  }

  #search(from: number, to: number): void {
    this.#stretch.reserve(to - from);
    for (let at = from; at < to; ) {
      const length = this.#read(at);
      if (length <= 0) this.#judge();
      at += Math.abs(length) || 1;
    }
    this.#judge();
  }

  /** Adds to the stretch what stands at a place and gives its length; 0 or less where it ends the stretch. */
  #read(at: number): number {
    const text = this.#text;
    const kind = kindAt(text, at);
    if (kind === KIND.letter) {
      this.#stretch.add(text.charCodeAt(at), at, 1);
      if (at + 1 === this.#edgeAt) this.#stretch.glue();
      return 1;
    }
    const glue = (kind & KIND.glue) === 0 ? 0 : lengthAt(GLUE, text, at);
    if (glue > 0) {
      this.#stretch.glue();
      return glue;
    }
    const wrap = (kind & KIND.wrap) === 0 ? 0 : lengthAt(WRAP, text, at);
    if (wrap > 0) {
      this.#stretch.wrap();
      return wrap;
    }
    if ((kind & KIND.encoded) !== 0) return this.#readEncoded(at);
    const link = kind === 0 && this.#throughLinks ? lengthAt(LINK, text, at) : 0;
    if (link > 0) this.#stretch.glue();
    return link;
  }

  #readEncoded(at: number): number {
    ENCODED.lastIndex = at;
    const [whole, hex, decimal, hexadecimal] = ENCODED.exec(this.#text) ?? [];
    if (whole === undefined) {
      // No ASCII: where it is an encoded character a token may follow; where it is none, a token may begin with it.
      const length = lengthAt(ENCODED_OTHER, this.#text, at);
      if (length > 0) this.#edgeAt = at + length;
      return 0;
    }
    const code = decimal === undefined ? Number.parseInt(hex ?? hexadecimal ?? '', 16) : Number(decimal);
    if (!isAlphanumeric(code)) return -whole.length;
    this.#stretch.add(code, at, whole.length);
    return whole.length;
  }

  /** Looks for tokens in the stretch, and begins another one. */
  #judge(): void {
    const stretch = this.#stretch;
    let fitting = 0;
    for (let at = 0; at < stretch.length; at += 1) {
      fitting = isTokenCode(stretch.codeAt(at)) ? fitting + 1 : 0;
      const start = at + 1 - TOKEN_CHARS;
      if (fitting < TOKEN_CHARS || !this.#isToken(start, at)) continue;
      this.#found.push([stretch.startOf(start), stretch.endOf(at)]);
      fitting = 0;
    }
    stretch.clear();
  }

  /** Tells whether the characters from `start` to `last` are a token by their shape, or by the domain behind them. */
  #isToken(start: number, last: number): boolean {
    const stretch = this.#stretch;
    if (last + 1 < stretch.length && !stretch.isEdge(last + 1)) return false;
    if (!stretch.isEdge(start) && !this.#followsPrefix(start)) return false;
    if (stretch.wrapsBetween(start, last) > MOST_WRAPS && !this.#hasDigit(start, last)) return false;
    const second = stretch.codeAt(start + 1);
    if (stretch.codeAt(start) === 0x61 && second >= 0x65 && second <= 0x6c) return true;
    return lengthAt(this.#atDomain, this.#text, stretch.endOf(last)) > 0;
  }

  #hasDigit(start: number, last: number): boolean {
    for (let at = start; at <= last; at += 1) if (this.#stretch.codeAt(at) <= 0x37) return true;
    return false;
  }

  #followsPrefix(start: number): boolean {
    return this.#prefixes.some((prefix) => this.#endsWith(prefix, start));
  }

  /** Tells whether the stretch has this prefix right before a place. */
  #endsWith(prefix: string, start: number): boolean {
    const from = start - prefix.length;
    if (from < 0) return false;
    for (let at = 0; at < prefix.length; at += 1)
      if (this.#stretch.codeAt(from + at) !== prefix.charCodeAt(at)) return false;
    return true;
  }
}

/** Gives a function that hides every token in a text, for logs and for what is posted. */
export function createTokenMask(forms: readonly ReplyAddressForm[]): (text: string) => string {
  const domains = [...new Set(forms.flatMap(({ domain }) => [domain, foldDomain(domain)]))]
    .map(escapeRegExp)
    .join('|');
  const atDomain = new RegExp(`${AT}(?:${domains})`, 'iy');
  // What of the prefix is in one stretch with the token: all behind its last other character.
  const ends = forms.map(({ prefix }) => /[a-z0-9]*$/.exec(prefix.toLowerCase())?.[0] ?? '');
  const prefixes = [...new Set(ends)].filter((end) => end !== '');
  const search = (text: string, rows: readonly Row[], throughLinks: boolean): string =>
    rows.length === 0 ? text : new Search(text, throughLinks, prefixes, atDomain).masked(rows);
  return (text) => {
    const masked = search(text, longRows(text), false);
    const isBracketed = masked.includes('[') || masked.includes(']');
    return isBracketed ? search(masked, linkedRows(masked), true) : masked;
  };
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
