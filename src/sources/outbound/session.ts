/**
 * One LMTP session of the listener for mail on its way out.
 *
 * Contract (RFC 2033 §4.2): one end-of-data reply for each RCPT, in order, and each is the relay's own. RCPT itself is
 * answered here: whose copy has which reverse-path shows only when the header is there, so what the relay says to MAIL
 * and RCPT comes as the reply to the end of data. What the relay offers is offered, parameters are passed on.
 * Failure: a relay that cannot be reached is 451 4.4.1 at MAIL; nothing is taken off the client's hands then.
 * Standards: RFC 2033, RFC 5321, RFC 2920, RFC 3461, RFC 6152, RFC 6531, RFC 1870, Postfix's XFORWARD_README.
 */
import { parsePath, splitParameter } from '../../mail/envelope.ts';
import type { PlanStamps } from '../../mail/stamping.ts';
import type { Log } from '../../observe/log.ts';
import { LmtpDialogue, type Wire } from '../lmtp-dialogue.ts';
import type { Readiness } from '../lmtp-reader.ts';
import type { MemoryBudget } from '../message-buffer.ts';
import { type Answer, failureLine, isKnownParameter, type RelayRecipient } from './copy.ts';
import type { RelaySlot } from './relay-slot.ts';
import { type EndedCopy, Relaying } from './relaying.ts';

/** A session's limits; times in milliseconds in total, sizes in bytes. */
export interface OutboundLimits {
  readonly hostname: string;
  readonly maxBadCommands: number;
  readonly maxRecipients: number;
  readonly maxKeptBytes: number;
  readonly commandTimeoutMs: number;
  readonly dataTimeoutMs: number;
  /** For the answers to all copies; below Postfix's lmtp_data_done_timeout. */
  readonly answerMs: number;
}

/** The parts that all sessions share. */
export interface OutboundShared {
  /** Gives the limits in force; a message under way keeps those that it began with. */
  /** Gives the limits in force. */
  readonly limits: () => OutboundLimits;
  readonly log: Log;
  readonly budget: MemoryBudget;
  /** Gives what plans stamps. */
  /** Gives what plans the stamps. */
  readonly plan: () => PlanStamps;
  /** Hears how each copy ended. */
  readonly ended: (copy: EndedCopy, session: string) => void;
}

/** What is offered where the relay offers it too. */
const PASSED_ON = ['SIZE', '8BITMIME', 'SMTPUTF8', 'DSN', 'AUTH', 'XFORWARD'];

/** What is offered while the relay cannot be asked: without these Postfix would return mail that needs them. */
const MEANWHILE = ['8BITMIME', 'SMTPUTF8'];

/** The envelope of the transaction. */
interface Begun {
  readonly path: string;
  readonly sender: string;
  readonly parameters: readonly string[];
  readonly declaredBytes: number | undefined;
  readonly recipients: RelayRecipient[];
  readonly addresses: string[];
}

/** A session. Its states: greeted → LHLO → transaction → content → the relay's answers → LHLO. */
export class OutboundSession extends LmtpDialogue {
  readonly #shared: OutboundShared;
  readonly #slot: RelaySlot;
  #begun: Begun | undefined;
  #message: Relaying | undefined;
  /** Why MAIL was put off: pipelined RCPTs get the same reply. */
  #refusal: string | undefined;
  #forwarded: string[] = [];

  constructor(shared: OutboundShared, wire: Wire, slot: RelaySlot) {
    super(wire, shared.limits, shared.log);
    this.#shared = shared;
    this.#slot = slot;
  }

  protected override get hasTransaction(): boolean {
    return this.#begun !== undefined;
  }

  override dispose(): void {
    super.dispose();
    this.#slot.close();
  }

  protected override command(verb: string, argument: string): Readiness | undefined {
    switch (verb) {
      case 'MAIL':
        return this.#mail(argument);
      case 'RCPT':
        return this.#rcpt(argument);
      case 'DATA':
        return this.#data(argument);
      case 'XFORWARD':
        return this.#forward(argument);
      default:
        return undefined;
    }
  }

