/**
 * A source: a way by which replies come in, as a port.
 *
 * Contract: a source brings transactions to the gate (gate/transaction.ts), and forgets a message only after its verdict:
 * what is accepted is committed by then, and what is unknown is temporary. It asks for the gate and for its settings
 * whenever it needs them, so that a reload needs no word to it.
 */
import type { BaseConfig } from '../config/config.ts';
import type { TransactionShared } from '../gate/transaction.ts';

/** A source that is open. */
export interface Source {
  /** Takes nothing new, ends what is under way, and resolves when nothing is; what lasts longer than this is dropped. */
  stop(withinMs: number): Promise<void>;
}

/** The intake that a source works with. */
export interface Intake<Own> extends TransactionShared {
  /** Gives the configuration in force: the source's own section, and those that belong to no source. */
  readonly config: () => BaseConfig & Own;
}

/** Opens a source; gives undefined where the site has none. Rejects with a `ListenError` that names the setting. */
export type OpenSource<Own> = (intake: Intake<Own>) => Promise<Source | undefined>;
