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
import { formatReply, type Reply } from '../../mail/status.ts';
import { type Content, MessageBuffer } from './message-buffer.ts';
import type { ReaderTarget, Readiness } from './reader.ts';
import type { SessionShared, Wire } from './wire.ts';

const OK: Reply = { basic: 250, enhanced: '2.0.0', text: 'OK' };
/** The answers to commands that change nothing. */
const INFORMATIVE: Readonly<Record<string, Reply>> = {
  NOOP: OK,
  VRFY: { basic: 252, enhanced: '2.5.2', text: 'send some mail and see' },
  HELP: { basic: 214, enhanced: '2.0.0', text: 'LHLO MAIL RCPT DATA RSET NOOP VRFY QUIT' },
};
const STOPPING = replyTo({ verdict: 'deferred', reason: 'stopping' });

/** A session. Its states: greeted → LHLO → transaction → content → replies → LHLO. */
export class LmtpSession implements ReaderTarget {
  readonly #shared: SessionShared;
  readonly #wire: Wire;
  #hasGreeted = false;
  #transaction: Transaction | undefined;
  /** The size that MAIL declared. */
  #declaredBytes: number | undefined;
  /** Why MAIL was put off: pipelined RCPTs get the same reply, because a 5yz would look final. */
  #refusal: Reply | undefined;
  #isBusy = false;
  #isOver = false;
  #badCommands = 0;
  #badAddresses = 0;
  #replies = '';
  #deadline: NodeJS.Timeout | undefined;

  constructor(shared: SessionShared, wire: Wire) {
    this.#shared = shared;
    this.#wire = wire;
  }

  /** Greets at once: the peer is our own Postfix, and an early talker is its pipelining. */
  greet(refusal?: Reply): void {
    if (refusal !== undefined) {
      this.#end(refusal);
      return;
    }
    this.#write(`220 ${this.#shared.limits().hostname} LMTP mailgw`);
    this.#flush();
    this.#expectCommand();
  }

  /** Ends the session now if the client owes us a command, else after its transaction. */
  stopWhenIdle(): void {
    if (!this.#isOver && !this.#isBusy && this.#transaction === undefined) this.#end(STOPPING);
  }

  /** Forgets the session: the connection is gone. */
  dispose(): void {
    this.#isOver = true;
    clearTimeout(this.#deadline);
  }

  /** Ends the session: the client has closed its side and everything that it sent is answered. */
  finish(): void {
    this.#hangUp();
  }

  // ---- Commands ---------------------------------------------------------------------------------------------------

  readonly line = (line: string | undefined): Readiness => {
    this.#expectCommand();
    if (line === undefined) return this.#bad({ basic: 500, enhanced: '5.5.2', text: 'line too long' });
    const text = line.trimEnd();
    const space = text.indexOf(' ');
    const verb = (space === -1 ? text : text.slice(0, space)).toUpperCase();
    return this.#command(verb, space === -1 ? '' : text.slice(space + 1).trimStart());
  };

  #command(verb: string, argument: string): Readiness {
    if (this.#shared.isStopping() && this.#transaction === undefined && verb !== 'QUIT') {
      return this.#end(STOPPING);
    }
    switch (verb) {
      case 'LHLO':
        return this.#hello(argument);
      case 'MAIL':
        return this.#mail(argument);
      case 'RCPT':
        return this.#rcpt(argument);
      case 'DATA':
        return this.#data(argument);
      case 'RSET':
        this.#reset();
        return this.#reply(OK);
      case 'QUIT':
        return this.#end({ basic: 221, enhanced: '2.0.0', text: 'bye' });
      default:
        return this.#other(verb);
    }
  }

  /** Answers what changes nothing, and what is no command of ours. */
  #other(verb: string): Readiness {
    const answer = INFORMATIVE[verb];
    if (answer !== undefined) return this.#reply(answer);
    if (verb === 'HELO' || verb === 'EHLO')
      return this.#bad({ basic: 500, enhanced: '5.5.1', text: 'this is LMTP: say LHLO' });
    return this.#bad({ basic: 500, enhanced: '5.5.2', text: 'command not recognized' });
  }

