/** What the writer carries out: the writing methods of all ports, each to be called inside a transaction. */
import { prepareApiAccess } from './api-access.ts';
import { prepareBuckets } from './buckets.ts';
import { prepareDigests } from './digests.ts';
import { prepareDirectory } from './directory.ts';
import { type ItemSettings, prepareItems } from './items.ts';
import { prepareNotices } from './notices.ts';
import { preparePeppers } from './peppers.ts';
import { preparePrune } from './prune.ts';
import { prepareRemoval } from './removal.ts';
import type { Database } from './schema.ts';
import { prepareSinkReports } from './sink-status.ts';
import { prepareVerdicts } from './verdict-counts.ts';

/** The operations by the names that the ports give them. */
export type Operations = ReturnType<typeof prepareItems> &
  ReturnType<typeof prepareNotices> &
  ReturnType<typeof preparePrune> &
  ReturnType<typeof prepareSinkReports> &
  ReturnType<typeof prepareVerdicts> &
  ReturnType<typeof prepareDirectory> &
  ReturnType<typeof prepareDigests> &
  ReturnType<typeof prepareRemoval> &
  ReturnType<typeof preparePeppers> &
  ReturnType<typeof prepareBuckets> &
  ReturnType<typeof prepareApiAccess> & {
    /** Does nothing: the answer is what counts. */
    readonly ping: () => void;
  };

/** Prepares the statements on a writing connection. */
export function prepareOperations(database: Database, settings: ItemSettings): Operations {
  return {
    ...prepareItems(database, settings),
    ...prepareNotices(database),
    ...preparePrune(database),
    ...prepareSinkReports(database),
    ...prepareVerdicts(database),
    ...prepareDirectory(database),
    ...prepareDigests(database),
    ...prepareRemoval(database),
    ...preparePeppers(database),
    ...prepareBuckets(database),
    ...prepareApiAccess(database),
    ping: () => undefined,
  };
}
