/**
 * The Date field as a time.
 *
 * Contract: a date that is none is `undefined`, never "now"; the future is allowed, for the field is only what
 * the sender says. Never throws.
 * Standards: RFC 5322 §3.3 and the obsolete forms of §4.3 (two-digit years, zone names); ISO 8601 besides.
 */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Zones with a name, in hours from UTC. Any other name, military letters included, means UTC (RFC 5322 §4.3). */
const ZONES: Readonly<Record<string, number>> = {
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7,
};

const RFC_DATE =
  /^(?:[^\d,]{0,20},?\s{0,4})?(\d{1,2})[\s-]{1,4}([a-z]{3})[a-z]{0,6}\.?[\s-]{1,4}(\d{2,4})\s{1,4}(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?(?:\s{0,4}([+-]\d{4}|[a-z]{1,5}))?/i;

/** Blanks other than single spaces between words. */
const UNFOLDED = /\s\s|[^\S ]|^\s|\s$/;

const ISO_DATE = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?$/;

/** Reads a Date field's body; gives ISO 8601 in UTC with milliseconds, or `undefined`. */
export function parseDate(value: string): string | undefined {
  const short = value.slice(0, 200);
  const spoken = short.includes('(') ? short.replace(/\([^()]*\)/g, ' ') : short;
  const text = UNFOLDED.test(spoken) ? spoken.replace(/\s+/g, ' ').trim() : spoken;
  if (ISO_DATE.test(text)) return isoOf(Date.parse(text));
  const [, day, month, year, hour, minute, second, zone] = RFC_DATE.exec(text) ?? [];
  const monthIndex = MONTHS.indexOf((month ?? '').toLowerCase());
  if (monthIndex === -1) return undefined;
  const [d, h, m, s] = [day, hour, minute, second ?? '0'].map(Number) as [number, number, number, number];
  // 60 is a leap second (RFC 5322 §3.3); the next minute is as near as ISO 8601 in JavaScript gets.
  if (h > 23 || m > 59 || s > 60) return undefined;
  const utc = Date.UTC(fullYear(year ?? ''), monthIndex, d, h, m, s);
  const sameDay = new Date(Date.UTC(fullYear(year ?? ''), monthIndex, d)).getUTCDate() === d;
  return sameDay ? isoOf(utc - zoneMs(zone ?? '')) : undefined;
}

function fullYear(text: string): number {
  const year = Number(text);
  if (text.length >= 4) return year;
  return text.length === 3 || year >= 50 ? year + 1900 : year + 2000;
}

function zoneMs(zone: string): number {
  const numeric = /^([+-])(\d\d)(\d\d)$/.exec(zone);
  if (numeric === null) return (ZONES[zone.toUpperCase()] ?? 0) * 3_600_000;
  const minutes = Number(numeric[2]) * 60 + Number(numeric[3]);
  return (numeric[1] === '-' ? -1 : 1) * minutes * 60_000;
}

function isoOf(time: number): string | undefined {
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}
