/**
 * Cuts the bytes of one connection into command lines and message content.
 *
 * Contract: lines and contents are handed on strictly one after the other; what a step waits for, the bytes behind
 * it wait for too, so a client is never read faster than it is answered. A line ends at LF; an overlong one is
 * counted, not kept, and handed on once as overlong.
 * Limits: {@link MAX_LINE_BYTES} of a line are kept; what is kept of a message is up to its {@link Incoming}.
 */
import { freeMemory } from '../system/memory.ts';

/** Octets of one command line; RFC 5321 §4.5.3.1.4 wants 512, the extensions add to it. */
export const MAX_LINE_BYTES = 4096;

/** The reader's leave to go on after a line or a content: at once, or after the promise. */
export type Readiness = Promise<void> | 'go-on';

/** The content of one message on its way in; `feed` is called until it gives an offset, then `end`, then `free`. */
export interface Incoming {
  /** Takes a chunk from `start` on, and copies what it keeps; gives the offset after the final dot's line, if it came. */
  feed(chunk: Buffer, start: number): number | undefined;
  /** Hears that all of it has come. */
  end(): Readiness;
  /** Gives its memory back; called once, also where the end never comes. */
  free(): void;
}

/** The receiver of what the reader cuts. */
export interface ReaderTarget {
  /** Takes one command line without its line end; undefined stands for an overlong one. */
  readonly line: (line: string | undefined) => Readiness;
  /** Hears that everything that has arrived is handed on. */
  readonly idle: () => Readiness;
}

const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

/** The reader of one connection. */
export class LmtpReader {
  readonly #target: ReaderTarget;
  #partial: Buffer = NOTHING;
  #lineBytes = 0;
  #message: Incoming | undefined;
  #isClosed = false;
  readonly #encoding: 'utf8' | 'latin1';

  /** With `latin1` every character of a line stands for a byte. */
  constructor(target: ReaderTarget, encoding: 'utf8' | 'latin1' = 'utf8') {
    this.#target = target;
    this.#encoding = encoding;
  }

  /** Expects the content of a message from the next byte on. */
  expectMessage(message: Incoming): void {
    this.#message = message;
  }

  /** Hands nothing on any more, and gives the memory of a message back that will not arrive. */
  close(): void {
    this.#isClosed = true;
    this.#message?.free();
    this.#message = undefined;
  }

  /** Reads a chunk and takes its memory over; says when the next one may come, and rejects where a step throws. */
  consume(chunk: Buffer): Readiness {
    try {
      return this.#consumeFrom(chunk, 0);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Waits only where there is something to wait for: most chunks are read in one go. */
  #consumeFrom(chunk: Buffer, start: number): Readiness {
    let offset = start;
    while (offset < chunk.length && !this.#isClosed) {
      const message = this.#message;
      const end = message === undefined ? lineEnd(chunk, offset) : message.feed(chunk, offset);
      const step =
        message === undefined ? this.#readLine(chunk, offset, end) : this.#readContent(message, end);
      offset = end ?? chunk.length;
      const next = offset;
      if (step !== 'go-on') return step.then(() => settled(this.#consumeFrom(chunk, next)));
    }
    freeMemory(chunk); // what is kept of it has been copied
    return this.#target.idle();
  }

  #readContent(message: Incoming, end: number | undefined): Readiness {
    if (end === undefined) return 'go-on';
    this.#message = undefined;
    const step = message.end();
    if (step !== 'go-on') {
      return step.finally(() => {
        message.free();
      });
    }
    message.free();
    return step;
  }

  #readLine(chunk: Buffer, start: number, end: number | undefined): Readiness {
    const stop = end === undefined ? chunk.length : end - 1;
    this.#lineBytes += stop - start;
    const isOverlong = this.#lineBytes > MAX_LINE_BYTES;
    if (end === undefined) {
      // Copied: the chunk is large, and a line that trickles in would keep many of them.
      this.#partial = isOverlong ? NOTHING : Buffer.concat([this.#partial, chunk.subarray(start, stop)]);
      return 'go-on';
    }
    const before = this.#partial;
    this.#partial = NOTHING;
    this.#lineBytes = 0;
    if (isOverlong) return this.#target.line(undefined);
    if (before.length === 0) return this.#target.line(chunk.toString(this.#encoding, start, stop));
    return this.#target.line(Buffer.concat([before, chunk.subarray(start, stop)]).toString(this.#encoding));
  }
}

/** Gives the leave in the form that an async function may return. */
function settled(step: Readiness): Promise<void> | undefined {
  return step === 'go-on' ? undefined : step;
}

/** Finds the offset after the next LF, or undefined. */
function lineEnd(chunk: Buffer, start: number): number | undefined {
  const lf = chunk.indexOf(LF, start);
  return lf === -1 ? undefined : lf + 1;
}
