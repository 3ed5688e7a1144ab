/**
 * One message on its way through: from the client's DATA to the relay's answers.
 *
 * Contract: nothing is queued here, and nobody is answered 250 whom the relay has not answered so. The header is
 * awaited, then the copies are planned; a plan that takes the body awaits that too, if it is small. The first copy is
 * sent on as it arrives, at the relay's pace, and the others follow from memory, each as a transaction of its own. Who
 * gets no stamp gets every byte as it came, all in one transaction.
 * Failure: a relay that fails is 451 4.4.z for all who have no answer yet; nothing further is tried for this message. A
 * message of several copies that is too large to be kept goes to the first one's recipients; the others are put
 * off (451 4.3.1), and come again without them.
 * Limits: a header as large as is read, and one message within `maxKeptBytes` and the budget.
 */
import { HEADER_LIMITS } from '../../mail/header.ts';
import { MAX_SHOWN_BYTES } from '../../mail/recognise.ts';
import type { Outgoing, PlanStamps, StampedCopy, StampPlan } from '../../mail/stamping.ts';
import { DotRemover } from '../dot-remover.ts';
import type { Incoming } from '../lmtp-reader.ts';
import { type MemoryBudget, MessageMemory } from '../message-buffer.ts';
import { type Answer, type CopyEnvelope, RelayCopy, type RelayRecipient } from './copy.ts';
import type { RelaySlot } from './relay-slot.ts';

/** The envelope as it came; lines are bytes. */
export interface RelayEnvelope extends Omit<CopyEnvelope, 'recipients'> {
  readonly recipients: readonly RelayRecipient[];
  /** Reverse-path and recipients as addresses, in UTF-8. */
  readonly sender: string;
  readonly addresses: readonly string[];
}

/** A copy that has ended: whose it was, why it is as it is, and how its recipients were answered. */
export interface EndedCopy {
  readonly stamped: Pick<StampedCopy, 'user' | 'thread'> | undefined;
  readonly reason: string;
  readonly answers: readonly Answer[];
  /** The reply that stands for the relay's, where it gave none. */
  readonly failure: string | undefined;
}

/** What a message is relayed with. */
export interface RelayingOptions {
  readonly slot: RelaySlot;
  readonly plan: PlanStamps;
  readonly maxKeptBytes: number;
  readonly budget: MemoryBudget;
  readonly declaredBytes: number | undefined;
  /** For all copies together, after the end of the content. */
  readonly answerMs: number;
  /** Takes the answer of the next recipient in order. */
  readonly answer: (answer: Answer) => void;
  /** Hears how each copy ended. */
  /** Hears how each copy ended. */
  readonly ended: (copy: EndedCopy) => void;
}

/** A copy that is planned. */
interface Planned {
  readonly copy: RelayCopy;
  readonly recipients: readonly number[];
  readonly stamped: StampedCopy | undefined;
}

const NOTHING = Buffer.alloc(0);
const LF = 0x0a;
const CR = 0x0d;
const MAX_BEGINNING_BYTES = HEADER_LIMITS.maxBlockBytes + 4;
const TOO_LARGE: Answer = ['451 4.3.1 the message is too large for several copies at a time; come again'];
const NO_TIME: Answer = ['451 4.4.2 the relay took too long for the copies before this one'];

