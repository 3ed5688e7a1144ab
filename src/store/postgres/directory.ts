/** The directory in PostgreSQL: users with their addresses and salts, and the threads. */
import type { Directory } from '../directory.ts';
import { directoryReads } from './directory-reads.ts';
import { directoryWrites } from './directory-writes.ts';
import type { Ground } from './ground.ts';
import { namedUsers } from './named-users.ts';
import { removal } from './removal.ts';
import { renaming } from './renaming.ts';
import { threads } from './threads.ts';

/** Gives the port. */
export function directoryPort(ground: Ground): Directory {
  const { database } = ground;
  return {
    ...directoryReads(database),
    ...directoryWrites(database),
    ...namedUsers(database),
    ...removal(ground),
    ...renaming(database),
    ...threads(database),
  };
}
