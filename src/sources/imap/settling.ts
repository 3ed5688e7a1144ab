/**
 * The end of one message of a mailbox: its verdict and its UID in one commit, or a note that it is not settled.
 *
 * Contract: what is temporary for one message is noted, and tried again for as long as it takes; what keeps the gate from
 * all mail is noted for none of them and ends the pass. What cannot be read {@link MOST_READS} times is given up, and so is
 * what ends the connection {@link MOST_BREAKS} times: a network fails more often than a message; that is a verdict like any
 * other. Something becomes of a message in its folder only if it was for an address of ours: others may use the mailbox too.
 * Failure: rejects where the store fails, or the gate is closed.
 */
import { arrive } from '../../gate/arrival.ts';
import type { Verdict } from '../../gate/gate.ts';
import { noteVerdict } from '../../gate/verdict-note.ts';
import type { ReplyAddressForm } from '../../mail/address.ts';
import type { Disposition } from '../../mail/disposition.ts';
import type { Mailboxes, OpenMessage } from '../../store/mailboxes.ts';
import type { MailboxReceipt } from '../../store/receipts.ts';
import type { Intake } from '../source.ts';
import { sourceRules } from '../source-rules.ts';
import { BAD_TOKEN } from './courtesy.ts';
import type { MailboxError } from './mailbox-error.ts';
import { retryAfter } from './pace.ts';
import { readMessage } from './reading.ts';
import { changesFolder, type ImapConfig, type ImapSection } from './settings.ts';

/** Attempts to read a message, after which it is given up. */
const MOST_READS = 3;

/** Attempts that ended with the connection, or with a fault of ours, after which a message is given up. */
const MOST_BREAKS = 10;

/** Deferrals that are about all mail, not about one message. */
const OF_ALL_MAIL: ReadonlySet<string> = new Set<Extract<Disposition, { verdict: 'deferred' }>['reason']>([
  'storage',
  'log',
  'overloaded',
  'stopping',
  'pepper',
  'store',
]);

/** A message as it was fetched, or why it was not. */
export type Fetched = { readonly uid: number } & (
  | { readonly kind: 'message'; readonly raw: Buffer }
  | { readonly kind: 'too-big'; readonly header: Buffer; readonly bytes: number }
  | { readonly kind: 'gone' }
  | { readonly kind: 'failed'; readonly failure: MailboxError }
);

/** The parts that messages are settled with. */
export interface SettlingParts {
  readonly intake: Intake<ImapSection>;
  readonly mailboxes: Mailboxes;
  readonly config: ImapConfig;
  readonly maxMessageBytes: number;
  readonly forms: readonly ReplyAddressForm[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Settles the messages of a pass. */
export class Settling {
  readonly #parts: SettlingParts;
  readonly #uidValidity: number;
  readonly #rows: ReadonlyMap<number, OpenMessage>;

  constructor(parts: SettlingParts, uidValidity: number, rows: readonly OpenMessage[]) {
    this.#parts = parts;
    this.#uidValidity = uidValidity;
    this.#rows = new Map(rows.map((row) => [row.uid, row]));
  }

  /** Settles a message; `highWater` is its own UID, or undefined where that is not to rise. */
  async settle(fetched: Fetched, highWater: number | undefined): Promise<void> {
    switch (fetched.kind) {
      case 'message':
        await this.#arrive(fetched.uid, highWater, fetched.raw);
        return;
      case 'too-big': {
        const detail = `${fetched.bytes} bytes; lmtp.max_message is ${this.#parts.maxMessageBytes}`;
        const refusal = { verdict: 'rejected', reason: 'too-big', detail } as const;
        await this.#arrive(fetched.uid, highWater, fetched.header, refusal);
        return;
      }
      case 'gone':
        await this.#forget(fetched.uid, highWater);
        return;
      case 'failed':
        await this.#noteFailure(fetched.uid, highWater, fetched.failure);
    }
  }

  /** Hands a message to the gate; its UID goes with it. */
  async #arrive(
    uid: number,
    highWater: number | undefined,
    raw: Buffer,
    refusal?: Disposition,
  ): Promise<void> {
    const { intake, config, forms } = this.#parts;
    const rules = sourceRules(config, intake.config());
    const { reversePath, candidates, isOurs } = readMessage(raw, config, rules, forms);
    // Where the verdict alone tells what is to become of it, it stays new until that is noted as well.
    const isOpen = changesFolder(config) && (!isOurs || config.refusedTo !== '');
    const owesCourtesy = isOurs && config.after !== 'nothing' && !isOpen;
    const arrived = await arrive(intake, {
      session: this.#session(uid),
      envelope: { reversePath, rules },
      candidates,
      raw,
      refusal,
      receipt: this.#receipt(uid, isOpen ? undefined : highWater, owesCourtesy),
    });
    if (arrived.kind === 'deferred') {
      await this.#putOff(uid, highWater, arrived.verdicts);
      return;
    }
    const isAccepted = arrived.verdicts.some(({ verdict }) => verdict === 'accepted');
    this.#count(isOurs || isAccepted ? 'settled' : 'passed');
    if (isOpen) await this.#close(uid, highWater, this.#owed(isOurs, isAccepted, arrived.verdicts));
  }

  #receipt(uid: number, highWater: number | undefined, owesCourtesy: boolean): MailboxReceipt {
    return { kind: 'mailbox', ...this.#place(uid), highWater, owesCourtesy, at: this.#parts.now() };
  }

  #place(uid: number): { source: string; uidValidity: number; uid: number } {
    return { source: this.#parts.config.name, uidValidity: this.#uidValidity, uid };
  }

  /** Names a message in the log. */
  #session(uid: number): string {
    return `${this.#parts.config.name}/${uid}`;
  }

