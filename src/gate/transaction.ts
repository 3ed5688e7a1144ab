/**
 * One transaction: the boundary between a source of mail and the gate, the same for every source.
 *
 * Contract: whatever is thrown behind it is temporary, and never a refusal. Every recipient gets one verdict, and every
 * claim one more at the end of data, in order; each of them is logged and counted once. Nothing here rejects.
 */
import type { Disposition } from '../mail/disposition.ts';
import type { Log, LogFields } from '../observe/log.ts';
import type { CallFate, Receipt } from '../store/receipts.ts';
import { errorText } from '../system/error-text.ts';
import type { Envelope } from './case.ts';
import type { Gate, Verdict } from './gate.ts';
import type { Claim, RecipientVerdict, Unmatched } from './recipient.ts';
import { type Notes, noteVerdict } from './verdict-note.ts';

/** The parts that all transactions of a source share. */
export interface TransactionShared extends Notes {
  /** The gate in force; a transaction ends on the one that it began with. */
  readonly gate: () => Gate;
}

/** Logs a failure of ours, and makes the temporary verdict of it. */
function broken(log: Log, error: unknown, where: LogFields): Disposition {
  const detail = errorText(error);
  log('transaction_failed', { reason: detail, ...where });
  return { verdict: 'deferred', reason: 'unknown', detail };
}

/** Judges a recipient; `where` says in the log who asked. */
export async function askRecipient(
  gate: Pick<Gate, 'recipient'>,
  log: Log,
  address: string,
  where: LogFields,
): Promise<RecipientVerdict> {
  try {
    return await gate.recipient(address);
  } catch (error) {
    return { kind: 'refused', disposition: broken(log, error, where) };
  }
}

/** A transaction that MAIL has begun. */
export class Transaction {
  readonly #shared: TransactionShared;
  readonly #gate: Gate;
  readonly #session: string;
  readonly #envelope: Envelope;
  readonly #claims: (Claim | Unmatched)[] = [];
  /** The addresses of the claims, as they were written. */
  readonly #addresses: string[] = [];

  constructor(shared: TransactionShared, session: string, envelope: Envelope) {
    this.#shared = shared;
    this.#gate = shared.gate();
    this.#session = session;
    this.#envelope = envelope;
  }

  /** Counts the recipients that are taken so far. */
  get recipients(): number {
    return this.#claims.length;
  }

  /** Tells whether an address takes mail without a token. */
  takesWithoutToken(address: string): boolean {
    return this.#gate.takesWithoutToken(address);
  }

  /** Judges a recipient, and takes one that is good. Whoever answers a refusal notes it: it may have to wait. */
  async recipient(address: string): Promise<Disposition | undefined> {
    const { log } = this.#shared;
    const verdict = await askRecipient(this.#gate, log, address, { session: this.#session });
    if (verdict.kind === 'refused') return verdict.disposition;
    this.#claims.push(verdict.claim);
    this.#addresses.push(address);
    return undefined;
  }

  /** Logs, counts and keeps a verdict on a recipient that is not taken. */
  note(verdict: Verdict, address?: string): void {
    noteVerdict(this.#shared, this.#session, verdict, { address });
  }

  /** Judges the message: a verdict for each claim. Undefined where their number is in doubt: then nothing may be answered. */
  async message(raw: Uint8Array, receipt?: Receipt): Promise<readonly Verdict[] | undefined> {
    try {
      return this.#noted(await this.#gate.message(this.#envelope, this.#claims, raw, receipt));
    } catch (error) {
      return this.refuse(broken(this.#shared.log, error, { session: this.#session }));
    }
  }

  /** Refuses a message for each claim of which only the header was read. Undefined as of `message`. */
  async refuseUnread(
    header: Uint8Array,
    refusal: Disposition,
    receipt: Receipt,
  ): Promise<readonly Verdict[] | undefined> {
    try {
      return this.#noted(await this.#gate.refuse(this.#envelope, this.#claims, header, refusal, receipt));
    } catch (error) {
      return this.refuse(broken(this.#shared.log, error, { session: this.#session }));
    }
  }

  /** Writes the receipt of a message that was for nobody; undefined where that failed. */
  async pass(receipt: Receipt): Promise<CallFate | undefined> {
    try {
      return await this.#gate.pass(receipt);
    } catch (error) {
      broken(this.#shared.log, error, { session: this.#session });
      return undefined;
    }
  }

  /** Ends every claim alike, without a look at the message. */
  refuse(disposition: Disposition): readonly Verdict[] {
    const verdicts = this.#claims.map((): Verdict => disposition);
    return this.#noted(verdicts) ?? [];
  }

  #noted(verdicts: readonly Verdict[]): readonly Verdict[] | undefined {
    if (verdicts.length !== this.#claims.length) {
      const reason = `${verdicts.length} dispositions for ${this.#claims.length} recipients`;
      this.#shared.log('transaction_failed', { reason, session: this.#session });
      return undefined;
    }
    verdicts.forEach((verdict, index) => {
      const [address, claim] = [this.#addresses[index], this.#claims[index]];
      noteVerdict(this.#shared, this.#session, verdict, { address, claim });
    });
    return verdicts;
  }
}
