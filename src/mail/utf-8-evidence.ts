/**
 * Whether bytes that are valid UTF-8 are UTF-8, when the label says otherwise.
 *
 * Contract: pure; looks at 64 KiB. In a charset of single bytes valid sequences hardly ever come about by chance,
 * unless they are few: then the reading that is less odd counts. In a charset of East Asia they come about more often,
 * and what tells is what kind of characters they are.
 */
import { charsetKind } from './charset-kind.ts';

const SAMPLE_BYTES = 64 * 1024;

/** The make-up of valid UTF-8. */
interface Sequences {
  /** Of two bytes. */
  pairs: number;
  /** Of three and four bytes. */
  long: number;
  /** How much all of them say: a pair may be two letters of another charset, four bytes are nothing else. */
  strength: number;
  /** Pairs with a small letter of ASCII beside them. */
  withinWords: number;
  /** Pairs by their script, told by the lead byte. */
  readonly scripts: Map<string, number>;
}

/** Tells whether to read valid UTF-8 as such; `text` is that reading and `other` the one by the label. */
export function isRatherUtf8(
  bytes: Uint8Array,
  text: string,
  name: string,
  other: string | undefined,
): boolean {
  if (other === undefined) return true;
  const sequences = countSequences(bytes.subarray(0, SAMPLE_BYTES));
  switch (charsetKind(name)) {
    case 'latin':
      return oddity(text) <= oddity(other);
    case 'thai':
      return oddity(text) <= oddity(other) - (sequences.strength >= 5 ? 0 : 1);
    case 'other':
      return oddity(text) <= oddity(other) - (sequences.strength >= 2 ? 0 : 1);
    case 'east-asian':
      return isEvidentUtf8(sequences, text);
  }
}

function isEvidentUtf8({ pairs, long, withinWords, scripts }: Sequences, text: string): boolean {
  if (oddity(text) > 0) return false;
  if (long >= 2 && long >= pairs) return true;
  const most = Math.max(0, ...scripts.values());
  return most * 5 >= pairs * 4 && (pairs >= 4 || withinWords * 2 >= pairs);
}

/** Counts the sequences of valid UTF-8. */
function countSequences(bytes: Uint8Array): Sequences {
  const found: Sequences = { pairs: 0, long: 0, strength: 0, withinWords: 0, scripts: new Map() };
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at] as number;
    const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (size === 2) {
      found.pairs++;
      found.strength++;
      if (isSmall(bytes[at - 1]) || isSmall(bytes[at + 2])) found.withinWords++;
      const script = scriptOf(lead);
      if (script !== undefined) found.scripts.set(script, (found.scripts.get(script) ?? 0) + 1);
    } else if (size > 2) {
      found.long++;
      // Dashes, quotes and signs begin with E2, and in no other charset does their second byte follow it.
      found.strength += size === 4 ? 4 : lead === 0xe2 && (bytes[at + 1] as number) < 0xa0 ? 5 : 2;
    }
    at += size;
  }
  return found;
}

function isSmall(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x61 && byte <= 0x7a;
}

function scriptOf(lead: number): string | undefined {
  if (lead === 0xc2) return 'latin';
  if (lead <= 0xc5) return 'latin';
  if (lead === 0xce || lead === 0xcf) return 'greek';
  if (lead >= 0xd0 && lead <= 0xd2) return 'cyrillic';
  if (lead === 0xd6 || lead === 0xd7) return 'hebrew';
  return lead >= 0xd8 && lead <= 0xdb ? 'arabic' : undefined;
}

const SAMPLE_CHARS = 32 * 1024;

/**
 * What hardly stands in a text that was decoded rightly: controls, characters for private use, signs directly after a
 * letter, letters of two scripts in one word.
 */
const ODD =
  /[\x80-\x9f\ue000-\uf8ff\ufffd]|\p{Cn}|(?<=\p{L})…(?=\p{L})|(?<=[\p{L}\p{M}])[\xa2-\xa9\xac-\xb1\xb4\xb6\xb8\xbc-\xbf\xd7\xf7€‚ƒ„†‡ˆ‰˜\u2500-\u259f]|(?<=\p{Script=Latin})(?:\p{Script=Greek}|\p{Script=Cyrillic}|\p{Script=Hebrew}|\p{Script=Arabic}|\p{Script=Armenian}|\p{Script=Thai})|(?:\p{Script=Greek}|\p{Script=Cyrillic}|\p{Script=Hebrew}|\p{Script=Arabic}|\p{Script=Armenian}|\p{Script=Thai})(?=\p{Script=Latin})/gu;

/** Counts the odd things in a text. */
export function oddity(text: string): number {
  return text.slice(0, SAMPLE_CHARS).match(ODD)?.length ?? 0;
}
