/**
 * One LMTP session: commands in, replies out.
 *
 * Contract (RFC 2033 §4.2): exactly one end-of-data reply per accepted RCPT, repeats included, in order; every reply
 * that may have an enhanced status code has exactly one; every recipient ends in exactly one logged verdict.
 * Failure: an unknown error is 451 4.3.0 for every recipient of the transaction; where the number of answers is in
 * doubt the connection is dropped, so that Postfix defers (docs/how-it-works.md, The gate).
 * Standards: RFC 2033, RFC 5321, RFC 2920, RFC 2034, RFC 6152, RFC 6531, RFC 1870.
 */

import type { Verdict } from '../../gate/gate.ts';
import { Transaction } from '../../gate/transaction.ts';
import { noteVerdict } from '../../gate/verdict-note.ts';
import { type Disposition, replyTo } from '../../mail/disposition.ts';
import { parseMail, parseRcpt } from '../../mail/envelope.ts';
import type { Reply } from '../../mail/status.ts';
import { LmtpDialogue, type Wire } from '../lmtp-dialogue.ts';
import type { Readiness } from '../lmtp-reader.ts';
import { type Content, MessageBuffer } from '../message-buffer.ts';
import type { SessionShared } from './shared.ts';

/** A session. Its states: greeted → LHLO → transaction → content → replies → LHLO. */
export class LmtpSession extends LmtpDialogue {
  readonly #shared: SessionShared;
  #transaction: Transaction | undefined;
  /** The size that MAIL declared. */
  #declaredBytes: number | undefined;
  /** Why MAIL was put off: pipelined RCPTs get the same reply, because a 5yz would look final. */
  #refusal: Reply | undefined;
  #badAddresses = 0;

  constructor(shared: SessionShared, wire: Wire) {
    super(wire, shared.limits, shared.log);
    this.#shared = shared;
  }

  protected override get hasTransaction(): boolean {
    return this.#transaction !== undefined;
  }

  // ---- Commands ---------------------------------------------------------------------------------------------------

  protected override command(verb: string, argument: string): Readiness | undefined {
    switch (verb) {
      case 'MAIL':
        return this.#mail(argument);
      case 'RCPT':
        return this.#rcpt(argument);
      case 'DATA':
        return this.#data(argument);
      default:
        return undefined;
    }
  }

  protected override hello(): Readiness {
    const { hostname, maxMessageBytes } = this.#shared.limits();
    const lines = [hostname, 'PIPELINING', '8BITMIME', 'SMTPUTF8', `SIZE ${maxMessageBytes}`];
    for (const line of lines) this.write(`250-${line}`);
    return this.write('250 ENHANCEDSTATUSCODES');
  }

  protected override reset(): void {
    this.#transaction = undefined;
    this.#refusal = undefined;
  }

