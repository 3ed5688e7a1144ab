/**
 * Times as people give them.
 *
 * Contract: what is read is a time in ISO 8601 (UTC where it names no zone),
 * Unix seconds, or an age such as "3d", which means so long ago. Anything else is undefined, never a guess.
 */

import { parseDuration } from '../config/kinds.ts';
import { invalid } from './fault.ts';

/** What {@link parseTime} reads, for messages. */
export const TIME_FORMS =
  'a time such as 2026-11-19T17:02:11Z, Unix seconds such as 1795107731, or an age such as "3d"';

const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?)?$/i;

/** Reads a time; milliseconds since the epoch, not before it. */
export function parseTime(text: string, nowMs: number): number | undefined {
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000;
  const age = parseDuration(text);
  if (age !== undefined) return age <= nowMs ? nowMs - age : undefined;
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [, day = '', time = '00:00', zone = 'Z'] = match;
  // Date reads 30 February as 2 March.
  const midnight = new Date(`${day}T00:00Z`);
  if (Number.isNaN(midnight.getTime()) || !midnight.toISOString().startsWith(day)) return undefined;
  const ms = Date.parse(`${day}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(ms) || ms < 0 ? undefined : ms;
}

/** Reads the value of `--since`; throws a Fault. */
export function readSince(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const since = parseTime(text, Date.now());
  if (since === undefined) throw invalid('since', `--since "${text}": is not ${TIME_FORMS}`);
  return since;
}
