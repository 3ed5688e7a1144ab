/** What a store of one daemon says to the questions of those that are shared: there are no others. */
import type { DueBell } from '../bell.ts';
import type { Hosts } from '../hosts.ts';

/** The answers. What other processes make due is found by the next look. */
export const ALONE: Hosts & DueBell = {
  listHosts: () => Promise.resolve([]),
  forgetHost: () => Promise.resolve({ kind: 'unknown' }),
  isPresent: () => true,
  holds: () => true,
  onDue: () => undefined,
};