  /** Gives the reason of a courtesy that is owed after these verdicts; undefined where none is. */
  #owed(isOurs: boolean, isAccepted: boolean, verdicts: readonly Verdict[]): string | undefined {
    const { after, refusedTo } = this.#parts.config;
    if (isOurs && refusedTo !== '' && verdicts.every(isBadToken)) return BAD_TOKEN;
    return after !== 'nothing' && (isOurs || isAccepted) ? '' : undefined;
  }

  /** Notes that a message is settled, and what is still to become of it. */
  async #close(uid: number, highWater: number | undefined, reason: string | undefined): Promise<void> {
    const { mailboxes, intake, now } = this.#parts;
    if (reason !== undefined) {
      const at = now();
      const courtesy = { state: 'courtesy', reason, dueAt: at, highWater, at } as const;
      await mailboxes.putOffMessage({ ...this.#place(uid), ...courtesy });
    } else if (highWater !== undefined) await intake.gate().pass(this.#receipt(uid, highWater, false));
  }

  /** Notes that a message has to come again, unless all mail has to: then the pass ends, and the message stays new. */
  async #putOff(uid: number, highWater: number | undefined, verdicts: readonly Verdict[]): Promise<void> {
    const temporary = verdicts.find(({ verdict }) => verdict === 'deferred');
    const { reason, detail } = temporary ?? { reason: 'unknown', detail: undefined };
    const text = detail === undefined ? reason : `${reason}: ${detail}`;
    if (OF_ALL_MAIL.has(reason)) throw new Error(`mail is put off: ${text}`);
    await this.#note(uid, highWater, text, reason === 'unknown' ? MOST_BREAKS : Infinity);
  }

  /** Notes that a message could not be fetched; how often it may depends on whose fault that is. */
  async #noteFailure(uid: number, highWater: number | undefined, failure: MailboxError): Promise<void> {
    const isOfMessage = failure.kind === 'refused' || failure.kind === 'too-large';
    await this.#note(uid, highWater, failure.message, isOfMessage ? MOST_READS : MOST_BREAKS);
  }

  /** Notes a message as not settled: it waits, or it was tried so often that it is given up. */
  async #note(uid: number, highWater: number | undefined, reason: string, most: number): Promise<void> {
    const { mailboxes, now, intake, config } = this.#parts;
    const attempts = (this.#rows.get(uid)?.attempts ?? 0) + 1;
    const at = now();
    const isOver = attempts >= most;
    await mailboxes.putOffMessage({
      ...this.#place(uid),
      state: isOver ? 'failed' : 'waiting',
      reason: reason.slice(0, 500),
      dueAt: isOver ? undefined : at + retryAfter(attempts),
      highWater,
      at,
    });
    this.#count(isOver ? 'failed' : 'deferred');
    if (!isOver) return;
    intake.log('mailbox_poison', { source: config.name, uid, attempts, reason });
    noteVerdict(intake, this.#session(uid), { verdict: 'discarded', reason: 'unreadable', detail: reason });
  }

  /** Settles a message that is not there: there is nothing to take. */
  async #forget(uid: number, highWater: number | undefined): Promise<void> {
    const { intake, config } = this.#parts;
    const row = this.#rows.get(uid);
    await intake.gate().pass(this.#receipt(uid, highWater, false));
    this.#count('gone');
    if (row !== undefined) intake.log('mailbox_gone', { source: config.name, uid, reason: row.reason });
  }

  #count(outcome: 'settled' | 'passed' | 'deferred' | 'failed' | 'gone'): void {
    this.#parts.intake.meter.add('mailgw_mailbox_messages_total', {
      source: this.#parts.config.name,
      outcome,
    });
  }
}

/** Tells a verdict about an address that is not, or no longer, good. */
const isBadToken = ({ reason }: Verdict): boolean =>
  reason === 'no-such-address' || reason === 'expired' || reason === 'forged';
