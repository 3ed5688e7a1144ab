/**
 * Hides tokens in text that others will read: who has one can write as its user.
 *
 * Contract: a token is hidden wherever it stands by itself, in either case, in a link, percent-encoded, as entities, in
 * quoted-printable, before another domain, wrapped over lines with or without quote marks, and with markup or unseen
 * characters between its own. What is no token of any form is hidden only before the domain. Other text stays.
 * Limits: linear; of ordinary prose one word in fifty characters is read. Blanks within a line end a token.
 */
import { foldDomain, type ReplyAddressForm, TOKEN_CHARS } from './address.ts';

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

/** A link that begins or ends within a token. */
const LINK = /!?\[|\](?:\([^\s()]{0,300}\))?/y;
const LINKS = /!?\[|\]\([^\s()]{0,300}\)/g;

/** More line ends than a wrapped token has: beyond, only a token with a digit is one, because a list of words has none. */
const MOST_WRAPS = 3;

/** Reads a sticky pattern at a place; the length of what it found. */
function lengthAt(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex - at : 0;
}

/** Characters that may stand in a token or unseen, as markup, encoded or wrapped, between two of its own. */
const JOINING = new Uint8Array(128);
for (const character of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789*_~`\\=%&#;<>/\r\n') {
  JOINING[character.charCodeAt(0)] = 1;
}

/** Whether a character can belong to a token's stretch of text; a blank does only beside a line end or a quote mark. */
function isJoining(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (code === 0x20 || code === 0x09)
    return isWrapping(text.charCodeAt(at - 1)) || isWrapping(text.charCodeAt(at + 1));
  if (code < 128) return JOINING[code] === 1;
  return (
    code === 0xad ||
    code === 0x34f ||
    (code >= 0x200b && code <= 0x2064) ||
    (code >= 0xfe00 && code <= 0xfe0f)
  );
}

const isWrapping = (code: number): boolean =>
  code === 0x0a || code === 0x0d || code === 0x3e || code === 0x20 || code === 0x09;

/**
 * Whether a token could be in the text at all: so many of such characters in a row. Looks at the end of where one would
 * be first, so that of ordinary prose it reads a word in fifty characters; the search itself costs twenty times that.
 */
function mayHoldToken(text: string): boolean {
  let start = 0;
  while (start + TOKEN_CHARS <= text.length) {
    let at = start + TOKEN_CHARS - 1;
    while (at >= start && isJoining(text, at)) at -= 1;
    if (at < start) return true;
    start = at + 1;
  }
  return false;
}

/** Characters in a row that may be a token's, and what stood before each. */
class Stretch {
  /** Lower-case character codes; a digit that no token has is among them and fits none. */
  readonly codes: number[] = [];
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** Whether a token may begin before, and so end after, that character. */
  readonly edges: boolean[] = [];
  /** Line ends before it. */
  readonly wraps: number[] = [];
  #wraps = 0;
  #edge = true;

  add(code: number, start: number, end: number, encoded: boolean): void {
    this.codes.push(code | 0x20);
    this.starts.push(start);
    this.ends.push(end);
    this.edges.push(this.#edge || encoded);
    this.wraps.push(this.#wraps);
    this.#edge = encoded;
  }

  glue(): void {
    this.#edge = true;
  }

  wrap(): void {
    this.#edge = true;
    this.#wraps += 1;
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
  readonly #prefix: string;
  readonly #atDomain: RegExp;
  readonly #found: [number, number][] = [];
  #edgeAt = -1;

  constructor(text: string, throughLinks: boolean, prefix: string, atDomain: RegExp) {
    this.#text = text;
    this.#throughLinks = throughLinks;
    this.#prefix = prefix;
    this.#atDomain = atDomain;
  }

  /** The text with each token as an ellipsis. */
  masked(): string {
    let stretch = new Stretch();
    for (let at = 0; at < this.#text.length; ) {
      const length = this.#read(stretch, at);
      if (length <= 0 && stretch.codes.length > 0) {
        this.#judge(stretch);
        stretch = new Stretch();
      }
      at += Math.abs(length) || 1;
    }
    this.#judge(stretch);
    if (this.#found.length === 0) return this.#text;
    let out = '';
    let end = 0;
    for (const [from, to] of this.#found) {
      out += `${this.#text.slice(end, from)}…`;
      end = to;
    }
    return out + this.#text.slice(end);
  }

  /** Adds to the stretch what stands at a place and gives its length; 0 or less where it ends the stretch. */
  #read(stretch: Stretch, at: number): number {
    const text = this.#text;
    const code = text.charCodeAt(at);
    if (isAlphanumeric(code)) {
      stretch.add(code, at, at + 1, false);
      if (at + 1 === this.#edgeAt) stretch.glue();
      return 1;
    }
    const glue = lengthAt(GLUE, text, at);
    if (glue > 0) {
      stretch.glue();
      return glue;
    }
    const wrap = lengthAt(WRAP, text, at);
    if (wrap > 0) {
      stretch.wrap();
      return wrap;
    }
    const encoded = this.#readEncoded(stretch, at);
    if (encoded !== 0) return encoded;
    const link = this.#throughLinks ? lengthAt(LINK, text, at) : 0;
    if (link > 0) stretch.glue();
    return link;
  }

  #readEncoded(stretch: Stretch, at: number): number {
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
    stretch.add(code, at, at + whole.length, true);
    return whole.length;
  }

  #judge(stretch: Stretch): void {
    const { codes, starts, ends } = stretch;
    let fitting = 0;
    for (let end = 1; end <= codes.length; end += 1) {
      fitting = isTokenCode(codes[end - 1] ?? 0) ? fitting + 1 : 0;
      const start = end - TOKEN_CHARS;
      if (fitting < TOKEN_CHARS || !this.#isToken(stretch, start, end)) continue;
      this.#found.push([starts[start] ?? 0, ends[end - 1] ?? 0]);
      fitting = 0;
    }
  }

  #isToken(stretch: Stretch, start: number, end: number): boolean {
    const { codes, ends, edges, wraps } = stretch;
    if (end < codes.length && edges[end] !== true) return false;
    if (edges[start] !== true && !this.#followsPrefix(stretch, start)) return false;
    const isWrapped = (wraps[end - 1] ?? 0) - (wraps[start] ?? 0) > MOST_WRAPS;
    if (isWrapped && !codes.slice(start, end).some((code) => code <= 0x37)) return false;
    if (codes[start] === 0x61 && (codes[start + 1] ?? 0) >= 0x65 && (codes[start + 1] ?? 0) <= 0x6c)
      return true;
    return lengthAt(this.#atDomain, this.#text, ends[end - 1] ?? 0) > 0;
  }

  #followsPrefix({ codes }: Stretch, start: number): boolean {
    const from = start - this.#prefix.length;
    return (
      this.#prefix !== '' && from >= 0 && String.fromCharCode(...codes.slice(from, start)) === this.#prefix
    );
  }
}

/** Gives a function that hides every token in a text, for logs and for what is posted. */
export function createTokenMask(form: ReplyAddressForm): (text: string) => string {
  const domains = [...new Set([form.domain, foldDomain(form.domain)])].map(escapeRegExp).join('|');
  const atDomain = new RegExp(`${AT}(?:${domains})`, 'iy');
  // What of the prefix is in one stretch with the token: all behind its last other character.
  const prefix = /[a-z0-9]*$/.exec(form.prefix.toLowerCase())?.[0] ?? '';
  const search = (text: string, throughLinks: boolean): string =>
    new Search(text, throughLinks, prefix, atDomain).masked();
  return (text) => {
    const masked = mayHoldToken(text) ? search(text, false) : text;
    const isLinked = masked.includes('](') && mayHoldToken(masked.replace(LINKS, ''));
    return isLinked ? search(masked, true) : masked;
  };
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
