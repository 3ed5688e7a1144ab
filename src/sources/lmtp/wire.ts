/**
 * What an LMTP session stands on: the connection under it, its limits, and what it shares with the others.
 */
import type { TransactionShared } from '../../gate/transaction.ts';
import type { SlowDown } from '../slow-down.ts';
import type { MemoryBudget, MessageBuffer } from './message-buffer.ts';
import type { Readiness } from './reader.ts';

/** A session's limits; times in milliseconds in total, sizes in bytes. */
export interface SessionLimits {
  readonly hostname: string;
  readonly maxRecipients: number;
  readonly maxBadCommands: number;
  readonly maxMessageBytes: number;
  readonly commandTimeoutMs: number;
  readonly dataTimeoutMs: number;
}

/** The parts that all sessions of a listener share. */
export interface SessionShared extends TransactionShared {
  /** Gives the limits in force; a message under way keeps those that it began with. */
  readonly limits: () => SessionLimits;
  readonly budget: MemoryBudget;
  readonly slowDown: SlowDown;
  /** Tells whether the daemon is stopping: no new transaction then. */
  readonly isStopping: () => boolean;
}

/** The connection under a session. */
export interface Wire {
  readonly id: string;
  /** Sends text. */
  readonly send: (text: string) => void;
  /** Gives the leave to go on when the client has taken what was sent. */
  readonly drained: () => Readiness;
  /** Sends what was sent, then closes. */
  readonly close: () => void;
  /** Closes at once; the client learns nothing. */
  readonly abort: () => void;
  /** Makes the bytes that follow the content of a message. */
  readonly expectMessage: (message: MessageBuffer) => void;
}
