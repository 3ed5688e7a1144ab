/**
 * Mailboxes as a port: how far each was read, what of it is not settled, and who reads it. Contract and failure as of
 * store.ts.
 */
import type { MailboxPlace } from './receipts.ts';

/** The flag with the number of the installation. */
export const INSTALLATION_FLAG = 'installation';

/** The state of a mailbox's folder. */
export interface MailboxState {
  /** The name of its `[[imap]]`. */
  readonly source: string;
  /** Whose mailbox it is, in words: another one begins anew. */
  readonly account: string;
  readonly uidValidity: number;
  /** Everything up to this UID is settled, or stands in the list of what is not. */
  readonly highWater: number;
  /** Whether the folder is walked again, because its UIDs are others. */
  readonly isWalking: boolean;
}

/** A message that is not settled: put off, given up, or taken and still to be marked in its folder. */
export interface OpenMessage extends MailboxPlace {
  readonly state: 'waiting' | 'failed' | 'courtesy';
  readonly attempts: number;
  readonly reason: string;
  /** When it is to be tried again; undefined for what was given up. */
  readonly dueAt: number | undefined;
  /** When it was first noted. */
  readonly sinceAt: number;
}

/** A message about to be noted as not settled. */
export interface PutOff extends MailboxPlace {
  readonly state: 'waiting' | 'failed' | 'courtesy';
  readonly reason: string;
  readonly dueAt: number | undefined;
  /** As of a receipt. */
  readonly highWater: number | undefined;
  readonly at: number;
}

/** A mailbox as the operator sees it. */
export interface MailboxView extends MailboxState {
  /** When something was last written of it. */
  readonly touchedAt: number;
  readonly waiting: number;
  readonly failed: number;
  readonly courtesies: number;
  /** Who reads it, and for how long at least; undefined when nobody does. */
  readonly owner: string | undefined;
  readonly ownedUntil: number | undefined;
}

/** The wish to be the only one who reads a mailbox, for so long. */
export interface MailboxClaim {
  readonly source: string;
  readonly owner: string;
  readonly now: number;
  readonly leaseMs: number;
}

/** The mailboxes. */
export interface Mailboxes {
  /** Gives what is known of a mailbox; undefined before its first pass. */
  mailbox(source: string): Promise<MailboxState | undefined>;
  /** Begins a mailbox, or begins it anew: what was not settled under other UIDs is forgotten. */
  beginMailbox(state: MailboxState, at: number): Promise<void>;
  /** Notes that the walk through a folder has ended, and up to where. */
  endWalk(source: string, highWater: number, at: number): Promise<void>;
  /** Notes a message as not settled, or that it still is not; every time counts as an attempt. */
  putOffMessage(message: PutOff): Promise<void>;
  /** Lists what is not settled in a mailbox, by UID. */
  openMessages(source: string): Promise<readonly OpenMessage[]>;
  /** Forgets messages of the list: they are settled, marked in their folder, or not there any more. */
  closeMessages(places: readonly MailboxPlace[]): Promise<void>;
  /** Has what was given up tried again; how many. */
  retryMessages(source: string, now: number): Promise<number>;
  /** Makes somebody the owner of a mailbox, who may be it already; gives the owner there is. */
  claimMailbox(claim: MailboxClaim): Promise<string>;
  /** Ends an ownership. */
  releaseMailbox(source: string, owner: string): Promise<void>;
  /**
   * Gives the number by which this installation marks messages: that of its first call, on all hosts of the store and after a
   * copy into another.
   */
  installation(number: number): Promise<number>;
  /** Lists the mailboxes. */
  listMailboxes(): Promise<readonly MailboxView[]>;
}
