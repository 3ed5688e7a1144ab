/**
 * A source: a way by which replies come in, as a port.
 *
 * Contract: a source brings transactions to the gate (gate/transaction.ts), and forgets a message only after its verdict:
 * what is accepted is committed by then, and what is unknown is temporary. It asks for the gate and for its settings
 * whenever it needs them, so that a reload needs no word to it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BaseConfig } from '../config/config.ts';
import type { TransactionShared } from '../gate/transaction.ts';
import type { Mailboxes } from '../store/mailboxes.ts';

/** A source as it is told: a listener, a mailbox, or a provider's address. */
export interface SourceView {
  readonly name: string;
  /** The section that it stands in. */
  readonly kind: string;
  /**
   * It takes mail; it is about to; it waits, since the other side failed; or it needs the operator: a password that is
   * refused, a folder that is not there.
   */
  readonly state: 'serving' | 'connecting' | 'waiting' | 'broken';
  /** Why, in words, unless it serves. */
  readonly reason?: string | undefined;
}

/** A source that is open. */
export interface Source {
  /** Tells of its parts, where there may be several, or none. */
  views?(): readonly SourceView[];
  /** Has a part look for mail now; false where none is called so, or it only listens. */
  sync?(name: string): boolean;
  /** Answers a request of the HTTP interface's listener; false where its path is none of the source's. */
  answer?(request: IncomingMessage, response: ServerResponse): boolean;
  /** Takes nothing new, ends what is under way, and resolves when nothing is; what lasts longer than this is dropped. */
  stop(withinMs: number): Promise<void>;
}

/** The intake that a source works with. */
export interface Intake<Own> extends TransactionShared {
  /** What of mailboxes is in the store. */
  readonly mailboxes: Mailboxes;
  /** The name of this host in the store; the operating system's unless given. */
  readonly host?: string | undefined;
  /** Calls a function now, and whenever a reload has changed something of a section. */
  readonly follow: (section: string, changed: () => void) => void;
  /** Gives the configuration in force: the source's own section, and those that belong to no source. */
  readonly config: () => BaseConfig & Own;
}

/** Opens a source; gives undefined where the site has none. Rejects with a `ListenError` that names the setting. */
export type OpenSource<Own> = (intake: Intake<Own>) => Promise<Source | undefined>;
