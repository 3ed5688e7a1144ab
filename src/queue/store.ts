/** The whole store, behind one face. */
import type { Buckets } from './buckets-port.ts';
import type { Directory } from './directory-port.ts';
import type { Inspection } from './inspection-port.ts';
import type { Notices } from './notices-port.ts';
import type { Peppers } from './peppers-port.ts';
import type { Queue } from './queue.ts';
import type { Restores } from './restores-port.ts';

/** The whole store behind all ports. */
export interface Store extends Queue, Directory, Peppers, Restores, Notices, Buckets, Inspection {
  /** Resolves when whatever does the writing has answered, be it that it cannot write now. */
  ping(): Promise<void>;
  /** Ends all work in order and closes the files. */
  close(): Promise<void>;
}
