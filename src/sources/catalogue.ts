/** The sources, in the order in which they open; what a site does not use is not loaded. */
import { isWanted } from './listen.ts';
import { openLmtp } from './lmtp/open.ts';
import type { OpenSource } from './source.ts';

/** Every source. */
export const SOURCES: readonly OpenSource[] = [
  async (intake) => {
    if (!isWanted('policy', intake.config())) return undefined;
    const { openPolicy } = await import('./policy/open.ts');
    return openPolicy(intake);
  },
  openLmtp,
];
