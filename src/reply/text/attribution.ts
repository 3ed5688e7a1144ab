/**
 * The line or lines that say who wrote what follows, and when: `On 5 March 2024, Ann <ann@ex.example> wrote:`.
 *
 * Contract: `matchAttribution` reads at most 6 lines and 400 characters from a line on. Above quote marks one piece
 * of evidence is enough; above an original without marks it takes a mailbox beside a date, a person who is known, or
 * a name beside a date and a verb of writing.
 */
import { FACT, findDate } from './evidence.ts';
import { readHeaders } from './header-block.ts';
import type { Line } from './lines.ts';
import { isProven, type Sign } from './signs.ts';
import {
  countWords,
  has,
  type Intro,
  isBlankOrEnd,
  isIndented,
  isKnown,
  nextContent,
  quoteFollows,
  unbalanced,
  type View,
} from './view.ts';
import { WROTE } from './words.ts';

const MAX_LINES = 6;
const MAX_CHARS = 400;

interface Candidate {
  readonly from: number;
  readonly end: number;
  readonly text: string;
  readonly facts: number;
  readonly colon: boolean;
  readonly quoted: boolean;
}

/** Tells whether a line is an attribution. Directly above a quoted run one piece of evidence is enough. */
function isQuotedAttribution(candidate: Candidate): boolean {
  const { facts, text, colon } = candidate;
  const date = has(facts, FACT.date);
  const address = has(facts, FACT.address);
  if (colon) {
    if (date || address || has(facts, FACT.time | FACT.dateFirst)) return true;
    return countWords(text) <= 12 && WROTE.test(text);
  }
  if (date && (address || has(facts, FACT.time | FACT.dateFirst))) return true;
  if (has(facts, FACT.sentence) || countWords(text) > 14) return false;
  if (countWords(text) <= 6 && WROTE.test(text.slice(-8))) return true;
  return (date && WROTE.test(text)) || has(facts, FACT.addressFirst);
}

const isBrief = ({ text, facts }: Candidate): boolean => countWords(text) <= 14 && !has(facts, FACT.sentence);

/**
 * Tells whether a short line leads up to a quote, as a name and a verb in any language do. It goes where its quote
 * goes, and is no evidence of more.
 */
function isLeadIn({ text, colon, facts }: Candidate): boolean {
  if (countWords(text) > 8 || text.length > 90 || has(facts, FACT.sentence)) return false;
  return (colon || WROTE.test(text)) && !/\p{L}{2}[.!?:;]\s/u.test(text.trim()) && !isOwnLead(text);
}