  #mail(argument: string): Readiness {
    if (this.#transaction !== undefined) {
      return this.bad({ basic: 503, enhanced: '5.5.1', text: 'a transaction is open already' });
    }
    const parsed = parseMail(argument);
    if (!parsed.ok) {
      this.#note({ verdict: 'rejected', reason: 'malformed', detail: 'MAIL' });
      return this.bad(parsed.reply);
    }
    const refused = this.#shared.gate().transaction();
    this.#refusal = refused && replyTo(refused);
    if (refused !== undefined) return this.#answer(refused);
    const { reversePath, sizeBytes } = parsed.value;
    if ((sizeBytes ?? 0) > this.#shared.limits().maxMessageBytes) {
      return this.#answer({ verdict: 'rejected', reason: 'too-big', detail: 'by the declared SIZE' });
    }
    this.#declaredBytes = sizeBytes;
    this.#transaction = new Transaction(this.#shared, this.wire.id, { reversePath });
    return this.reply({ basic: 250, enhanced: '2.1.0', text: 'sender OK' });
  }

  #rcpt(argument: string): Readiness {
    const transaction = this.#transaction;
    if (this.#refusal !== undefined) return this.reply(this.#refusal);
    if (transaction === undefined) return this.tooEarly('MAIL first');
    const parsed = parseRcpt(argument);
    if (!parsed.ok) {
      this.#note({ verdict: 'rejected', reason: 'no-such-address', detail: 'syntax' });
      return this.bad(parsed.reply);
    }
    if (transaction.recipients >= this.#shared.limits().maxRecipients) {
      return this.#answer({ verdict: 'deferred', reason: 'too-many-recipients' });
    }
    return this.#judgeRecipient(transaction, parsed.value);
  }

  async #judgeRecipient(transaction: Transaction, address: string): Promise<void> {
    this.isBusy = true;
    const refusal = await transaction.recipient(address);
    this.isBusy = false;
    if (refusal === undefined) {
      this.reply({ basic: 250, enhanced: '2.1.5', text: 'recipient OK' });
      return;
    }
    if (refusal.reason === 'no-such-address') await this.#slowDown();
    this.reply(replyTo(refusal));
    this.flush();
    // When the reply has left, so that no address takes longer for being logged.
    setImmediate(() => {
      transaction.note(refusal, address);
    });
  }

  async #slowDown(): Promise<void> {
    const pause = this.#shared.slowDown.pause(++this.#badAddresses);
    if (pause === undefined) return;
    this.disarm();
    await pause;
    this.expectCommand();
  }

  #data(argument: string): Readiness {
    const transaction = this.#transaction;
    if (argument !== '') return this.bad({ basic: 501, enhanced: '5.5.4', text: 'DATA takes no argument' });
    if (transaction === undefined || transaction.recipients === 0) {
      return this.tooEarly('no valid recipients');
    }
    const { maxMessageBytes, dataTimeoutMs } = this.#shared.limits();
    const message = new MessageBuffer(maxMessageBytes, this.#declaredBytes, this.#shared.budget);
    this.wire.expectMessage({
      feed: (chunk, start) => message.feed(chunk, start),
      end: () => this.content(message.content()),
      free: () => {
        message.free();
      },
    });
    this.arm(dataTimeoutMs);
    return this.write('354 end with a line of one dot');
  }

  // ---- End of data ------------------------------------------------------------------------------------------------

  /** Takes the content of the transaction's message; one reply for each recipient follows. */
  content(content: Content): Readiness {
    const transaction = this.#transaction;
    if (transaction === undefined) throw new Error('content without a transaction');
    this.disarm();
    this.flush();
    return this.#endOfData(transaction, content);
  }

  async #endOfData(transaction: Transaction, content: Content): Promise<void> {
    this.isBusy = true;
    const verdicts = await judge(transaction, content);
    this.isBusy = false;
    this.#transaction = undefined;
    if (verdicts === undefined) {
      this.wire.abort();
      return;
    }
    for (const verdict of verdicts) this.reply(replyTo(verdict));
    if (verdicts.some(endsSession)) this.hangUp();
    else this.expectCommand();
  }

  // ---- Replies ----------------------------------------------------------------------------------------------------

  /** Logs and counts a refusal and replies it. */
  #answer(disposition: Disposition): 'go-on' {
    this.#note(disposition);
    return this.reply(replyTo(disposition));
  }

  #note(disposition: Disposition): void {
    noteVerdict(this.#shared, this.wire.id, disposition);
  }
}

/** Judges what came after DATA, as far as it came. */
async function judge(transaction: Transaction, content: Content): Promise<readonly Verdict[] | undefined> {
  switch (content.kind) {
    case 'whole':
      return transaction.message(content.raw);
    case 'too-big':
      return transaction.refuse({ verdict: 'rejected', reason: 'too-big' });
    case 'no-memory':
      return transaction.refuse({
        verdict: 'deferred',
        reason: 'overloaded',
        detail: 'intake memory is full',
      });
  }
}

/** Replies of class 421 announce that the connection closes (RFC 5321 §3.8). */
function endsSession(disposition: Disposition): boolean {
  return replyTo(disposition).basic === 421;
}
