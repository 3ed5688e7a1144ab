/**
 * What one line shows: a date, a time, an address, a label, and how it ends — in any language and script.
 *
 * Contract: form only, no words. The line has been folded (lines.ts): foreign digits are ASCII digits, wide colons
 * are colons, marks of direction are gone. Dates are recognised by the shape of their numbers, so that the name
 * of a month or a weekday never matters.
 * Limits: every expression has bounded repetition and runs on at most 400 characters.
 */

/** Bits of `Line.facts`. */
export const FACT = {
  /** Holds a calendar date in any order or script. */
  date: 1,
  /** Holds a time of day. */
  time: 2,
  /** Holds a mail address. */
  address: 4,
  /** Ends with a colon of any script. */
  colon: 8,
  /** The date or time stands near the start. */
  dateFirst: 16,
  /** The address stands near the start, with nothing but a name before it. */
  addressFirst: 32,
  /** Has the form `Label: value`. */
  label: 64,
  /** Ends as a sentence does. */
  sentence: 128,
  /** Ends with an address or its closing bracket. */
  addressLast: 512,
  /** Opens with a date or time, as a log line does. */
  stamp: 1024,
} as const;

const YEAR = '(?:1[1345]|19|20|25)\\d\\d';
// 2024-03-05, 5.3.2024, 05/03/24, 2016. 11. 8., 17-feb.-2015; never 2.4.1 or 10.0.0.1.
const DATE_NUMERIC = new RegExp(
  [
    `(?<![\\d.])${YEAR}\\s?[./-]\\s?\\d{1,2}\\s?[./-]\\s?\\d{1,2}(?![\\d-])`,
    `(?<![\\d.])\\d{1,2}\\s?[./-]\\s?\\d{1,2}\\s?[./-]\\s?${YEAR}(?!\\d)`,
    `(?<![\\d./])\\d{1,2}[/-]\\d{1,2}[/-]\\d\\d(?![\\d/-])`,
    // 05.03.24 um 14:07, 24. 3. 5. PM 2:07: three small numbers, and a time within 12 characters.
    `(?<![\\d.])\\d{1,2}(?<one>\\.\\s?|/|-)\\d{1,2}\\k<one>\\d{1,2}\\.?(?![\\d./-])(?=\\D{1,12}\\d{1,2}[:.]\\d\\d(?!\\d))`,
    `(?<![\\d.])\\d{1,2}\\.\\d{1,2}\\.\\d\\d,?\\s\\d{1,2}[:.]\\d\\d`,
    `(?<!\\d)\\d{1,2}[-.]\\p{L}{3,10}\\.?-\\d\\d(?!\\d)`,
  ].join('|'),
  'u',
);
// 5 Mar 2024, March 5, 2024, 2016年11月8日, 8 tháng 6, 2017, 20 окт. 2016 г.
const DATE_WORDS = new RegExp(
  `(?<![\\d:.])\\d{1,2}(?![\\d:])\\D{1,24}${YEAR}(?!\\d)|(?<!\\d)${YEAR}\\D{1,24}\\d{1,2}(?![\\d:])`,
  'u',
);
// A weekday and a day with a month's name but no year: "Fr., 28. Apr.", "Tue 5 Mar", "March-19-11", "Mar 05 14:07".
const DATE_SHORT =
  /(?<=\p{L}{2}\.?,?\s)\d{1,2}\.?\s\p{L}{3}|(?<=\p{L}{3}[-\s])\d{1,2}(?:[-,]\s?\d\d(?!\d)|\s(?=\d\d:\d\d))/u;
const TIME =
  /(?<![\d.,:-])[0-2]?\d\s?(?::[0-5]\d|[.hH][0-5]\d(?![.\d])|\s(?:[hH]|นาฬิกา)\s[0-5]\d|[時时点點시]\s?[0-5]?\d?)/u;
