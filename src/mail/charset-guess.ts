/**
 * The charset of eight-bit text that is no UTF-8 and has no label, or a wrong one.
 *
 * Contract: `guessCharset` names a charset only when the text looks like a language in it: of the letters nearly all are
 * its most frequent ones, in the case in which they stand in words; of the characters of East Asia nearly all are from
 * the part that everyday text uses. A text of Latin letters with accents gives none. Pure.
 * Limits: looks at 16 KiB; texts of a few characters give none.
 */
import { charsetKind } from './charset-kind.ts';
import { decodeStrictly } from './charset-name.ts';

const SAMPLE_BYTES = 16 * 1024;

/** The least that a guess must reach, of 1. */
const CONVINCING = 0.6;

/** A charset of single bytes with letters of its own, and the most frequent of them. */
const CYRILLIC = 'оеаинтсрвлкдпумяьіы';
const GREEK = 'αοιετσνηυρκπςάόίέήύλμ';
const HEBREW = 'יוהלאתמרבשנ';
const ARABIC = 'اليمنرتبوةعدهسكف';
const THAI = 'รนากอเง่ยมลว้ีทสัตดคบป';

const LETTERS: readonly (readonly [name: string, frequent: string])[] = [
  ['windows-1251', CYRILLIC],
  ['koi8-u', CYRILLIC],
  ['iso-8859-5', CYRILLIC],
  ['ibm866', CYRILLIC],
  ['windows-1253', GREEK],
  ['windows-1255', HEBREW],
  ['windows-1256', ARABIC],
  ['koi8-r', CYRILLIC],
  ['x-mac-cyrillic', CYRILLIC],
  ['iso-8859-7', GREEK],
  ['iso-8859-8', HEBREW],
  ['iso-8859-8-i', HEBREW],
  ['iso-8859-6', ARABIC],
  ['windows-874', THAI],
];

/** A charset of East Asia and the characters of everyday text, counted in its bytes or in its text. */
interface EastAsian {
  readonly name: string;
  readonly share: (bytes: Uint8Array, text: string) => number;
}

const EAST_ASIAN: readonly EastAsian[] = [
  { name: 'euc-kr', share: (_, text) => shareOf(text, /[\uac00-\ud7a3\u3000-\u3002]/g) },
  { name: 'euc-jp', share: (_, text) => kanaShare(text) },
  { name: 'shift_jis', share: (_, text) => kanaShare(text) },
  { name: 'gb18030', share: (bytes) => shareOfPairs(bytes, [0xb0, 0xd7], 0xa1) },
  { name: 'big5', share: (bytes) => shareOfPairs(bytes, [0xa4, 0xc6], 0x40) },
];

/**
 * Names the charset of `bytes`, which are no UTF-8. A `label` that fits is believed unless another fits far better.
 */
export function guessCharset(bytes: Uint8Array, label?: string): string | undefined {
  const sample = bytes.subarray(0, SAMPLE_BYTES);
  // A short text says little against a label that fits.
  if (label !== undefined && charsetKind(label) !== 'latin' && highRuns(sample).bytes < 16) return undefined;
  if (label !== undefined && KANA_LABELS.test(label) && hasKana(sample, label)) return label;
  let best: string | undefined;
  let most = 0;
  for (const [name, score] of scores(bytes.length > SAMPLE_BYTES ? wholeLines(sample) : sample)) {
    if (name === label && score >= CONVINCING) return label;
    const weighed = name === label ? score + 0.3 : score;
    if (score < CONVINCING && name !== label) continue;
    if (weighed > most) [best, most] = [name, weighed];
  }
  return best;
}

const KANA_LABELS = /^(euc-jp|shift_jis)$/;

/** Tells whether a text has kana when read by its label; Chinese text read so has none. */
function hasKana(sample: Uint8Array, label: string): boolean {
  return /[\u3041-\u30fa]/.test(decodeStrictly(sample, label) ?? '');
}

/** Cuts the sample behind its last line end, so that no character is cut. */
function wholeLines(sample: Uint8Array): Uint8Array {
  const end = sample.lastIndexOf(0x0a);
  return end === -1 ? sample : sample.subarray(0, end);
}

function* scores(sample: Uint8Array): Generator<readonly [string, number]> {
  const runs = highRuns(sample);
  if (runs.bytes >= 8) {
    for (const { name, share } of EAST_ASIAN) {
      const text = decodeStrictly(sample, name);
      if (text !== undefined) yield [name, share(sample, text)];
    }
  }
  // Latin letters with accents stand alone between others.
  if (runs.bytes < 6 || runs.bytes < runs.count * 2.5) return;
  for (const [name, frequent] of LETTERS) {
    const text = decodeStrictly(sample, name);
    if (text !== undefined) yield [name, letterShare(text, frequent)];
  }
}

/** Lists the runs of bytes beyond ASCII. */
function highRuns(bytes: Uint8Array): { bytes: number; count: number } {
  const runs = { bytes: 0, count: 0 };
  let previous = 0;
  for (const byte of bytes) {
    if (byte > 0x7f) {
      runs.bytes++;
      if (previous <= 0x7f) runs.count++;
    }
    previous = byte;
  }
  return runs;
}

