/** Lanes as a port: whose sink each item is, where a site has several. Contract and failure as of store.ts. */
import type { Lane } from '../mail/lane.ts';

/** The lanes of the queue. */
export interface Lanes {
  /**
   * Says which lanes there are from now on, in place of those before: each item is moved to the lane that is its thread's
   * now, in one transaction, and is due at once. None is a site with one sink, whose items are in no lane.
   */
  setLanes(lanes: readonly Lane[], now: number): Promise<void>;
}