/** Tells whether the writer leads up to something: a line of words without a name that ends in a colon. */
export function isOwnLead(text: string): boolean {
  const bare = text.trim();
  if (!/:$/.test(bare) || WROTE.test(bare)) return false;
  const words = bare.replace(/:$/, '').split(/\s+/);
  if (!words.slice(1).every((word) => /^[\p{Ll}\p{M}'’,()-]+$/u.test(word))) return false;
  return words.length >= 4 || (words.length >= 2 && /^\p{Ll}+$/u.test(words[0] ?? ''));
}

// ---- above an original without marks ---------------------------------------------------------------------------

/** `Date: 5 March 2024, …` and `W dniu: wtorek, 5 marca …`: a label whose value is the date. */
const DATE_LABEL = /^\s*[\p{L}\p{M}]+(?:\s[\p{L}\p{M}]+)?\s?:\s+(?=\S*\d|[\p{L}\p{M}]+,?\s)/u;
const SENTENCE_BREAK = /\p{L}{2}[.!?]\s+\p{Lu}\p{Ll}+\s/u;
const MAX_WRITER_WORDS = 20;
const NAME_WORDS = String.raw`["'„“«]?\p{Lu}[\p{L}\p{M}'’.-]*(?:,?\s+\p{Lu}[\p{L}\p{M}'’.-]*){1,3}["'”“»]?`;
/** After a time: a name of two words or more, perhaps a word in brackets and a verb, and the end. */
const NAME_AT_END = new RegExp(
  String.raw`^[^\n]{0,40}\d(?:\s?[AaPp]\.?[Mm]\.?)?[,.]?\s+(?:\p{L}{1,3}\s+)?${NAME_WORDS}(?:\s*[([][^)\]]{1,40}[)\]])?(?:[\s,]+[\p{L}\p{M}()/]+){0,2}\s*[:：]$`,
  'u',
);
/** Who speaks of herself, or of a thing with its article, is no client. */
const TOLD =
  /(?:^|\s)(?:I|ich|yo|ik|jag|jeg|я|we|wir|nous|the|[Hh]e|[Ss]he|[Tt]hey|[Ee]r|[Ss]ie|[Hh]ij|[Zz]ij|[Ee]lla|[Ee]lle|[Оо]н[аи]?)\s+\p{Ll}|^\s*(?:Der|Die|Das|Eine?|The|Our|My)\s\p{Lu}/u;

/** Tells whether somebody tells of herself, in a sentence to its end: answers between quotes name days and times as well. */
const isTold = (text: string): boolean => TOLD.test(text) && /[\p{L}\d]{2}[.!?]$/u.test(text.trim());

/** Tells whether the text is a date, a name and a verb of writing, and hardly anything else. */
function namesWriter({ text, facts, colon }: Candidate): boolean {
  const bare = text.trim();
  if (countWords(bare) > MAX_WRITER_WORDS || SENTENCE_BREAK.test(bare) || TOLD.test(bare)) return false;
  const offset = findDate(bare);
  if (offset === -1 || (!has(facts, FACT.dateFirst) && countWords(bare.slice(0, offset)) > 8)) return false;
  if (colon && WROTE.test(bare)) return true;
  if (!colon) return countWords(bare) <= 14 && !/[.!?]$/.test(bare) && WROTE.test(bare.slice(-8));
  return (
    has(facts, FACT.dateFirst | FACT.time) &&
    countWords(bare.slice(0, offset)) <= 1 &&
    NAME_AT_END.test(bare.slice(offset))
  );
}

/** Ends in a name, or in one word after it: what a script without case cannot show. */
const ENDS_IN_NAME = /(?:\p{Lu}[\p{L}\p{M}'’.-]*|[^\p{L}\s])(?:\s+[\p{L}\p{M}()/]+)?\s*[:：]?$/u;

/** Tells whether a line that names a known person says little else. */
function namesPerson(text: string): boolean {
  const bare = text.trim();
  if (countWords(bare) > MAX_WRITER_WORDS || SENTENCE_BREAK.test(bare) || TOLD.test(bare)) return false;
  return WROTE.test(bare) || !/\p{Lu}/u.test(bare) || ENDS_IN_NAME.test(bare);
}

const LONG_LOWER = /(?<!\p{L})\p{Ll}{3,}/gu;

/**
 * Tells whether a line that names a known person announces what she wrote: with a verb of writing, or as a date and
 * the name and hardly more. "Questions for Ann Ex:" and "Call with Ann Ex, 5 March" are headings.
 */
function isPersons(view: View, text: string, facts: number): boolean {
  if (!namesPerson(text)) return false;
  if (WROTE.test(text)) return true;
  if ((facts & (FACT.date | FACT.time)) === 0) return false;
  const offset = findDate(text);
  const head = text.slice(0, Math.max(0, offset));
  if (view.known.personIn(head) !== undefined) return head.search(LONG_LOWER) === -1;
  return countWords(head) <= 3 && (text.match(LONG_LOWER)?.length ?? 0) <= 3;
}

/** Tells whether a mailbox stands beside a date, or is the whole of the line but for a name and a verb. */
function hasMailbox(candidate: Candidate, apart: boolean): boolean {
  const { facts, text, colon } = candidate;
  if (!has(facts, FACT.address)) return false;
  const when = (facts & (FACT.date | FACT.time)) !== 0;
  const near = (facts & (FACT.dateFirst | FACT.addressFirst)) !== 0;
  if (when && near) return colon || (apart && !has(facts, FACT.sentence));
  if (!has(facts, FACT.addressFirst) || !apart || !WROTE.test(text)) return false;
  return colon
    ? countWords(text) <= 8
    : countWords(text) <= 6 && !/[.!?]$/.test(text) && WROTE.test(text.slice(-8));
}

const TELLING = FACT.date | FACT.time | FACT.address;

/** Collects what speaks for an attribution above an original without marks. */
function loneSigns(view: View, candidate: Candidate): Sign[] {
  const { facts, colon } = candidate;
  const text = candidate.text.replace(DATE_LABEL, '');
  const own = { ...candidate, text };
  if (/[:：]\s/u.test(text) && /[:：]\s+\S/u.test(text.replace(/\d\s?[:：]\s?\d/gu, '0'))) return [];
  const { lines, known } = view;
  const apart = isBlankOrEnd(lines[candidate.from - 1]) && isBlankOrEnd(lines[candidate.end]);
  const proof: Sign[] = [];
  const next = nextContent(lines, candidate.end);
  const person = known.personIn(text);
  const tells = person !== undefined || (facts & TELLING) !== 0 || WROTE.test(text);
  if (next !== undefined && tells && isKnown(lines[next])) proof.push('known-line');
  // The local part of an address is a word like any other where no quote marks stand below.
  const whole = person === 'known-name' || has(facts, FACT.address);
  const announces = isPersons(view, text, facts) || (proof.length > 0 && namesPerson(text));
  if (person !== undefined && whole && (apart || colon) && announces) proof.push(person);
  if (hasMailbox(own, apart)) proof.push('mailbox', 'address');
  else if ((colon || apart) && namesWriter(own)) proof.push('writer', 'name');
  // Most lines have none: their form is not asked for.
  return proof.length === 0 ? [] : [...formSigns(own), ...proof];
}

/** Collects the signs of the line's look. */
function formSigns({ facts, colon, text }: Candidate): Sign[] {
  const signs: Sign[] = [];
  if (has(facts, FACT.date)) signs.push('date');
  if (has(facts, FACT.time)) signs.push('time');
  if (colon) signs.push('colon');
  if (WROTE.test(text)) signs.push('verb');
  return signs;
}

/** Marks of a list or a heading, or an indent, as the entries of a change log have them. */
const ENTRY = /^(?:[-*+•]\s|#|\t| {2})/u;

/**
 * Tells whether lines are a log: two in a row that open with a time stamp. A day, a name and an address over a list
 * are the head of its entry.
 */
function inLog(lines: readonly Line[], { from, end, facts, text }: Candidate): boolean {
  const next = nextContent(lines, end);
  const listed = next === undefined || ENTRY.test(lines[next]?.text ?? '');
  if (listed && !has(facts, FACT.time) && !WROTE.test(text)) return true;
  if (!has(lines[from]?.facts ?? 0, FACT.stamp)) return false;
  return has(lines[from - 1]?.facts ?? 0, FACT.stamp) || has(lines[end]?.facts ?? 0, FACT.stamp);
}

// ---- reading ---------------------------------------------------------------------------------------------------

const LIST_ITEM = /^\s{0,8}(?:--?\s|[*•+#;%|]\s|\/\/|#{2,}|\d{1,3}[.)、]\s*(?![\s\d]))/u;

/** Tells whether a line has a bullet, or a number that is not the day of a date. */
const isListItem = (text: string): boolean => LIST_ITEM.test(text) && findDate(text) !== text.search(/\S/);

/** Tells whether a line is a label and its value, which goes on with no attribution. */
const isField = ({ facts }: Line): boolean => has(facts, FACT.label) && !has(facts, FACT.colon);

/** Tells whether an attribution may start on this line. */
function mayStart({ lines, known }: View, at: number, line: Line): boolean {
  if ((line.facts & (FACT.dateFirst | FACT.addressFirst)) !== 0) return true;
  if (has(line.facts, FACT.colon))
    return quoteFollows(lines, at + 1) || known.personIn(line.text) !== undefined;
  const next = lines[at + 1];
  if (next?.kind === 'quote' && line.text.length < 160) {
    if ((line.facts & (FACT.date | FACT.address)) !== 0 || known.personIn(line.text) !== undefined)
      return true;
    return line.text.length < 60 && WROTE.test(line.text);
  }
  return next !== undefined && /^\s*</.test(next.text) && has(next.facts, FACT.address);
}

/**
 * Tells whether an address opens below: some clients put an empty line between the name and an address that stands on
 * a line of its own.
 */
const opensBelow = (lines: readonly Line[], at: number): boolean =>
  lines[at]?.kind === 'blank' && lines[at + 1]?.text.trim() === '<';

/** Tells whether a line is an address alone: some clients write it below the verb, and the verb once more. */
const isAddressAlone = (line: Line | undefined): boolean => /^\s*<[^\s<>]+@[^\s<>]+>$/.test(line?.text ?? '');

function joinedWith(lines: readonly Line[], at: number, open: boolean): boolean {
  const line = lines[at];
  if (line === undefined || line.kind === 'code') return false;
  // A row of dots or dashes between the entries of a log ends what stands above it.
  if (/^[\s.=_*~-]{4,}$/.test(line.text)) return opensBelow(lines, at);
  if (line.kind === 'quote') return open && /^\s*>/.test(line.text);
  return line.kind === 'text' || opensBelow(lines, at);
}

/** Tells whether an angle bracket is still open: the address goes on in the next line. */
const isOpen = (text: string): boolean => unbalanced(text, '<', '>');

/** Tells whether what ends in no colon at line `at` has its rest below. */
function goesOn(lines: readonly Line[], at: number, text: string): boolean {
  const below = lines[at + 1];
  if (lines[at]?.kind === 'blank' || opensBelow(lines, at + 1)) return true;
  return (!isBlankOrEnd(below) && below?.kind !== 'quote') || isOpen(text);
}

/** Collects a client's fields below a line without a colon, which the two together announce. */
function fieldsBelow(view: View, candidate: Candidate): Sign[] {
  if (candidate.colon || !has(candidate.facts, FACT.dateFirst)) return [];
  if (view.lines[candidate.end]?.kind !== 'text' || !WROTE.test(candidate.text)) return [];
  const block = readHeaders(view, candidate.end);
  return block.labels >= 2 && (block.named || block.stamped) ? ['date', 'verb', 'header-block'] : [];
}

/**
 * Tells whether a line stands between two that are known: the attributions of that text are known as well, and what was
 * put between its lines is an answer, unless it names whose they are.
 */
function isWithinOriginal({ lines, known }: View, { from, end, text, facts, colon }: Candidate): boolean {
  const above = lines[from - 1]?.kind === 'blank' ? lines[from - 2] : lines[from - 1];
  const below = nextContent(lines, end);
  // Without a mark it may be a line of the original that is said again, above the quote.
  if (!isKnown(above) || !/^\s*>/.test(above?.text ?? '')) return false;
  if (below === undefined || !isKnown(lines[below])) return false;
  if (has(facts, FACT.address)) return false;
  return !(colon && WROTE.test(text) && known.personIn(text) !== undefined);
}

function judge(view: View, candidate: Candidate): Intro | undefined {
  const { lines, known } = view;
  const { from, end } = candidate;
  if (isTold(candidate.text) || isWithinOriginal(view, candidate)) return undefined;
  const found = (strong: boolean, signs: readonly Sign[]): Intro => ({
    kind: 'attribution',
    end,
    strong,
    signs,
  });
  // An indented line is code, unless it could be nothing but an attribution: Yahoo indents its own.
  if (isIndented(lines[from]) && !has(candidate.facts, FACT.date | FACT.address | FACT.colon))
    return undefined;
  if (candidate.quoted && isQuotedAttribution(candidate)) {
    return found(true, ['quote-marks', has(candidate.facts, FACT.date) ? 'date' : 'verb']);
  }
  const person = candidate.quoted && isBrief(candidate) ? known.personIn(candidate.text) : undefined;
  if (person !== undefined) return found(true, ['quote-marks', person]);
  if (lines[end]?.kind === 'quote' && isBlankOrEnd(lines[from - 1]) && isLeadIn(candidate))
    return found(false, []);
  if (lines[end] === undefined && from === 0) return undefined;
  if (inLog(lines, candidate)) return undefined;
  const signs = loneSigns(view, candidate);
  return isProven(signs) ? found(true, signs) : undefined;
}

/** Matches the attribution that starts at line `from`, if one does. */
export function matchAttribution(view: View, from: number): Intro | undefined {
  const { lines } = view;
  const first = lines[from];
  if (first === undefined || !mayStart(view, from, first)) return undefined;
  if (isListItem(first.text) && lines[from + 1]?.kind !== 'quote') return undefined;
  let [text, facts] = ['', 0];
  for (let at = from; at < from + MAX_LINES; at += 1) {
    const line = lines[at];
    const open = at > from && isOpen(text);
    if (line === undefined || (at > from && !joinedWith(lines, at, open))) return undefined;
    if (at > from && (isListItem(line.text) || (!open && isField(line)))) return undefined;
    // A second date opens another line of a list or a log, not the rest of this one.
    if (at > from && has(facts, FACT.date) && has(line.facts, FACT.date | FACT.dateFirst)) return undefined;
    text = `${text} ${line.text.trim()}`;
    if (text.length > MAX_CHARS) return undefined;
    facts = (facts & ~FACT.sentence) | (line.facts & ~(at > from ? FACT.stamp : 0));
    const colon = has(line.facts, FACT.colon) || />\s?:$/.test(line.text);
    const candidate = { from, end: at + 1, text, facts, colon, quoted: quoteFollows(lines, at + 1) };
    const fields = fieldsBelow(view, candidate);
    if (fields.length > 0) return { kind: 'attribution', end: at + 1, strong: true, signs: fields };
    if (isAddressAlone(lines[at + 1]) || (!colon && goesOn(lines, at, text))) continue;
    return judge(view, candidate);
  }
  return undefined;
}
