/**
 * Cuts the bytes of one connection into command lines and message content.
 *
 * Contract: lines and contents are handed on strictly one after the other; what a step waits for, the bytes behind
 * it wait for too, so a client is never read faster than it is answered. A line ends at LF; an overlong one is
 * counted, not kept, and handed on once as overlong.
 * Limits: {@link MAX_LINE_BYTES} of a line are kept; a message's memory is the {@link MessageBuffer}'s.
 */
import { freeMemory } from '../memory.ts';
import type { Content, MessageBuffer } from './message-buffer.ts';

/** Octets of one command line; RFC 5321 §4.5.3.1.4 wants 512, the extensions add to it. */
export const MAX_LINE_BYTES = 4096;

/** What a line or a content does to the reader: go on at once, or after the promise. */
export type Step = Promise<void> | 'go-on';

/** What the reader hands on to. */
export interface ReaderTarget {
  /** One command line without its line end; undefined stands for an overlong one. */
  readonly line: (line: string | undefined) => Step;
  /** The content that `expectMessage` announced. */
  readonly content: (content: Content) => Step;
  /** Everything that has arrived is handed on. */
  readonly idle: () => Step;
}

const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

/** The reader of one connection. */
export class LmtpReader {
  readonly #target: ReaderTarget;
  #partial: Buffer = NOTHING;
  #lineBytes = 0;
  #message: MessageBuffer | undefined;
  #isClosed = false;

  constructor(target: ReaderTarget) {
    this.#target = target;
  }

  /** From the next byte on, what arrives is the content of a message. */
  expectMessage(message: MessageBuffer): void {
    this.#message = message;
  }

  /** Hands nothing on any more, and gives the memory of a message back that will not arrive. */
  close(): void {
    this.#isClosed = true;
    this.#message?.free();
    this.#message = undefined;
  }

  /** Reads a chunk and takes its memory over; resolves when the next one may come. */
  async consume(chunk: Buffer): Promise<void> {
    let offset = 0;
    while (offset < chunk.length && !this.#isClosed) {
      const message = this.#message;
      const end = message === undefined ? lineEnd(chunk, offset) : message.feed(chunk, offset);
      const step =
        message === undefined ? this.#readLine(chunk, offset, end) : this.#readContent(message, end);
      offset = end ?? chunk.length;
      if (step !== 'go-on') await step;
    }
    freeMemory(chunk); // what is kept of it has been copied
    const idle = this.#target.idle();
    if (idle !== 'go-on') await idle;
  }

  #readContent(message: MessageBuffer, end: number | undefined): Step {
    if (end === undefined) return 'go-on';
    this.#message = undefined;
    const step = this.#target.content(message.content());
    if (step !== 'go-on') {
      return step.finally(() => {
        message.free();
      });
    }
    message.free();
    return step;
  }

  #readLine(chunk: Buffer, start: number, end: number | undefined): Step {
    const piece = chunk.subarray(start, end === undefined ? chunk.length : end - 1);
    this.#lineBytes += piece.length;
    const isOverlong = this.#lineBytes > MAX_LINE_BYTES;
    if (end === undefined) {
      // Copied: the chunk is large, and a line that trickles in would keep many of them.
      this.#partial = isOverlong ? NOTHING : Buffer.concat([this.#partial, piece]);
      return 'go-on';
    }
    const line = this.#partial.length === 0 ? piece : Buffer.concat([this.#partial, piece]);
    this.#partial = NOTHING;
    this.#lineBytes = 0;
    return this.#target.line(isOverlong ? undefined : line.toString('utf8'));
  }
}

/** The offset after the next LF, or undefined. */
function lineEnd(chunk: Buffer, start: number): number | undefined {
  const lf = chunk.indexOf(LF, start);
  return lf === -1 ? undefined : lf + 1;
}
