/**
 * The store: the sum of its ports, each of which stands in a file of its own by the role of its caller.
 *
 * Contract (docs/how-it-works.md, The queue): a resolved {@link Acceptance.accept} means the items are on disk (G1); at most
 * one item per fingerprint and belief (G2); only settle, prune and the operator end an item (G3); a lease that is lost
 * makes the item ready again (G4); items of one thread are leased in the order of arrival (G5). The ports speak no SQL
 * and are asynchronous throughout, so that a store on another host can stand behind them.
 * Failure: expected results are values; a rejected promise is a broken store, and temporary to every caller.
 * All times are integer milliseconds since the epoch.
 */
import type { Acceptance } from './acceptance.ts';
import type { ApiAccess } from './api-access.ts';
import type { DueBell } from './bell.ts';
import type { Buckets } from './buckets.ts';
import type { Contexts } from './contexts.ts';
import type { Desk } from './desk.ts';
import type { Digests } from './digests.ts';
import type { Directory } from './directory.ts';
import type { Figures } from './figures.ts';
import type { HealthPort } from './health.ts';
import type { Hosts } from './hosts.ts';
import type { Inspection } from './inspection.ts';
import type { Contents } from './item.ts';
import type { Lanes } from './lanes.ts';
import type { Leases } from './leases.ts';
import type { Mailboxes } from './mailboxes.ts';
import type { Notices } from './notices.ts';
import type { Notifications } from './notifications.ts';
import type { Notified } from './notified.ts';
import type { Originals } from './originals.ts';
import type { PastVerdicts } from './past-verdicts.ts';
import type { Peppers } from './peppers.ts';
import type { Receipts } from './receipts.ts';
import type { Restores } from './restores.ts';
import type { Retention } from './retention.ts';
import type { SinkReports } from './sink-status.ts';

/** The whole store behind all ports. */
export interface Store
  extends Acceptance,
    Leases,
    Lanes,
    Contents,
    Retention,
    Desk,
    Figures,
    PastVerdicts,
    SinkReports,
    Directory,
    Digests,
    Peppers,
    Restores,
    Notices,
    Notifications,
    Notified,
    Buckets,
    Inspection,
    Originals,
    Receipts,
    Mailboxes,
    Contexts,
    ApiAccess,
    Hosts,
    DueBell {
  /** Resolves when whatever does the writing has answered; with `mustWrite` rejects when it cannot write now. */
  ping(sign?: { readonly mustWrite: boolean }): Promise<void>;
  /** Reads the health of the database; of a store in a file there is none. */
  health?: HealthPort['health'];
  /** Ends all work in order and closes the files. */
  close(): Promise<void>;
}