// 14.07.31, as Danes and Finns write it: a time only beside a date, for it may be one.
const TIME_DOTTED = /(?<![\d.])[0-2]?\d\.[0-5]\d\.[0-5]\d(?![.\d])/u;
const STAMP = /^[\s[(]{0,3}(?:\d{4}[-/]\d\d[-/]\d\d|\d{1,2}:\d\d:\d\d|\p{L}{3}\s{1,2}\d{1,2}\s\d\d:\d\d)/u;
const LABEL = /^[\s]{0,12}[*_]{0,2}\s?(\p{L}[\p{L}\p{M}'’ʼ·/() .-]{0,29}?)[*_]{0,2}\s?:[*_]{0,2}(?!\/\/)/u;
/** No label has more than four words. */
const MANY_SPACES = /(?: [^ ]*){4}/;
const SENTENCE_END = /[.!?…！？]["'”»)]?$/u;
const ADDRESS_END = /@[^\s@]{3,}[>)\]]*$/u;
const SENTENCE_BREAK = /[\p{L}\p{N}]{2}[.!?]\s+\p{Lu}/u;

const isAddressChar = (code: number): boolean =>
  code > 0x7f ||
  (code >= 0x30 && code <= 0x39) ||
  (code >= 0x41 && code <= 0x5a) ||
  (code >= 0x61 && code <= 0x7a) ||
  code === 0x2b ||
  code === 0x2d ||
  code === 0x2e ||
  code === 0x3d ||
  code === 0x5f ||
  code === 0x27;

/** Finds the offset of the first mail address in the line, or -1. */
export function findAddress(text: string): number {
  let at = text.indexOf('@');
  while (at !== -1) {
    let end = at + 1;
    while (end < text.length && isAddressChar(text.charCodeAt(end))) end += 1;
    let start = at;
    while (start > 0 && isAddressChar(text.charCodeAt(start - 1))) start -= 1;
    const dot = text.indexOf('.', at + 2);
    // What stands in a link is no mailbox.
    const inLink = start > 0 && text.charAt(start - 1) === '/';
    if (start < at && dot !== -1 && dot < end - 1 && !inLink) return start;
    at = text.indexOf('@', end);
  }
  return -1;
}

/** Reads the label of a `Label: value` line, or undefined. */
export function labelOf(text: string): string | undefined {
  const label = LABEL.exec(text)?.[1];
  return label === undefined || MANY_SPACES.test(label) ? undefined : label;
}

/** Seven words or more. */
const MANY_WORDS = /^\s*(?:\S+\s+){6}\S/;
/** Tells whether what stands before `offset` is short enough to be the opening of an attribution. */
function nearStart(text: string, offset: number, maxChars: number): boolean {
  if (offset > maxChars) return false;
  const before = text.slice(0, offset);
  return !MANY_WORDS.test(before) && !SENTENCE_BREAK.test(before);
}

interface Dates {
  readonly full: boolean;
  readonly short: boolean;
  readonly time: boolean;
  /** The offset of the first of them, or -1. */
  readonly first: number;
}

const earlier = (a: number, b: number): number => (a === -1 || (b !== -1 && b < a) ? b : a);

function findTime(text: string, numeric: number, full: boolean): number {
  const time = text.search(TIME);
  if (time !== -1 || !full) return time;
  const dotted = text.search(TIME_DOTTED);
  return dotted === numeric ? -1 : dotted;
}

/** Looks for each form at most once; a line without the digits that a form needs is not searched for it. */
function readDates(text: string): Dates {
  const numeric = /\d\s?[./-]\s?[\d\p{L}]/u.test(text) ? text.search(DATE_NUMERIC) : -1;
  const words = /\d{4}/.test(text) ? text.search(DATE_WORDS) : -1;
  const full = numeric !== -1 || words !== -1;
  const time = findTime(text, numeric, full);
  const short = time === -1 || full ? -1 : text.search(DATE_SHORT);
  const first = earlier(earlier(numeric, words), earlier(time, short));
  return { full, short: short !== -1, time: time !== -1, first };
}

/** Finds the offset of the first date or time in the line, or -1. */
export const findDate = (text: string): number => readDates(text).first;

function dateFacts(text: string): number {
  const dates = readDates(text);
  if (dates.first === -1) return 0;
  let facts = dates.time ? FACT.time : 0;
  if (dates.full || dates.short) facts |= FACT.date;
  if (nearStart(text, dates.first, 45)) facts |= FACT.dateFirst;
  if (STAMP.test(text)) facts |= FACT.stamp;
  return facts;
}

function addressFacts(text: string): number {
  const offset = findAddress(text);
  if (offset === -1) return 0;
  let facts: number = FACT.address;
  if (nearStart(text, offset, 70)) facts |= FACT.addressFirst;
  if (ADDRESS_END.test(text)) facts |= FACT.addressLast;
  return facts;
}

/** Reads every fact of one folded line, as bits of `FACT`. */
export function readEvidence(text: string): number {
  let facts = 0;
  if (/\d/.test(text)) facts |= dateFacts(text);
  if (text.includes('@')) facts |= addressFacts(text);
  if (text.includes(':')) {
    if (/:[*_>]{0,2}$/.test(text.slice(-3))) facts |= FACT.colon;
    if (labelOf(text) !== undefined) facts |= FACT.label;
  }
  if (SENTENCE_END.test(text.slice(-2))) facts |= FACT.sentence;
  return facts;
}
