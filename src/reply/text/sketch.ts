/**
 * The sketch of an original: hashes of every few words in a row, by which its text is known again in a reply.
 *
 * Contract: words are compared without case, width, punctuation and links, whatever the lines that they stand on, so that
 * quote marks, wrapping, emphasis and rewritten links change nothing. A sketch has at most the bytes that it is given, 2 KiB
 * unless told otherwise: of a long text it takes every second or third place, so that each word still stands in a
 * hash, and of a longer one the beginning and the end. Nobody can read the text out of a sketch.
 * Failure: bytes that are no sketch know nothing.
 * Limits: linear in the length of the text; of a text at most {@link MAX_WORDS} words are read.
 */

/** Words in a row that are one hash: fewer meet by accident, more break at every edited word. */
const SHINGLE = 3;
const VERSION = 1;
const HEAD_BYTES = 4;
const HASH_BYTES = Uint32Array.BYTES_PER_ELEMENT;
/** The size of a sketch in the store. */
export const SKETCH_BYTES = 2048;
/** Words that are read of one text. */
const MAX_WORDS = 200_000;
/** Links that are kept of an original. */
const MAX_LINKS = 32;
/** Of a text that is too long for its sketch, the share of hashes that its end has. */
const END_SHARE = 0.25;

const MARKS = /^[\s>＞»|]+/u;
/** Links are hashes of their own, because programs put them elsewhere or rewrite them; names of images say nothing. */
const LINK = /<?(?:https?:\/\/|mailto:)[^\s<>"\]]*>?|\[(?:cid|image)[^\]\n]{0,300}\]/giu;
/** A letter of a script that puts no blanks between its words is a word of its own, and so is a pictograph. */
const LETTER = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Extended_Pictographic}`;
const WORD = new RegExp(String.raw`[${LETTER}]|(?:(?![${LETTER}])[\p{L}\p{M}\p{N}])+`, 'gu');
const ASCII = /^[\t -~]*$/;
const ASCII_WORD = /[a-z0-9]+/g;

function hashWord(word: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < word.length; at += 1) hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193);
  return hash;
}

/** The hashes of a line's words, and of its links. */
interface LineWords {
  readonly words: readonly number[];
  readonly links: readonly number[];
}

const NO_LINKS: readonly number[] = [];

/** Gives the hash of a link, without what may stand around it. */
const hashLink = (link: string): number =>
  shingleAt([hashWord(link.toLowerCase().replace(/^[<[]+|[\]>.,;:!?)]+$/g, ''))], 0, LINK_COUNT);

/** Reads the words and links of a line, without its quote marks. */
function readLine(line: string): LineWords {
  const bare = line.replace(MARKS, '');
  const links = bare.includes('://') || bare.includes('[') || /mailto:/i.test(bare) ? bare.match(LINK) : null;
  const text = links === null ? bare : bare.replace(LINK, ' ');
  const words = ASCII.test(text)
    ? text.toLowerCase().match(ASCII_WORD)
    : text.normalize('NFKC').toLowerCase().match(WORD);
  return { words: (words ?? []).map(hashWord), links: links?.map(hashLink) ?? NO_LINKS };
}

/** Stands for the number of words where a link is hashed. */
const LINK_COUNT = 9;

/** Gives the hash of the words from a place on; the number of words is part of it. */
function shingleAt(words: ArrayLike<number>, from: number, count = SHINGLE): number {
  let hash = count;
  for (let at = from; at < from + count && at < words.length; at += 1) {
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) ^ Math.imul(words[at] ?? 0, 0xcc9e2d51);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function readText(lines: Iterable<string>): LineWords {
  const [words, links]: [number[], number[]] = [[], []];
  for (const line of lines) {
    const read = readLine(line);
    for (const word of read.words) words.push(word);
    for (const link of read.links) links.push(link);
    if (words.length + links.length > MAX_WORDS) break;
  }
  return { words, links };
}

/** Collects the hashes at every `stride`th place of the words that are not covered yet. */
function collect(words: readonly number[], stride: number, hashes: Set<number>): void {
  if (words.length < SHINGLE) {
    if (words.length > 0) hashes.add(shingleAt(words, 0, words.length));
    return;
  }
  const last = words.length - SHINGLE;
  let next = 0;
  for (let at = 0; at <= last; at += 1) {
    const hash = shingleAt(words, at);
    if (hashes.has(hash)) next = Math.max(next, at + stride);
    else if (at >= next || at === last) {
      hashes.add(hash);
      next = at + stride;
    }
  }
}

/** Takes as many hashes as there is room for: the beginning and the end of the text. */
function bounded(hashes: readonly number[], most: number): readonly number[] {
  if (hashes.length <= most) return hashes;
  const end = Math.floor(most * END_SHARE);
  return [...hashes.slice(0, most - end), ...hashes.slice(-end)];
}

/**
 * Makes the sketch of an original. `texts` are its forms, plain and HTML without tags, the plain one first: the others add only
 * what the first does not say. Each is a text with line ends or its lines.
 */
export function makeSketch(
  texts: readonly (string | Iterable<string>)[],
  maxBytes: number = SKETCH_BYTES,
): Uint8Array {
  const most = Math.floor((maxBytes - HEAD_BYTES) / HASH_BYTES);
  const forms = texts.map((text) => readText(typeof text === 'string' ? text.split('\n') : text));
  let hashes = new Set<number>();
  let stride = 0;
  while (stride < SHINGLE) {
    stride += 1;
    hashes = new Set();
    for (const { words } of forms) collect(words, stride, hashes);
    for (const link of forms.flatMap(({ links }) => links).slice(0, MAX_LINKS)) hashes.add(link);
    if (hashes.size <= most) break;
  }
  const kept = bounded([...hashes], most);
  const sketch = new DataView(new ArrayBuffer(HEAD_BYTES + kept.length * HASH_BYTES));
  sketch.setUint8(0, VERSION);
  sketch.setUint8(1, SHINGLE);
  sketch.setUint8(2, Number(kept.length < hashes.size));
  sketch.setUint8(3, stride);
  kept.forEach((hash, at) => {
    sketch.setUint32(HEAD_BYTES + at * HASH_BYTES, hash);
  });
  return new Uint8Array(sketch.buffer);
}

/** How much of a line stands in an original. */
export interface Cover {
  /** Its words in all. */
  readonly words: number;
  /** Those that stand in a hash which is known. */
  readonly known: number;
  /** Whether it goes on from the line with words above as in an original. */
  readonly joinsAbove: boolean;
  /** Whether the line with words below goes on from it so. */
  readonly joinsBelow: boolean;
  /** Whether it is all of an original, or a link of one and nothing else. */
  readonly isWhole: boolean;
  /**
   * Whether words stand at its end, between words that are neighbours in an original: who answers on the line of the question
   * adds them.
   */
  readonly isAnswered: boolean;
}

/** The cover of all lines. */
export interface Covered {
  readonly lines: readonly Cover[];
  /**
   * The share, from 0 to 1, of the best known original that stands in the lines that count, without what others have of it.
   * Originals that are too long for their sketches have none.
   */
  readonly share: number;
  /** The number of its hashes. */
  readonly size: number;
  /** Whether every place of the originals has a hash, so that what does not join is not theirs. */
  readonly isDense: boolean;
  /** The largest share of an original that stands in all lines. */
  readonly total: number;
}

/** Most sketches that are asked at a time, one bit each. */
const MAX_SKETCHES = 31;

/** Sketches of all that is known of a thread, ready to be asked. */
export class Sketches {
  /** The sketches that have a hash, a bit each. */
  readonly #owners = new Map<number, number>();
  readonly #sizes: number[] = [];
  /** The sketches that hold their text whole, a bit each. */
  #whole = 0;
  #isDense = true;

  constructor(sketches: readonly Uint8Array[]) {
    for (const sketch of sketches.slice(0, MAX_SKETCHES)) this.#add(sketch);
  }

  /** Whether nothing is known. */
  get isEmpty(): boolean {
    return this.#owners.size === 0;
  }

  #add(sketch: Uint8Array): void {
    if (sketch[0] !== VERSION || sketch[1] !== SHINGLE) return;
    const view = new DataView(sketch.buffer, sketch.byteOffset, sketch.byteLength);
    const bit = 1 << this.#sizes.length;
    for (let at = HEAD_BYTES; at + HASH_BYTES <= sketch.byteLength; at += HASH_BYTES) {
      const hash = view.getUint32(at);
      this.#owners.set(hash, (this.#owners.get(hash) ?? 0) | bit);
    }
    if (sketch[2] === 0) this.#whole |= bit;
    if (sketch[3] !== 1) this.#isDense = false;
    this.#sizes.push((sketch.byteLength - HEAD_BYTES) / HASH_BYTES);
  }

  /**
   * Tells of each line how many of its words stand in an original, in the order in which they stand there, across the ends of
   * lines as well. `counts` names the lines that count for the share.
   */
  cover(lines: readonly string[], counts: (at: number) => boolean): Covered {
    const read = lines.map(readLine);
    const words: number[] = [];
    const places: number[] = [];
    read.forEach((line, at) => {
      for (const word of line.words) {
        words.push(word);
        places.push(at);
      }
    });
    const known = new Uint8Array(words.length);
    const [above, below] = [new Uint8Array(lines.length), new Uint8Array(lines.length)];
    const found = new Map<number, number>();
    const elsewhere = new Map<number, number>();
    for (let from = 0; from + SHINGLE <= words.length; from += 1) {
      const hash = shingleAt(words, from);
      const owners = this.#owners.get(hash);
      if (owners === undefined) continue;
      const [first = 0, last = 0] = [places[from], places[from + SHINGLE - 1]];
      known.fill(1, from, from + SHINGLE);
      above.fill(1, first + 1, last + 1);
      below.fill(1, first, last);
      if (counts(first) || counts(last)) found.set(hash, owners);
      else elsewhere.set(hash, owners);
    }
    for (const hash of elsewhere.keys()) found.delete(hash);
    const wholes = this.#wholes(read);
    let at = 0;
    const covers = read.map((line, index): Cover => {
      let sum = 0;
      const first = at;
      for (; places[at] === index; at += 1) sum += known[at] ?? 0;
      const whole = wholes.get(index);
      if (whole !== undefined && counts(index)) found.set(whole, this.#owners.get(whole) ?? 0);
      return {
        words: line.words.length,
        known: whole === undefined ? sum : line.words.length,
        joinsAbove: above[index] === 1,
        joinsBelow: below[index] === 1,
        isWhole: whole !== undefined,
        isAnswered:
          !(above[index] === 1 && below[index] === 1 && sum === at - first) &&
          this.#isAnswered(words, known, first, at),
      };
    });
    return { lines: covers, isDense: this.#isDense, ...this.#best(found, elsewhere) };
  }

  /**
   * Tells whether the last words of those from `first` to `end`, or all of them, stand between neighbours of an original. Words
   * that go on from both sides are its own.
   */
  #isAnswered(words: readonly number[], known: Uint8Array, first: number, end: number): boolean {
    if (!this.#isDense || end === first || end === words.length) return false;
    let last = end - 1;
    while (last >= first && known[last] === 0) last -= 1;
    const isAdded = last < end - 1 && last - first + 1 >= SHINGLE;
    return (isAdded && this.#joins(words, last, end)) || (first > 0 && this.#joins(words, first - 1, end));
  }

  /** Tells whether the word at `next` follows that at `last` in an original. */
  #joins(words: readonly number[], last: number, next: number): boolean {
    const before = words.slice(Math.max(0, last - SHINGLE + 2), last + 1);
    return this.#owners.has(shingleAt([...before, words[next] ?? 0], 0));
  }

  /** Finds lines that are all of an original with too few words for other hashes, one or two, and links alone. */
  #wholes(read: readonly LineWords[]): ReadonlyMap<number, number> {
    const wholes = new Map<number, number>();
    let last = -1;
    read.forEach(({ words, links }, at) => {
      const own = words.length === 0 ? links.find((link) => this.#owners.has(link)) : undefined;
      if (own !== undefined) wholes.set(at, own);
      if (words.length === 0) return;
      const above = words.length === 1 && last >= 0 ? (read[last]?.words ?? []) : [];
      for (const text of [words, [...above, ...words]]) {
        const whole = text.length < SHINGLE ? shingleAt(text, 0, text.length) : 0;
        if (!this.#owners.has(whole)) continue;
        wholes.set(at, whole);
        if (text.length > words.length) wholes.set(last, whole);
      }
      last = at;
    });
    return wholes;
  }

  /** Finds the original that has the largest share of its hashes here, those elsewhere left out. */
  #best(found: Owned, elsewhere: Owned): Omit<Covered, 'lines' | 'isDense'> {
    let best = { share: 0, size: 0, total: 0 };
    this.#sizes.forEach((size, index) => {
      const [own, others] = [countOf(found, index), countOf(elsewhere, index)];
      const isWhole = ((this.#whole >>> index) & 1) === 1;
      const share = isWhole ? own / Math.max(1, size - others) : 0;
      const total = Math.max(best.total, (own + others) / size);
      best = share > best.share ? { share, size, total } : { ...best, total };
    });
    return best;
  }
}

/** Hashes, and the sketches that have them. */
type Owned = ReadonlyMap<number, number>;

/** Counts the hashes that a sketch has. */
function countOf(hashes: Owned, index: number): number {
  let count = 0;
  for (const owners of hashes.values()) count += (owners >>> index) & 1;
  return count;
}
