/** What a store of one daemon says to the questions of those that are shared: there are no others. */
import type { ApiAccess } from '../api-access.ts';
import type { DueBell } from '../bell.ts';
import type { Hosts } from '../hosts.ts';

/** The answers. What other processes make due is found by the next look. */
export const ALONE: Hosts & DueBell & Pick<ApiAccess, 'claimKey' | 'releaseKey'> = {
  listHosts: () => Promise.resolve([]),
  forgetHost: () => Promise.resolve({ kind: 'unknown' }),
  isPresent: () => true,
  holds: () => true,
  onDue: () => undefined,
  // The daemon itself knows what is being carried out.
  claimKey: () => Promise.resolve(true),
  releaseKey: () => Promise.resolve(),
};