  #hello(argument: string): Readiness {
    if (argument === '' || argument.includes(' ')) {
      return this.#bad({ basic: 501, enhanced: '5.5.4', text: 'syntax: LHLO hostname' });
    }
    const { hostname, maxMessageBytes } = this.#shared.limits();
    this.#hasGreeted = true;
    this.#reset();
    const lines = [hostname, 'PIPELINING', '8BITMIME', 'SMTPUTF8', `SIZE ${maxMessageBytes}`];
    for (const line of lines) this.#write(`250-${line}`);
    return this.#write('250 ENHANCEDSTATUSCODES');
  }

  #reset(): void {
    this.#transaction = undefined;
    this.#refusal = undefined;
  }

  #mail(argument: string): Readiness {
    if (!this.#hasGreeted) return this.#bad({ basic: 503, enhanced: '5.5.1', text: 'say LHLO first' });
    if (this.#transaction !== undefined) {
      return this.#bad({ basic: 503, enhanced: '5.5.1', text: 'a transaction is open already' });
    }
    const parsed = parseMail(argument);
    if (!parsed.ok) {
      this.#note({ verdict: 'rejected', reason: 'malformed', detail: 'MAIL' });
      return this.#bad(parsed.reply);
    }
    const refused = this.#shared.gate().transaction();
    this.#refusal = refused && replyTo(refused);
    if (refused !== undefined) return this.#answer(refused);
    const { reversePath, sizeBytes } = parsed.value;
    if ((sizeBytes ?? 0) > this.#shared.limits().maxMessageBytes) {
      return this.#answer({ verdict: 'rejected', reason: 'too-big', detail: 'by the declared SIZE' });
    }
    this.#declaredBytes = sizeBytes;
    this.#transaction = new Transaction(this.#shared, this.#wire.id, { reversePath });
    return this.#reply({ basic: 250, enhanced: '2.1.0', text: 'sender OK' });
  }

  #rcpt(argument: string): Readiness {
    const transaction = this.#transaction;
    if (this.#refusal !== undefined) return this.#reply(this.#refusal);
    if (transaction === undefined) return this.#tooEarly('MAIL first');
    const parsed = parseRcpt(argument);
    if (!parsed.ok) {
      this.#note({ verdict: 'rejected', reason: 'no-such-address', detail: 'syntax' });
      return this.#bad(parsed.reply);
    }
    if (transaction.recipients >= this.#shared.limits().maxRecipients) {
      return this.#answer({ verdict: 'deferred', reason: 'too-many-recipients' });
    }
    return this.#judgeRecipient(transaction, parsed.value);
  }

  async #judgeRecipient(transaction: Transaction, address: string): Promise<void> {
    this.#isBusy = true;
    const refusal = await transaction.recipient(address);
    this.#isBusy = false;
    if (refusal === undefined) {
      this.#reply({ basic: 250, enhanced: '2.1.5', text: 'recipient OK' });
      return;
    }
    if (refusal.reason === 'no-such-address') await this.#slowDown();
    this.#reply(replyTo(refusal));
    this.#flush();
    // When the reply has left, so that no address takes longer for being logged.
    setImmediate(() => {
      transaction.note(refusal);
    });
  }

  async #slowDown(): Promise<void> {
    const pause = this.#shared.slowDown.pause(++this.#badAddresses);
    if (pause === undefined) return;
    clearTimeout(this.#deadline); // the client waits for us
    await pause;
    this.#expectCommand();
  }

  #data(argument: string): Readiness {
    const transaction = this.#transaction;
    if (argument !== '') return this.#bad({ basic: 501, enhanced: '5.5.4', text: 'DATA takes no argument' });
    if (transaction === undefined || transaction.recipients === 0) {
      return this.#tooEarly('no valid recipients');
    }
    const { maxMessageBytes, dataTimeoutMs } = this.#shared.limits();
    const message = new MessageBuffer(maxMessageBytes, this.#declaredBytes, this.#shared.budget);
    this.#wire.expectMessage(message);
    this.#arm(dataTimeoutMs);
    return this.#write('354 end with a line of one dot');
  }

  // ---- End of data ------------------------------------------------------------------------------------------------

  readonly content = (content: Content): Readiness => {
    const transaction = this.#transaction;
    if (transaction === undefined) throw new Error('content without a transaction');
    clearTimeout(this.#deadline); // from here on the client waits for us
    this.#flush();
    return this.#endOfData(transaction, content);
  };

  async #endOfData(transaction: Transaction, content: Content): Promise<void> {
    this.#isBusy = true;
    const verdicts = await judge(transaction, content);
    this.#isBusy = false;
    this.#transaction = undefined;
    if (verdicts === undefined) {
      this.#wire.abort();
      return;
    }
    for (const verdict of verdicts) this.#reply(replyTo(verdict));
    if (verdicts.some(endsSession)) this.#hangUp();
    else this.#expectCommand();
  }

  // ---- Replies and deadlines --------------------------------------------------------------------------------------

  /** Sends the replies of one chunk together, and reads on when the client has taken them. */
  readonly idle = (): Readiness => {
    this.#flush();
    if (this.#shared.isStopping()) this.stopWhenIdle();
    return this.#wire.drained();
  };

  /** Logs and counts a refusal and replies it. */
  #answer(disposition: Disposition): 'go-on' {
    this.#note(disposition);
    return this.#reply(replyTo(disposition));
  }

  #note(disposition: Disposition): void {
    noteVerdict(this.#shared, this.#wire.id, disposition);
  }

  #write(line: string): 'go-on' {
    this.#replies += `${line}\r\n`;
    return 'go-on';
  }

  #reply(reply: Reply): 'go-on' {
    return this.#write(formatReply(reply));
  }

  /** Refuses a command; too many refusals end the session. */
  #bad(reply: Reply): 'go-on' {
    this.#badCommands++;
    if (this.#badCommands < this.#shared.limits().maxBadCommands) return this.#reply(reply);
    return this.#end({ basic: 421, enhanced: '4.7.0', text: 'too many bad commands' });
  }

  /**
   * Refuses a command that came too early. It counts as no bad one: a client that pipelines has sent it before it
   * could know that the one before was refused.
   */
  #tooEarly(text: string): 'go-on' {
    return this.#reply({ basic: 503, enhanced: '5.5.1', text });
  }

  #end(reply: Reply): 'go-on' {
    this.#reply(reply);
    return this.#hangUp();
  }

  #hangUp(): 'go-on' {
    this.#flush();
    this.dispose();
    this.#wire.close();
    return 'go-on';
  }

  #flush(): void {
    if (this.#replies === '') return;
    this.#wire.send(this.#replies);
    this.#replies = '';
  }

  /** Waits for the command that the client owes us: one deadline for all of it, whatever trickles in. */
  #expectCommand(): void {
    this.#arm(this.#shared.limits().commandTimeoutMs);
  }

  #arm(timeoutMs: number): void {
    clearTimeout(this.#deadline);
    if (this.#isOver) return;
    this.#deadline = setTimeout(() => {
      this.#shared.log('connection_closed', { reason: 'deadline', session: this.#wire.id });
      this.#end({ basic: 421, enhanced: '4.4.2', text: 'timeout, closing connection' });
    }, timeoutMs);
    this.#deadline.unref();
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
