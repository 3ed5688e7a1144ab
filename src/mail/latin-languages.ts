/**
 * The charset of text in Latin letters, by the languages that have those letters.
 *
 * Contract: `latinCharset` names another charset than the one of the label only when the reading by the label fits no
 * language at all, and the other one fits one wholly. A reading fits a language that has all of its letters beyond
 * ASCII; a sign between letters, and a capital behind a small letter, fit none. Pure; looks at 16 KiB.
 */
import { decodeStrictly } from './charset-name.ts';

const SAMPLE_BYTES = 16 * 1024;

/** The letters beyond ASCII of languages, with those of the foreign words that they use; small ones. */
const LANGUAGES: readonly string[] = [
  'àâæçéèêëîïôœùûüÿñ', // French, Breton
  'áéíóúüñç', // Spanish, Galician, Basque, Filipino
  'áâãàçéêíóôõúüòè', // Portuguese
  'àèéìíîòóùúç', // Italian
  'àçéèíïóòúü', // Catalan
  'äöüßéèàçëïóâêô', // German, Dutch, Luxembourgish, Afrikaans
  'åäöéèàüáæøšž', // Swedish, Finnish
  'æøåéèàòóôöäüáâê', // Danish, Norwegian
  'áðéíóúýþæöå', // Icelandic
  'áæðíóøúý', // Faroese
  'äõöüšžé', // Estonian
  'áéíóúàèìòùâêîôûŵŷ', // Irish, Gaelic, Welsh
  'ąćęłńóśźżéüö', // Polish
  'áčďéěíňóřšťúůýžöü', // Czech
  'áäčďéíĺľňóôŕšťúýžöü', // Slovak
  'áéíóöőúüű', // Hungarian
  'čćđšžéöü', // Slovene, Croatian, Bosnian, Serbian
  'ăâîşţșțáéö', // Romanian
  'çğıöşüâîûé', // Turkish
  'āčēģīķļņōŗšūžöü', // Latvian
  'ąčęėįšųūžöü', // Lithuanian
  'çëâêîôûé', // Albanian, Kurdish
  'ċġħżàèìòù', // Maltese
  'ĉĝĥĵŝŭ', // Esperanto
];

const ALPHABETS = LANGUAGES.map((letters) => new Set(letters));

/** The charsets that mail in Latin letters was sent in, the commonest first. */
const CANDIDATES = ['windows-1252', 'iso-8859-2', 'windows-1250', 'windows-1254', 'windows-1257'];

/** What no language has between letters, and a capital behind a small letter; people do write ´, a soft hyphen and × there. */
const MISFIT =
  /(?<=\p{L})[\x80-\x9f\xa1-\xa3\xa5\xa6\xa8\xa9\xac\xae\xaf\xb1-\xb3\xb6\xb8\xb9\xbb-\xbf€‚ƒ„†‡ˆ‰‹›˜\u02d8\u02db\u02c7\u02dd\u02d9](?=\p{L})|(?<![\p{L}\d.])[ªº](?=\p{L})|(?<=\p{Ll})(?![A-Z])\p{Lu}/gu;

/** What stands in a text beside its letters; another reading than the declared one has nothing else. */
const BESIDE = /[^\p{L}\0-\x7f\xa0\xa1\xab\xad\xb0\xb7\xbb\xbf‘’‚“”„–—…€•]/u;

/** A word with letters beyond ASCII. */
const WORD = /\p{L}*(?![A-Za-zªºµ])\p{L}[\p{L}\p{M}]*/gu;

/** Words beyond ASCII from which on a reading is judged by the language of most of them. */
const MANY_WORDS = 6;

/** Names the charset of a text in Latin letters, if another fits far better than `label`. */
export function latinCharset(bytes: Uint8Array, label: string): string | undefined {
  if (!isImplausible(sampleText(bytes, label) ?? '')) return undefined;
  return CANDIDATES.find((name) => name !== label && isFlawless(bytes, name));
}

/** Tells whether some charset of Latin letters has a reading that fits one language wholly. */
export function isReadableAsLatin(bytes: Uint8Array): boolean {
  return CANDIDATES.some((name) => isFlawless(bytes, name));
}

/** Tells whether one language has all letters of a text, and no sign stands between letters. */
export function fitsOneLanguage(bytes: Uint8Array, charset: string): boolean {
  const text = sampleText(bytes, charset);
  return text !== undefined && isOfOneLanguage(text);
}

/** Tells whether one language has all letters of a text, two at least, with little beside them. */
export function isFlawless(bytes: Uint8Array, charset: string): boolean {
  const text = sampleText(bytes, charset);
  return text !== undefined && !BESIDE.test(text) && lettersOf(text).length > 1 && isOfOneLanguage(text);
}

function sampleText(bytes: Uint8Array, charset: string): string | undefined {
  return decodeStrictly(bytes.subarray(0, SAMPLE_BYTES), charset);
}

/** Tells whether a text has words or signs of no language, or no language has half of its words. */
function isImplausible(text: string): boolean {
  const words = [...new Set(text.match(WORD))].map(lettersOf);
  // A name of another language has a word of its own: words may be of any languages.
  const strangers = words.filter((letters) => !ALPHABETS.some((alphabet) => isWithin(letters, alphabet)));
  if (strangers.length + 2 * signsWithin(text) > 1) return true;
  if (words.length < MANY_WORDS) return false;
  const most = ALPHABETS.map((alphabet) => words.filter((letters) => isWithin(letters, alphabet)).length);
  return Math.max(...most) * 2 < words.length;
}

function isOfOneLanguage(text: string): boolean {
  if (signsWithin(text) > 0) return false;
  const letters = lettersOf(text);
  return ALPHABETS.some((alphabet) => isWithin(letters, alphabet));
}

function signsWithin(text: string): number {
  return text.match(MISFIT)?.length ?? 0;
}

/** Lists the small letters beyond ASCII of a text, each once; the dot of a Turkish capital counts for nothing. */
function lettersOf(text: string): readonly string[] {
  return [...new Set(text.toLowerCase().match(/(?![a-zªºµ\u0307])[\p{L}\p{M}]/gu) ?? [])];
}

function isWithin(letters: readonly string[], alphabet: ReadonlySet<string>): boolean {
  return letters.every((letter) => alphabet.has(letter));
}
