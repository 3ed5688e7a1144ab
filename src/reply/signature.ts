/**
 * The lines that open a signature or are one: the delimiter, and what a telephone or an application adds of itself.
 *
 * Contract: each function judges a line, with the few below it where the line alone says too little. A closing typed by hand stays.
 */
import type { Line } from './lines.ts';
import { DEVICE, GET_APP, SENT } from './words.ts';

/** The delimiter of RFC 3676 §4.3; one that lost its trailing space needs a blank line above. */
export function isDelimiter(line: Line, above: Line | undefined): boolean {
  if (line.kind !== 'text' || !line.text.startsWith('--') || !/^--\s{0,3}$/.test(line.text)) return false;
  return above === undefined || above.kind !== 'text' || /^--[ \u00a0]/.test(line.raw);
}

const MAX_SHORT = 8;
const SENTENCE = /[.!?…！？。]["'”»)]?$|\p{L}{2}[.!?]\s+\p{Lu}/u;

/** A line as signatures have them: short, and no sentence. */
export function isShort(line: Line): boolean {
  return (
    line.kind === 'text' &&
    line.text.trim().length <= 64 &&
    !SENTENCE.test(line.text.trim()) &&
    !/[;{}=]$/.test(line.text)
  );
}

/** `--` without its space directly under the text: at most eight short lines may follow, up to a quote or the end. */
export function shortDelimiter(lines: readonly Line[], at: number): boolean {
  const line = lines[at];
  if (line?.kind !== 'text' || line.text !== '--') return false;
  let count = 0;
  for (let below = at + 1; below < at + 2 * MAX_SHORT; below += 1) {
    const next = lines[below];
    if (next === undefined || next.kind === 'quote') return count > 0;
    if (next.kind === 'blank') continue;
    count += 1;
    if (count > MAX_SHORT || !isShort(next)) return false;
  }
  return false;
}

const CLAUSE_END = /[<([,;:!?]|https?:|\.(?:\s|$)/;
/** "Get Outlook for Android" in a language that words.ts does not know; the verb may stand at the end. */
const APP_INVITATION = /^(?:\p{Lu}\S+ )?Outlook \S{2,5} (?:iOS|Android)(?: \p{L}+)?$/u;
/** A script in which the verb may be of two words, or none is set apart. */
const UNSPACED = /[\u0080-\uffff]/;
const PERSON =
  /(?:^|\s)(?:i|ich|je|yo|io|ik|я|it|es|he|she|we|wir|has|have|been|was|were|is|are|wurde|worden|sind)(?:\s|$)/i;
const ARABIC_VOWELS = /[\u064b-\u0652]/g;
const PROPER = /^(?:i?[\p{Lu}\d]|for$|pour$|für$)/u;
/** What may follow the clause: a link, what stands in brackets, punctuation; or the advertisement of an application. */
const REST = /^[\s.!,;:()<>[\]*_-]*(?:(?:[<([]?\s?https?:\S*|www\.\S+)[\s.)>\]]*)*$/u;

/** Applications ask to excuse brevity or typing errors. */
const MAX_EXCUSE_WORDS = 9;

/** The line without what wraps it. */
const bareLine = (text: string): string =>
  text
    .trim()
    .replace(/^[<([*_\s]+|[>)\]*_\s]+$/g, '')
    .replace(/\[([^\]]{1,40})\]\(([^)]*)\)?/g, '$1 <$2>');

/** "Sent from my Wiko RIDGE": a preposition, then nothing but names. */
function namesOnly(words: readonly string[]): boolean {
  if (!/^(?:from|via|with|using|by)$/i.test(words[1] ?? '')) return false;
  const names = words.slice(/^(?:my|a|the)$/i.test(words[2] ?? '') ? 3 : 2);
  return names.length > 0 && names.length <= 6 && names.every((word) => PROPER.test(word));
}

/**
 * Whether the line is what a telephone or an application adds of itself: a participle of "sent" at one end of
 * the first clause, and a device or a name in it; nothing else on the line.
 */
export function isMobileLine(line: Line): boolean {
  if (line.kind !== 'text' || line.text.length > 200) return false;
  if (!SENT.test(line.text.slice(0, 16)) && !DEVICE.test(line.text)) return false;
  const bare = bareLine(line.text.replace(ARABIC_VOWELS, ''));
  const end = bare.search(CLAUSE_END);
  const clause = (end === -1 ? bare : bare.slice(0, end)).trim();
  if (clause.length < 4 || clause.length > 100) return false;
  const words = clause.split(/\s+/);
  if (words.length > 12) return false;
  if (GET_APP.test(clause))
    return words.length <= 7 && /outlook|mail/i.test(clause) && /\bios\b|\bios\w*https|android/i.test(clause);
  if (APP_INVITATION.test(clause)) return true;
  const rest = end === -1 ? '' : bare.slice(end);
  const linked = /^[\])>]*\(?<?https?:/.test(rest);
  const excused = (DEVICE.test(clause) || linked) && rest.split(/\s+/).length <= MAX_EXCUSE_WORDS;
  const alone = REST.test(rest) || DEVICE.test(rest) || /mail (?:app|client)/i.test(rest) || excused;
  if (!alone || PERSON.test(clause)) return false;
  const opens = SENT.test(words[0] ?? '') || (UNSPACED.test(clause) && SENT.exec(clause)?.index === 0);
  if (opens) return DEVICE.test(clause) || namesOnly(words);
  return SENT.test(words.slice(-2).join(' ')) && DEVICE.test(clause);
}

/** Whether a line may stand below a mobile line: it names a device or what was sent, in few words. */
export const speaksOfDevice = (line: Line): boolean =>
  isMobileLine(line) ||
  (line.kind === 'text' && line.text.split(/\s+/).length <= 12 && DEVICE.test(line.text));
