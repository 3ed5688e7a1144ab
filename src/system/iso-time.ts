/**
 * Times as we give them: ISO 8601 in UTC.
 */

/** Writes a time as JSON shows it, with milliseconds; null when there is none. */
export function isoTime(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

/** Writes a time that is known to the second. */
export function isoSeconds(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}
