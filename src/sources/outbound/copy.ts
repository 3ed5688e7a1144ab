/**
 * One copy of a message as one transaction of the relay.
 *
 * Contract: each recipient has exactly one answer in the end: the relay's own, or 451 4.4.z where it gave none. A reply
 * of class 2 counts only as the answer to the end of data.
 * Failure: a {@link RelayFailure} ends the relay's session, and is the answer of all who have none yet.
 * Standards: RFC 5321 §3.3, RFC 3461, Postfix's XFORWARD_README.
 */
import { splitParameter } from '../../mail/envelope.ts';
import { errorText } from '../../system/error-text.ts';
import { DotStuffer } from './dot-stuffer.ts';
import { RelayFailure, type RelayReply, type RelaySession } from './relay.ts';
import type { RelaySlot } from './relay-slot.ts';

/** The lines that answer a recipient. */
export type Answer = readonly string[];

/** A recipient of the envelope: the path and the parameters as they came, and its place. */
export interface RelayRecipient {
  readonly index: number;
  readonly path: string;
  readonly parameters: readonly string[];
}

/** The envelope of a copy. */
export interface CopyEnvelope {
  /** XFORWARD commands that came before MAIL. */
  readonly forwarded: readonly string[];
  /** With its brackets. */
  readonly reversePath: string;
  readonly parameters: readonly string[];
  readonly recipients: readonly RelayRecipient[];
}

/** The keyword that a relay offers where it takes a parameter. */
const OFFER_OF: Readonly<Record<string, string>> = {
  SIZE: 'SIZE',
  BODY: '8BITMIME',
  SMTPUTF8: 'SMTPUTF8',
  RET: 'DSN',
  ENVID: 'DSN',
  NOTIFY: 'DSN',
  ORCPT: 'DSN',
  AUTH: 'AUTH',
};

/** Tells whether a parameter is one that can be passed on. */
export function isKnownParameter(parameter: string): boolean {
  return OFFER_OF[splitParameter(parameter)[0]] !== undefined;
}

/** The states of a copy: idle → open, whose content the relay takes → ended. */
export class RelayCopy {
  readonly #slot: RelaySlot;
  readonly #envelope: CopyEnvelope;
  readonly #answers = new Map<number, Answer>();
  readonly #stuffer = new DotStuffer();
  /** The session, while it takes content. */
  #session: RelaySession | undefined;
  #failure: string | undefined;

  constructor(slot: RelaySlot, envelope: CopyEnvelope) {
    this.#slot = slot;
    this.#envelope = envelope;
  }

  /** Whether the relay wants the content. */
  get isOpen(): boolean {
    return this.#session !== undefined;
  }

  /** The reply that stands for the relay's, where it failed. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Begins the transaction, up to the content; `isFirst` of its message. */
  async begin(isFirst: boolean): Promise<void> {
    await this.#guard(async () => {
      const first = await this.#slot.ready();
      try {
        await this.#open(first);
      } catch (error) {
        // The relay may have closed a session that was kept since the last message; nobody was answered in it.
        if (!isFirst || first.isFresh || this.#answers.size > 0) throw error;
        await this.#open(await this.#slot.fresh());
      }
    });
  }

  /** Sends a piece of the content, and waits for room. */
  async write(piece: Buffer): Promise<void> {
    const session = this.#session;
    if (session !== undefined) await this.#guard(() => session.write(this.#stuffer.stuff(piece)));
  }

  /** Ends the content; the relay has so long for its answer. */
  async end(withinMs: number): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    await this.#guard(async () => {
      const reply = await session.endData(withinMs);
      if (!isFinal(reply)) throw new RelayFailure('4.4.2', `the relay ended the data with ${reply.code}`);
      this.#answerRest(answerOf(reply));
      if (reply.code === 421) this.#slot.drop();
    });
    this.#session = undefined;
  }

  /** Breaks off: what was sent of the content is not taken. */
  abort(): void {
    if (this.#session === undefined) return;
    this.#session = undefined;
    this.#slot.drop();
  }

  /** Gives the answer of a recipient, once there is one. */
  answer(index: number): Answer | undefined {
    return this.#answers.get(index);
  }

  async #open(session: RelaySession): Promise<void> {
    const { forwarded, reversePath, recipients } = this.#envelope;
    for (const line of forwarded) if (session.features.has('XFORWARD')) await session.say(line);
    const parameters = offered(this.#envelope.parameters, session);
    const mail = await session.say(['MAIL FROM:'.concat(reversePath), ...parameters].join(' '));
    if (!isTaken(mail)) {
      this.#refuse(mail);
      return;
    }
    for (const { index, path, parameters } of recipients) {
      const reply = await session.say(['RCPT TO:'.concat(path), ...offered(parameters, session)].join(' '));
      if (!isTaken(reply)) this.#answers.set(index, refusalOf(reply));
      if (reply.code === 421) throw new RelayFailure('4.4.2', 'the relay closed the session');
    }
    if (this.#answers.size === recipients.length) {
      await session.say('RSET');
      return;
    }
    const data = await session.say('DATA');
    if (data.code === 354) this.#session = session;
    else this.#refuse(data);
  }

  #refuse(reply: RelayReply): void {
    this.#answerRest(refusalOf(reply));
    // No transaction may be open when the next one begins, whatever the relay thinks of this one.
    this.#slot.drop();
  }

  #answerRest(answer: Answer): void {
    for (const { index } of this.#envelope.recipients)
      if (!this.#answers.has(index)) this.#answers.set(index, answer);
  }

  /** Makes a failure the answer of all who have none, unless the relay has said why before it ended. */
  async #guard(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      const early = this.#session?.earlyReply();
      const isRefusal = early !== undefined && early.code >= 400 && isFinal(early);
      this.#failure = failureLine(error);
      this.#session = undefined;
      this.#slot.drop();
      this.#answerRest(isRefusal ? answerOf(early) : [this.#failure]);
    }
  }
}

/** Writes the reply for a failure of the relay. */
export function failureLine(error: unknown): string {
  const enhanced = error instanceof RelayFailure ? error.enhanced : '4.4.2';
  // Replies are of printable US-ASCII (RFC 5321 §4.2).
  return `451 ${enhanced} ${errorText(error).replace(/[^ -~]+/g, '?')}`.slice(0, 500);
}

function offered(parameters: readonly string[], { features }: RelaySession): string[] {
  return parameters.filter((each) => features.has(OFFER_OF[splitParameter(each)[0]] ?? ''));
}

const isTaken = ({ code }: RelayReply): boolean => code >= 200 && code < 300;

const isFinal = ({ code }: RelayReply): boolean => code >= 200 && code < 600 && Math.floor(code / 100) !== 3;

/** Gives a reply as the answer to the end of data; 421 would announce that our own connection closes. */
function answerOf({ code, lines }: RelayReply): Answer {
  return code === 421 ? lines.map((line) => `451${line.slice(3)}`) : lines;
}

/** Gives a reply that refuses; what is neither refusal nor consent is none. */
function refusalOf(reply: RelayReply): Answer {
  return isFinal(reply) && !isTaken(reply)
    ? answerOf(reply)
    : [`451 4.4.2 the relay answered out of place: ${reply.code}`];
}