  protected override hello(): Promise<void> {
    return this.#waiting(async () => {
      const offers = await this.#offers();
      const lines = [this.#shared.limits().hostname, 'PIPELINING', ...offers];
      for (const line of lines) this.write(`250-${line}`);
      this.write('250 ENHANCEDSTATUSCODES');
    });
  }

  async #offers(): Promise<readonly string[]> {
    try {
      const { features } = await this.#slot.ready();
      return PASSED_ON.flatMap((keyword) => {
        const rest = features.get(keyword);
        return rest === undefined ? [] : [rest === '' ? keyword : `${keyword} ${rest}`];
      });
    } catch {
      return MEANWHILE; // MAIL will say so
    }
  }

  protected override reset(): void {
    this.#begun = undefined;
    this.#refusal = undefined;
    this.#forwarded = [];
  }

  #forward(argument: string): Readiness {
    if (this.#begun !== undefined) return this.tooEarly('not within a transaction');
    // Postfix sends one or two; the values are xtext.
    if (this.#forwarded.length >= 4 || !/^[!-~]+(?: [!-~]+)*$/.test(argument))
      return this.bad({ basic: 501, enhanced: '5.5.4', text: 'syntax: XFORWARD NAME=value' });
    this.#forwarded.push(`XFORWARD ${argument}`);
    return this.reply({ basic: 250, enhanced: '2.0.0', text: 'OK' });
  }

  #mail(argument: string): Readiness {
    if (this.#begun !== undefined)
      return this.bad({ basic: 503, enhanced: '5.5.1', text: 'a transaction is open already' });
    const path = parsePath(argument, 'FROM');
    if (path === undefined)
      return this.bad({ basic: 501, enhanced: '5.1.7', text: 'syntax: MAIL FROM:<address>' });
    const { written, address, parameters } = path;
    if (!parameters.every(isKnownParameter))
      return this.bad({ basic: 555, enhanced: '5.5.4', text: 'unsupported MAIL parameter' });
    const begun: Begun = {
      path: written,
      sender: inUtf8(address),
      parameters,
      declaredBytes: declaredIn(parameters),
      recipients: [],
      addresses: [],
    };
    return this.#waiting(async () => {
      try {
        await this.#slot.ready();
      } catch (error) {
        const line = failureLine(error);
        this.#refusal = line;
        this.#shared.log('relay_failed', { reason: line, session: this.wire.id });
        this.write(line);
        return;
      }
      this.#begun = begun;
      this.#refusal = undefined;
      this.reply({ basic: 250, enhanced: '2.1.0', text: 'sender OK' });
    });
  }

  #rcpt(argument: string): Readiness {
    if (this.#refusal !== undefined) return this.write(this.#refusal);
    if (this.#begun === undefined) return this.tooEarly('MAIL first');
    const path = parsePath(argument, 'TO');
    if (path === undefined)
      return this.bad({ basic: 501, enhanced: '5.1.3', text: 'syntax: RCPT TO:<address>' });
    const { written, address, parameters } = path;
    if (!parameters.every(isKnownParameter))
      return this.bad({ basic: 555, enhanced: '5.5.4', text: 'unsupported RCPT parameter' });
    const { recipients, addresses } = this.#begun;
    if (recipients.length >= this.#shared.limits().maxRecipients)
      return this.reply({ basic: 452, enhanced: '4.5.3', text: 'too many recipients' });
    recipients.push({ index: recipients.length, path: written, parameters });
    addresses.push(inUtf8(address));
    return this.reply({ basic: 250, enhanced: '2.1.5', text: 'recipient OK' });
  }

  #data(argument: string): Readiness {
    const begun = this.#begun;
    if (argument !== '') return this.bad({ basic: 501, enhanced: '5.5.4', text: 'DATA takes no argument' });
    if (begun === undefined || begun.recipients.length === 0) return this.tooEarly('no valid recipients');
    const { maxKeptBytes, answerMs, dataTimeoutMs } = this.#shared.limits();
    const { path, sender, parameters, recipients, addresses, declaredBytes } = begun;
    const envelope = {
      reversePath: path,
      sender,
      parameters,
      recipients,
      addresses,
      forwarded: this.#forwarded,
    };
    const message = new Relaying(envelope, {
      slot: this.#slot,
      plan: this.#shared.plan(),
      budget: this.#shared.budget,
      maxKeptBytes,
      declaredBytes,
      answerMs,
      answer: (answer) => {
        this.#tell(answer);
      },
      ended: (copy) => {
        this.#shared.ended(copy, this.wire.id);
      },
    });
    this.#message = message;
    this.wire.expectMessage({
      feed: (chunk, start) => message.feed(chunk, start),
      end: () => this.#finish(message),
      free: () => {
        this.#message = undefined;
        message.free();
      },
    });
    this.arm(dataTimeoutMs);
    return this.write('354 end with a line of one dot');
  }

  /** Reads on at the pace of the relay. */
  protected override ready(): Readiness {
    const message = this.#message;
    if (message === undefined) return super.ready();
    return message.pump().then(async () => {
      await super.ready();
    });
  }

  async #finish(message: Relaying): Promise<void> {
    this.#message = undefined;
    this.disarm();
    this.flush();
    this.isBusy = true;
    await message.end();
    this.isBusy = false;
    this.reset();
    this.expectCommand();
  }

  /** Answers a recipient at once: whoever learns of a 250 late sends the message again. */
  #tell(answer: Answer): void {
    for (const line of answer) this.write(line);
    this.flush();
  }

  /** Finds something out for the client, who is under no deadline meanwhile. */
  async #waiting(find: () => Promise<void>): Promise<void> {
    this.disarm();
    this.flush();
    this.isBusy = true;
    await find();
    this.isBusy = false;
    this.expectCommand();
  }
}

/** Reads an address whose characters are bytes. */
function inUtf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function declaredIn(parameters: readonly string[]): number | undefined {
  const size = parameters.map(splitParameter).find(([keyword]) => keyword === 'SIZE')?.[1];
  return size !== undefined && /^\d{1,15}$/.test(size) ? Number(size) : undefined;
}
