/** What the writer carries out: the writing methods of all ports, each to be called inside a transaction. */
import { prepareApiAccess } from './api-access.ts';
import { prepareBuckets } from './buckets.ts';
import { type ContextWrites, prepareContexts } from './contexts.ts';
import { prepareDigests } from './digests.ts';
import { prepareDirectory } from './directory.ts';
import { type ItemSettings, prepareItems } from './items.ts';
import { type LaneWrites, prepareLanes } from './lanes.ts';
import { prepareMailboxes } from './mailboxes.ts';
import { prepareNamedUsers } from './named-users.ts';
import { prepareNotices } from './notices.ts';
import { prepareNotifications } from './notifications.ts';
import { type NotifiedWrites, prepareNotified } from './notified.ts';
import { type OriginalWrites, prepareOriginals } from './originals.ts';
import { preparePastVerdicts } from './past-verdicts.ts';
import { preparePeppers } from './peppers.ts';
import { preparePrune } from './prune.ts';
import { prepareReceipts, type ReceiptWrites } from './receipts.ts';
import { prepareRemoval } from './removal.ts';
import { prepareRenameThread, prepareRenameUser } from './renaming.ts';
import type { Database } from './schema.ts';
import { prepareSinkReports } from './sink-status.ts';
import { prepareVerdicts } from './verdict-counts.ts';

/** The operations by the names that the ports give them. */
export type Operations = ReturnType<typeof prepareItems> &
  ReturnType<typeof prepareNotices> &
  ReturnType<typeof prepareNotifications> &
  ReturnType<typeof preparePrune> &
  LaneWrites['port'] &
  ReturnType<typeof prepareSinkReports> &
  ReturnType<typeof prepareVerdicts> &
  ReturnType<typeof preparePastVerdicts> &
  ReturnType<typeof prepareDirectory> &
  ReturnType<typeof prepareNamedUsers> &
  ReturnType<typeof prepareDigests> &
  ReturnType<typeof prepareRemoval> &
  ReturnType<typeof prepareRenameUser> &
  ReturnType<typeof prepareRenameThread> &
  ReturnType<typeof preparePeppers> &
  ReturnType<typeof prepareBuckets> &
  ReturnType<typeof prepareApiAccess> &
  OriginalWrites['port'] &
  ContextWrites['port'] &
  NotifiedWrites['port'] &
  ReceiptWrites['port'] &
  ReturnType<typeof prepareMailboxes> & {
    /** Does nothing: the answer is what counts. */
    readonly ping: () => void;
  };

/** Prepares the statements on a writing connection. */
export function prepareOperations(database: Database, settings: ItemSettings): Operations {
  const originals = prepareOriginals(database);
  const contexts = prepareContexts(database);
  const lanes = prepareLanes(database);
  const receipts = prepareReceipts(database);
  const notified = prepareNotified(database);
  return {
    ...prepareItems(database, settings, lanes.laneOf, receipts.sign),
    ...prepareNotices(database),
    ...prepareNotifications(database, notified.port.rememberNotified),
    ...preparePrune(database, originals, contexts, receipts, notified),
    ...originals.port,
    ...contexts.port,
    ...notified.port,
    ...lanes.port,
    ...receipts.port,
    ...prepareMailboxes(database),
    ...prepareSinkReports(database),
    ...prepareVerdicts(database),
    ...preparePastVerdicts(database),
    ...prepareDirectory(database),
    ...prepareNamedUsers(database),
    ...prepareDigests(database),
    ...prepareRemoval(database, notified.forget),
    ...prepareRenameUser(database),
    ...prepareRenameThread(database, lanes.laneOf),
    ...preparePeppers(database),
    ...prepareBuckets(database),
    ...prepareApiAccess(database),
    ping: () => undefined,
  };
}