/** Measures the share of frequent letters, small ones or capitals that begin a word, among all beyond ASCII. */
function letterShare(text: string, frequent: string): number {
  const foreign = text.match(/[^\0-\x7f]/g)?.length ?? 0;
  const starts = text
    .match(/(?<!\p{L})\p{Lu}(?=\p{Ll})/gu)
    ?.filter((letter) => frequent.includes(letter.toLowerCase()));
  const letters = new Set(frequent);
  let found = starts?.length ?? 0;
  for (const letter of text) if (letters.has(letter)) found++;
  return foreign === 0 ? 0 : found / foreign;
}

function shareOf(text: string, wanted: RegExp): number {
  const foreign = text.match(/[^\0-\x7f]/g)?.length ?? 0;
  return foreign < 4 ? 0 : scaled((text.match(wanted)?.length ?? 0) / foreign);
}

/**
 * Measures the share of kana. Everyday Japanese is a third kana at least; other charsets look like its half-width
 * ones.
 */
function kanaShare(text: string): number {
  const foreign = text.match(/[^\0-\x7f]/g)?.length ?? 0;
  const kana = text.match(/[\u3040-\u30ff\u3001\u3002]/g)?.length ?? 0;
  const odd = text.match(/[\uff61-\uff9f\ue000-\uf8ff\x80-\x9f]/g)?.length ?? 0;
  return foreign < 4 || odd * 10 > foreign ? 0 : Math.min(1, (kana / foreign) * 2.5);
}

/** Measures the share of pairs whose lead byte is within the bounds, or in the rows of punctuation. */
function shareOfPairs(bytes: Uint8Array, [from, to]: readonly [number, number], trail: number): number {
  let pairs = 0;
  let found = 0;
  for (let at = 0; at < bytes.length; at++) {
    const lead = bytes[at] as number;
    if (lead < 0x80) continue;
    const next = bytes[++at] ?? 0;
    pairs++;
    if (next >= trail && ((lead >= from && lead <= to) || lead === 0xa1 || lead === 0xa3)) found++;
  }
  return pairs < 4 ? 0 : scaled(found / pairs);
}

/** Scales a share; less than four fifths says nothing. */
function scaled(share: number): number {
  return share < 0.8 ? 0 : share;
}

/**
 * Signs of a text in another Latin charset when it is read as windows-1252: so many `signs`, twice as many where
 * windows-1252 is declared; `beside` them, no letter that speaks for windows-1252.
 */
interface LatinLook {
  readonly name: string;
  readonly signs: RegExp;
  readonly least: number;
  readonly beside: RegExp;
  readonly none: RegExp;
}

const LATIN: readonly LatinLook[] = [
  // Polish, Czech, Slovak: signs within words
  {
    name: 'iso-8859-2',
    signs: /\p{L}[³±¹»¼¿]\p{Ll}|\p{L}[¶¾]|[©®]\p{Ll}/gu,
    least: 1.5,
    beside: /[³±¶¹]/,
    none: /[\x8c\x8f\x9c\x9fœŸŒ¥ŠšŽž]/,
  },
  { name: 'windows-1250', signs: /\p{L}[³¹¿œŸ]\p{Ll}/gu, least: 1.5, beside: /[³¹¿]/, none: /[¶±¼]/ },
  // Czech, Slovak: their other letters beside š and ž
  { name: 'windows-1250', signs: /[øìèùïò]/g, least: 2, beside: /[šžŠŽ]/, none: /[öüßåæàçêâñ]/ },
  // Hungarian: ő and ű beside ö and ü
  { name: 'windows-1250', signs: /[õû]/g, least: 1, beside: /[öü]/, none: /[äãçàèñêâô]/ },
  // Turkish, whose letters are Icelandic ones there
  { name: 'windows-1254', signs: /[ðþý]/g, least: 2, beside: /[ðþ]/, none: /[áéíóúæÁÉÍÓÚÆšžø]/ },
];

/**
 * Names the Latin charset of a text that was read as windows-1252, by its label or for want of one. `undefined` where
 * windows-1252 may well be right.
 */
export function guessLatin(text: string, isDeclared: boolean): string | undefined {
  const sample = text.slice(0, SAMPLE_BYTES);
  const looks = ({ signs, least, beside, none }: LatinLook): boolean =>
    (sample.match(signs)?.length ?? 0) >= (isDeclared ? 2 * least : least) &&
    beside.test(sample) &&
    !none.test(sample);
  return LATIN.find(looks)?.name;
}

/**
 * Tells whether the bytes beyond ASCII stand alone between letters, as accented ones do in the languages of Latin.
 */
export function isScattered(bytes: Uint8Array): boolean {
  const { bytes: high, count } = highRuns(bytes.subarray(0, SAMPLE_BYTES));
  return high < count * 1.8;
}

/** Tells whether most of them stand alone between letters of ASCII, where no character of two bytes can begin. */
export function isWithinWords(bytes: Uint8Array): boolean {
  const sample = Buffer.from(bytes.subarray(0, SAMPLE_BYTES)).toString('latin1');
  const within = sample.match(/(?<=[a-z])[\x80-\xff](?=[a-z])/gi)?.length ?? 0;
  return within >= 2 && within * 5 >= highRuns(bytes.subarray(0, SAMPLE_BYTES)).count * 3;
}
