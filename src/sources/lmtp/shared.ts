/** What an LMTP session for replies stands on: its limits, and what it shares with the others. */
import type { TransactionShared } from '../../gate/transaction.ts';
import type { DialogueLimits } from '../lmtp-dialogue.ts';
import type { MemoryBudget } from '../message-buffer.ts';
import type { SlowDown } from '../slow-down.ts';

/** A session's limits; times in milliseconds in total, sizes in bytes. */
export interface SessionLimits extends DialogueLimits {
  readonly maxRecipients: number;
  readonly maxMessageBytes: number;
  readonly dataTimeoutMs: number;
}

/** The listener's limits; sizes in bytes. */
export interface LmtpLimits extends SessionLimits {
  readonly maxConnections: number;
  readonly maxBufferedBytes: number;
}

/** The parts that all sessions of the listener share. */
export interface SessionShared extends TransactionShared {
  /** Gives the limits in force; a message under way keeps those that it began with. */
  readonly limits: () => SessionLimits;
  readonly budget: MemoryBudget;
  readonly slowDown: SlowDown;
}
