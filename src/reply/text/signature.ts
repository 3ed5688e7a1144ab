/**
 * The lines that open a signature or are one: the delimiter, and what a telephone or an application adds of itself.
 *
 * Contract: each function judges a line, with the few below it where the line alone says too little. A closing typed
 * by hand stays.
 */
import type { Line } from './lines.ts';
import { DEVICE, GET_APP, SENT, SPEAKS_OF_MAIL } from './words.ts';

/** Knows the delimiter of RFC 3676 §4.3. */
export const isDelimiter = (line: Line): boolean =>
  line.kind === 'text' && line.text === '--' && /^--[ \u00a0]/.test(line.raw);

const MAX_SHORT = 8;
const POINTS = /https?:\/\/|www\.|\S@\S+\.\S|\+\d{2}|\d{2}[\s/-]\d{3}/;
/** A title or an abbreviation ends no sentence: "Mr. Roth". */
const SENTENCE =
  /[.!?…！？。]["'”»)]?$|\p{L}{2}(?<!(?<!\p{L})(?:[MD]rs?|Prof|Dipl|Ing|Hr|Fr|Mme|Sra?|Dott|Str|Tel|Fax|Mob))[.!?]\s+\p{Lu}/u;

/** Tells whether a line is as signatures have them: short, and no sentence. */
export function isShort(line: Line): boolean {
  return (
    line.kind === 'text' &&
    line.text.trim().length <= 64 &&
    !SENTENCE.test(line.text.trim()) &&
    !/[;{}=]$/.test(line.text)
  );
}

/**
 * Tells whether a line begins a signature: with a name, a closing or a way to reach somebody. Words in lower case are
 * those of a sentence.
 */
function opensSignature(text: string): boolean {
  const words = text.trim().split(/\s+/);
  if (
    (words.length === 1 && !/^\p{Ll}/u.test(text.trim())) ||
    POINTS.test(text) ||
    (words.length <= 5 && /[,，、]$/u.test(text))
  )
    return true;
  return words.length <= 7 && !words.some((word) => /^\p{Ll}{4,}/u.test(word));
}

/**
 * Lists the lines under a delimiter, up to the end or to what `ends` says is a quote or its opening; too many are
 * `undefined`.
 */
function linesUnder(lines: readonly Line[], at: number, ends: (at: number) => boolean): Line[] | undefined {
  const under: Line[] = [];
  for (let below = at + 1; below < at + 2 * MAX_SHORT; below += 1) {
    const next = lines[below];
    if (next === undefined || (next.kind !== 'blank' && ends(below))) return under;
    under.push(next);
  }
  return undefined;
}

/**
 * Matches the delimiter without its space, which people also type between two parts. At most eight short lines may
 * follow, with a name among them; in one block where the delimiter stands apart from the text.
 */
export function shortDelimiter(lines: readonly Line[], at: number, ends: (at: number) => boolean): boolean {
  const line = lines[at];
  if (line?.kind !== 'text' || !/^\s{0,3}--$/.test(line.text)) return false;
  const under = linesUnder(lines, at, ends);
  const shown = under?.filter(({ kind }) => kind !== 'blank') ?? [];
  const [first] = shown;
  if (first === undefined || shown.length > MAX_SHORT) return false;
  if (isCard(shown)) return true;
  if (!shown.every((one) => isShort(one) || speaksOfDevice(one))) return false;
  const gap = under?.[0]?.kind === 'blank';
  const oneBlock = under?.slice(gap ? 1 : 0, -1).every(({ kind }) => kind !== 'blank') === true;
  if (gap && (!oneBlock || shown.length > 2)) return false;
  if (oneBlock && at > 0 && lines[at - 1]?.kind !== 'text') return true;
  return opensSignature(first.text) || shown.some((one) => NAME_LINE.test(one.text) || isMobileLine(one));
}

/**
 * Tells whether lines are a card: a name of two words, and below it a way to reach its bearer; lawyers may have the
 * last word.
 */
function isCard(shown: readonly Line[]): boolean {
  const [name, ...rest] = shown;
  const last = rest.at(-1);
  if (name === undefined || last === undefined || !/\S\s\S/.test(name.text) || !NAME_LINE.test(name.text))
    return false;
  const card = !isShort(last) && SPEAKS_OF_MAIL.test(last.text.slice(0, 60)) ? rest.slice(0, -1) : rest;
  return card.every(isShort) && card.some(({ text }) => POINTS.test(text) || /\d{4}/.test(text));
}

const NAME_LINE = /^\s*\p{Lu}[\p{L}.'’-]*(?:\s(?:\p{Ll}{1,3}\s)?\p{Lu}[\p{L}.'’-]*){0,3}\s*$/u;