/** A message. Its states: header → planned and content → ended → answered. */
export class Relaying implements Incoming {
  readonly #envelope: RelayEnvelope;
  readonly #options: RelayingOptions;
  /** The message as it came, where more is wanted of it than passes by. */
  #memory: MessageMemory | undefined;
  /** Content that arrived and was not sent on. */
  #arrived: Buffer[] = [];
  #beginning: Buffer = NOTHING;
  #hasHeader = false;
  #hasEnded = false;
  #planned: readonly Planned[] | undefined;
  #plan: StampPlan | undefined;
  #answered = 0;
  readonly #answers: (Answer | undefined)[] = [];
  #piece: Buffer = NOTHING;
  #pieceLength = 0;
  readonly #dots = new DotRemover((source, start, end) => {
    this.#pieceLength += source.copy(this.#piece, this.#pieceLength, start, end);
  });

  constructor(envelope: RelayEnvelope, options: RelayingOptions) {
    this.#envelope = envelope;
    this.#options = options;
  }

  /** Takes a chunk; gives the offset after the final dot's line, if it came. */
  feed(chunk: Buffer, start: number): number | undefined {
    // A CR that was withheld from the chunk before may come on top.
    this.#piece = Buffer.allocUnsafe(chunk.length - start + 1);
    this.#pieceLength = 0;
    const end = this.#dots.feed(chunk, start);
    const piece = this.#piece.subarray(0, this.#pieceLength);
    this.#piece = NOTHING;
    if (piece.length === 0) return end;
    this.#memory?.keep(piece, 0, piece.length);
    if (this.#hasHeader) this.#arrived.push(piece);
    else this.#findHeader(piece);
    return end;
  }

  /** Sends on what has arrived; resolves when there is room for more. */
  async pump(): Promise<void> {
    if (!this.#hasHeader) return;
    const first = this.#planned === undefined ? await this.#begin() : this.#planned[0];
    if (this.#planned === undefined) return;
    const pieces = this.#arrived.splice(0);
    for (const piece of pieces) await first?.copy.write(piece);
  }

  /** Ends the first copy, sends the others, and answers everybody. */
  async end(): Promise<void> {
    const endsAt = performance.now() + this.#options.answerMs;
    this.#hasHeader = true;
    this.#hasEnded = true;
    await this.pump();
    const [first, ...others] = this.#planned ?? [];
    await first?.copy.end(this.#options.answerMs);
    let failure = this.#close(first);
    for (const planned of others) {
      const left = endsAt - performance.now();
      if (failure !== undefined || left <= 0)
        this.#close(planned, failure === undefined ? NO_TIME : [failure]);
      else failure = await this.#sendKept(planned, left);
    }
    this.#remember();
  }

  /** Gives the memory back; a copy whose content did not end is broken off. */
  free(): void {
    for (const { copy } of this.#planned ?? []) copy.abort();
    this.#memory?.free();
    this.#arrived = [];
  }

  /** Looks for the empty line behind the header, or as much as is read of one. */
  #findHeader(piece: Buffer): void {
    const before = this.#beginning.length;
    this.#beginning = before === 0 ? piece : Buffer.concat([this.#beginning, piece]);
    const end = endOfHeader(this.#beginning, Math.max(0, before - 3));
    if (end === undefined && this.#beginning.length < MAX_BEGINNING_BYTES) return;
    this.#hasHeader = true;
    const cut = end ?? this.#beginning.length;
    this.#arrived.push(this.#beginning.subarray(cut));
    this.#beginning = this.#beginning.subarray(0, cut);
  }

  /** Plans the message; undefined while its body is wanted, and is on its way. */
  async #settlePlan(): Promise<StampPlan | undefined> {
    const plan = (this.#plan ??= await this.#options.plan(this.#outgoing()));
    const bytes = this.#arrived.reduce((sum, { length }) => sum + length, 0);
    if (plan.wantsBody !== true || bytes > MAX_SHOWN_BYTES) return plan;
    if (!this.#hasEnded) return undefined;
    this.#plan = await this.#options.plan({ ...this.#outgoing(), body: Buffer.concat(this.#arrived) });
    return this.#plan;
  }

  #outgoing(): Outgoing {
    const { sender, addresses } = this.#envelope;
    return { beginning: this.#beginning, reversePath: sender, recipients: addresses };
  }

  /** Plans the message and begins its first copy, as soon as it can be planned. */
  async #begin(): Promise<Planned | undefined> {
    const plan = await this.#settlePlan();
    if (plan === undefined) return undefined;
    const planned = this.#copiesOf(plan);
    this.#planned = planned;
    const [first] = planned;
    if (planned.length > 1 || (plan.copies.length > 0 && plan.remember !== undefined)) this.#keep();
    await first?.copy.begin(true);
    await first?.copy.write(first.stamped?.beginning ?? this.#beginning);
    return first;
  }

  /** Begins to keep the message, of which nothing was sent on yet. */
  #keep(): void {
    const { maxKeptBytes, declaredBytes, budget } = this.#options;
    const memory = new MessageMemory(maxKeptBytes, declaredBytes, budget);
    for (const piece of [this.#beginning, ...this.#arrived]) memory.keep(piece, 0, piece.length);
    this.#memory = memory;
  }

  /** Makes the copies of a plan, in the order of their first recipients. */
  #copiesOf({ copies }: StampPlan): Planned[] {
    const stamped = new Set(copies.flatMap(({ recipients }) => recipients));
    const rest = this.#envelope.recipients.map(({ index }) => index).filter((index) => !stamped.has(index));
    const all = copies.map((copy) => this.#prepare(copy.recipients, copy));
    if (rest.length > 0) all.push(this.#prepare(rest, undefined));
    return all.sort((one, other) => (one.recipients[0] ?? 0) - (other.recipients[0] ?? 0));
  }

  #prepare(recipients: readonly number[], stamped: StampedCopy | undefined): Planned {
    const { forwarded, reversePath, parameters, recipients: all } = this.#envelope;
    const added = (stamped?.beginning.length ?? 0) - (stamped === undefined ? 0 : this.#beginning.length);
    const envelope: CopyEnvelope = {
      forwarded,
      reversePath: stamped?.reversePath === undefined ? reversePath : `<${stamped.reversePath}>`,
      parameters: parameters.map((each) => resized(each, added)),
      recipients: all.filter(({ index }) => recipients.includes(index)),
    };
    return { copy: new RelayCopy(this.#options.slot, envelope), recipients, stamped };
  }

  /** Sends a copy from memory; what failed, as a reply. */
  async #sendKept(planned: Planned, withinMs: number): Promise<string | undefined> {
    const content = this.#memory?.content();
    if (content?.kind !== 'whole') {
      this.#close(planned, TOO_LARGE);
      return undefined;
    }
    const { copy, stamped } = planned;
    const raw = Buffer.from(content.raw.buffer, content.raw.byteOffset, content.raw.byteLength);
    await copy.begin(false);
    await copy.write(stamped?.beginning ?? this.#beginning);
    await copy.write(raw.subarray(this.#beginning.length));
    await copy.end(withinMs);
    return this.#close(planned);
  }

  /** Takes the answers of a copy that has ended; those that it has none of are `otherwise`. */
  #close(planned: Planned | undefined, otherwise?: Answer): string | undefined {
    if (planned === undefined) return undefined;
    const { copy, recipients, stamped } = planned;
    const answers = recipients.map((index) => copy.answer(index) ?? otherwise ?? NO_TIME);
    for (const [at, index] of recipients.entries()) this.#answers[index] = answers[at];
    for (let next = this.#answers[this.#answered]; next !== undefined; ) {
      this.#options.answer(next);
      next = this.#answers[++this.#answered];
    }
    const { failure } = copy;
    const reason = this.#plan?.otherwise ?? '';
    this.#options.ended({ stamped, reason, answers, failure: failure ?? otherwise?.[0] });
    return failure;
  }

  #remember(): void {
    const remember = this.#plan?.remember;
    const isStamped = (this.#planned ?? []).some(
      ({ stamped, recipients }) =>
        stamped !== undefined && recipients.some((index) => this.#answers[index]?.[0]?.startsWith('2')),
    );
    if (remember === undefined || !isStamped) return;
    const content = this.#memory?.content();
    if (content?.kind === 'whole') remember(content.raw);
  }
}

/** Finds the offset behind the empty line that ends a header. */
function endOfHeader(bytes: Buffer, from: number): number | undefined {
  if (from === 0 && bytes[0] === LF) return 1;
  if (from === 0 && bytes[0] === CR && bytes[1] === LF) return 2;
  for (let lf = bytes.indexOf(LF, from); lf !== -1; lf = bytes.indexOf(LF, lf + 1)) {
    if (bytes[lf + 1] === LF) return lf + 2;
    if (bytes[lf + 1] === CR && bytes[lf + 2] === LF) return lf + 3;
  }
  return undefined;
}

/** Adds to a declared size what a copy has more than what came. */
function resized(parameter: string, added: number): string {
  const declared = /^SIZE=(\d{1,15})$/i.exec(parameter)?.[1];
  return declared === undefined || added === 0 ? parameter : `SIZE=${Math.max(0, Number(declared) + added)}`;
}
