/** The whole store, behind one face. */
import type { Buckets } from './buckets.ts';
import type { Directory } from './directory.ts';
import type { Inspection } from './inspection.ts';
import type { Notices } from './notices.ts';
import type { Peppers } from './peppers.ts';
import type { Queue } from './queue.ts';
import type { Restores } from './restores.ts';

/** The whole store behind all ports. */
export interface Store extends Queue, Directory, Peppers, Restores, Notices, Buckets, Inspection {
  /** Resolves when whatever does the writing has answered, be it that it cannot write now. */
  ping(): Promise<void>;
  /** Ends all work in order and closes the files. */
  close(): Promise<void>;
}
