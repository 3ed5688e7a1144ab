// How far somebody sets a clock, as the tests of due times do it.

/** An hour in milliseconds. */
export const HOUR_MS = 3_600_000;

/** A day in milliseconds. */
export const DAY_MS = 24 * HOUR_MS;

/** The jumps by their names, in milliseconds. */
export const JUMPS = [
  ['1 h back', -HOUR_MS],
  ['1 d ahead', DAY_MS],
  ['10 y ahead', 3652 * DAY_MS],
] as const;
