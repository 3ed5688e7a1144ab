// Clients that behave as Postfix's lmtp(8): they pipeline, keep a connection for several mails, and send again to
// every recipient that was not answered with 250.
//
// Contract: every mail has a Message-ID of its own. A recipient counts as accepted only for its own 250 at the end of
// data. What must never happen is collected in `wrongs`: a permanent refusal, a mail thrown away, a reply too many.
// The order within one sender and thread is that of writing: a sender begins no mail before the last one is accepted.

import { setTimeout as delay } from 'node:timers/promises';
import { newMessageId, replyMessage } from '../support/message.ts';
import { LmtpWire } from './lmtp-wire.ts';
import type { Chance } from './rounds.ts';
import type { Recipient } from './site.ts';

/** A recipient of a mail that was answered 250. */
export interface Accepted extends Recipient {
  readonly messageId: string;
  /** The sender and the number of the mail among its own. */
  readonly sender: number;
  readonly number: number;
  readonly reply: string;
}

interface Letter {
  readonly messageId: string;
  readonly number: number;
  /** Those who are still to be accepted, repeats included. */
  pending: Recipient[];
}

/** The longest pause of a sender between two mails, in milliseconds: the load is steady, not a burst. */
const PAUSE_MS = 8;

/** How long a sender waits after a connection failed, in milliseconds. */
const RETRY_MS = 10;

/** What the senders send to, and what they draw their choices from. */
export interface SendersOptions {
  /** Of several, each connection goes to one: the hosts are equal, and a mail that one did not answer goes to any. */
  readonly socket: string | readonly string[];
  readonly recipients: readonly Recipient[];
  readonly chance: Chance;
  readonly senders: number;
}

/** Several senders; life: `start`, then `drain` or `abandon`. */
export class Senders {
  /** Everything answered 250, in the order of the answers. */
  readonly accepted: Accepted[] = [];
  /** What no daemon may do to a mail, in words. */
  readonly wrongs: string[] = [];
  /** Connections that were not taken. */
  refused = 0;
  /** Mails sent whole whose connection closed without all of their replies. */
  unanswered = 0;
  readonly #options: SendersOptions;
  #isDraining = false;
  #isAbandoned = false;
  #ended: Promise<unknown> = Promise.resolve();
  #awaited: { readonly count: number; readonly resolve: () => void } | undefined;

  constructor(options: SendersOptions) {
    this.#options = options;
  }

  /** Begins to send. */
  start(): void {
    const runs = Array.from({ length: this.#options.senders }, (_, sender) => this.#run(sender));
    this.#ended = Promise.all(runs);
  }

  /** Waits until so many more recipients are accepted. */
  async acceptedMore(more: number): Promise<void> {
    const count = this.accepted.length + more;
    if (more > 0)
      await new Promise<void>((resolve) => {
        this.#awaited = { count, resolve };
      });
  }

  /** Writes nothing new and resolves when all that was begun is accepted. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    await this.#ended;
  }

  /** Stops where it is. */
  async abandon(): Promise<void> {
    this.#isAbandoned = true;
    await this.#ended;
  }

  async #run(sender: number): Promise<void> {
    let number = 0;
    let letter: Letter | undefined;
    while (!this.#isOver(letter)) {
      const wire = await LmtpWire.connect(this.#choose());
      if (wire === undefined) {
        this.refused += 1;
        await delay(RETRY_MS);
        continue;
      }
      // Postfix keeps a connection for a few mails, and says QUIT behind the dot of the last one.
      for (let mails = 1 + this.#options.chance.below(5); mails > 0; mails--) {
        letter ??= this.#write(++number);
        const isWhole = await this.#send(wire, sender, letter, mails === 1);
        if (letter.pending.length === 0) letter = undefined;
        if (!isWhole || this.#isOver(letter)) break;
        await delay(this.#options.chance.below(PAUSE_MS));
      }
      wire.close();
      if (letter !== undefined) await delay(RETRY_MS);
    }
  }

  #choose(): string {
    const { socket, chance } = this.#options;
    return typeof socket === 'string' ? socket : chance.oneOf(socket);
  }

  #isOver(letter: Letter | undefined): boolean {
    return this.#isAbandoned || (this.#isDraining && letter === undefined);
  }

  #write(number: number): Letter {
    const { recipients, chance } = this.#options;
    const pending = Array.from({ length: 1 + chance.below(3) }, () => chance.oneOf(recipients));
    return { messageId: newMessageId(), number, pending };
  }

  /** Sends one mail to whom it still has to reach; false when the connection is of no more use. */
  async #send(wire: LmtpWire, sender: number, letter: Letter, isLast: boolean): Promise<boolean> {
    const claimed: Recipient[] = [];
    const replies = await wire.begin(letter.pending.map(({ address }) => address));
    replies?.recipients.forEach((reply, index) => {
      if (reply.startsWith('250 ')) claimed.push(letter.pending[index]!);
      else this.#note(reply);
    });
    if (replies === undefined || !replies.isDataWanted) return false;
    const content = replyMessage({ to: 'a reply address', messageId: letter.messageId });
    const answers = await wire.finish(content, claimed.length, isLast);
    if (answers.length < claimed.length) this.unanswered += 1;
    answers.forEach((reply, index) => {
      this.#answered(sender, letter, claimed[index]!, reply);
    });
    return answers.length === claimed.length && !isLast;
  }

  #answered(sender: number, letter: Letter, recipient: Recipient, reply: string): void {
    if (!/^250 2\.0\.0 (queued as|duplicate of) /.test(reply)) {
      this.#note(reply);
      return;
    }
    letter.pending.splice(letter.pending.indexOf(recipient), 1);
    const { messageId, number } = letter;
    this.accepted.push({ ...recipient, messageId, number, sender, reply });
    if (this.accepted.length >= (this.#awaited?.count ?? Infinity)) this.#awaited?.resolve();
  }

  /** A temporary refusal is an answer like any other; everything else is wrong. */
  #note(reply: string): void {
    if (!reply.startsWith('4')) this.wrongs.push(reply);
  }
}