const CLAUSE_END = /[<([,;:!?]|https?:|\.(?:\s|$)/;
/** "Get Outlook for Android" in a language that words.ts does not know; the verb may stand at the end. */
const APP_INVITATION =
  /^(?:iOS|Android)\s?\S{1,3}\s?Outlook\s?\S{0,6}$|^(?:\p{Lu}\S+ )?Outlook \S{2,5} (?:iOS|Android)(?: \p{L}+)?$/u;
const PERSON =
  /(?:^|\s)(?:i|ich|je|yo|io|ik|я|it|es|he|she|we|wir|has|have|been|was|were|is|are|wurde|worden|sind)(?:\s|$)/i;
/** "This message was sent from my …". */
const OF_ITSELF =
  /^(?:this|diese|dieses|ce|este|esta|dit|questo)\s(?:e-?mail|mail|message|nachricht|courriel|mensaje|mensagem|bericht|messaggio)\s.{1,40}\s(?:my|meine[mnr]?|mon|mi|meu|mijn|mio)\s/iu;
/** Verbs before a participle at the end: something was sent. */
const AUXILIARY =
  /(?:^|\s)(?:a|ha|fue|foi|été|è|stat[oa]|sido|är|blev|har|heeft|został[ao]?|бы(?:л|ла|ло|ли)|був|була|byl[ao]?)(?:\s|$)/iu;
const PROPER = /^(?:i?[\p{Lu}\d]|for$|pour$|für$)/u;
/** What may follow the clause: a link, what stands in brackets, punctuation; or the advertisement of an application. */
const REST = /^[\s.!,;:()<>[\]*_-]*(?:(?:[<([]?\s?https?:\S*|www\.\S+)[\s.)>\]]*)*$/u;

/** Applications ask to excuse brevity or typing errors. */
const MAX_EXCUSE_WORDS = 9;

/** Takes off what wraps a line. */
const bareLine = (text: string): string =>
  text
    .trim()
    .replace(/^[<([*_\s]+|[>)\]*_\s]+$/g, '')
    .replace(/\[([^\]]{1,40})\]\(([^)]*)\)?/g, '$1 <$2>');

/**
 * Tells whether words are names and nothing else, as in "Sent from my Wiko RIDGE", and no carrier of parcels, which
 * things are sent via or with.
 */
function namesOnly(words: readonly string[]): boolean {
  if (!/^from$/i.test(words[1] ?? '')) return false;
  const names = words.slice(/^(?:my|a|the)$/i.test(words[2] ?? '') ? 3 : 2);
  return names.length > 0 && names.length <= 6 && names.every((word) => PROPER.test(word));
}

/**
 * Tells whether a telephone or an application adds the line of itself: a participle of "sent" at one end of the first
 * clause, and a device or a name in it; nothing else on the line.
 */
export function isMobileLine(line: Line): boolean {
  if (line.kind !== 'text' || line.text.length > 200) return false;
  // Most lines have neither a word of sending nor that of an application, and such words are found sooner than devices.
  if (!SENT.test(line.text) && !/outlook|mail/i.test(line.text)) return false;
  if (!SENT.test(line.text.slice(0, 16)) && !DEVICE.test(line.text)) return false;
  const bare = bareLine(line.text);
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
  if (!alone || (PERSON.test(clause) && !OF_ITSELF.test(clause))) return false;
  const sent = SENT.exec(clause);
  const opens = sent?.index === 0 || (words.length > 1 && SENT.test(words[0] ?? ''));
  if (opens) return DEVICE.test(clause) || namesOnly(words);
  if (!DEVICE.test(clause) || !SENT.test(words.slice(-2).join(' ')) || AUXILIARY.test(clause)) return false;
  // Where no blanks part the words, a sentence is one word: the participle ends it, but for a mark of politeness.
  return words.length > 2 || sent === null || sent.index + sent[0].length > clause.length - 12;
}

/** Tells whether a line may stand below a mobile line: it names a device or what was sent, in few words. */
export const speaksOfDevice = (line: Line): boolean =>
  isMobileLine(line) ||
  (line.kind === 'text' && line.text.split(/\s+/).length <= 12 && DEVICE.test(line.text));
