/**
 * The content of one message as it arrives after DATA: dots removed, end found, memory bounded.
 *
 * Contract: only CRLF `.` CRLF ends the content, however it is cut into chunks, so no message can smuggle commands
 * (RFC 5321 §4.5.2); bare CR and LF are content. Bytes are copied once, into memory that grows by doubling.
 * An oversize message is read to its dot and not kept; so is one that the intake has no memory for.
 * Limits: linear in the size for every input. The declared SIZE is reserved with the first byte, so that a message of
 * that size is never copied again; it counts against the budget, but the system lends pages only as bytes arrive.
 */

/** Memory for messages under way, shared by all connections. */
export interface MemoryBudget {
  /** Takes bytes; false when there are not so many left. */
  readonly take: (bytes: number) => boolean;
  /** Gives bytes back. */
  readonly give: (bytes: number) => void;
}

/** Builds a budget of as many bytes as the limit in force allows. */
export function createMemoryBudget(limitBytes: () => number): MemoryBudget {
  let taken = 0;
  return {
    take: (bytes) => {
      if (bytes > limitBytes() - taken) return false;
      taken += bytes;
      return true;
    },
    give: (bytes) => {
      taken -= bytes;
    },
  };
}

/** The part of CRLF `.` CRLF that was seen when the last chunk ended. */
type DotState = 'nothing' | 'cr' | 'crlf' | 'dot' | 'dot-cr';

/** The content as it ended: whole, larger than allowed, or refused for want of memory. */
export type Content =
  | { readonly kind: 'whole'; readonly raw: Uint8Array }
  | { readonly kind: 'too-big' }
  | { readonly kind: 'no-memory' };

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;
const CR_ALONE = Buffer.from('\r');
const LINE_END_AND_DOT = Buffer.from('\r\n.');
const NOTHING = Buffer.alloc(0);
const FIRST_BYTES = 8 * 1024;

/** Collects one message. Its life: `feed` until it gives an offset, then `content`, then `free`. */
export class MessageBuffer {
  readonly #maxBytes: number;
  readonly #budget: MemoryBudget;
  readonly #expectedBytes: number;
  #memory: Buffer = NOTHING;
  #takenBytes = 0;
  #length = 0;
  #dotState: DotState = 'crlf';
  #refusal: 'too-big' | 'no-memory' | undefined;

  constructor(maxBytes: number, declaredBytes: number | undefined, budget: MemoryBudget) {
    this.#maxBytes = maxBytes;
    this.#budget = budget;
    // Postfix declares the size with LF line ends; the content arrives with CRLF.
    const declared = declaredBytes === undefined ? 0 : declaredBytes + (declaredBytes >>> 5) + 1024;
    this.#expectedBytes = Math.max(declared, FIRST_BYTES);
  }

  /** Takes a chunk from `start` on; gives the offset after the final dot's line, or undefined: more to come. */
  feed(chunk: Buffer, start: number): number | undefined {
    let offset = start;
    while (offset < chunk.length) {
      const byte = chunk[offset];
      switch (this.#dotState) {
        case 'nothing':
          offset = this.#copyUntilDot(chunk, offset);
          break;
        case 'cr':
          if (byte === LF) this.#keep(chunk, offset, ++offset);
          this.#dotState = byte === LF ? 'crlf' : 'nothing';
          break;
        case 'crlf':
          if (byte === DOT) offset++; // the sender's stuffing, or the end
          this.#dotState = byte === DOT ? 'dot' : 'nothing';
          break;
        case 'dot':
          if (byte === CR) offset++; // withheld: it may belong to the end
          this.#dotState = byte === CR ? 'dot-cr' : 'nothing';
          break;
        case 'dot-cr':
          if (byte === LF) return offset + 1;
          this.#keep(CR_ALONE, 0, 1);
          this.#dotState = 'cr';
          break;
      }
    }
    return undefined;
  }

  /** Gives what was collected, once `feed` has given an offset. */
  content(): Content {
    return this.#refusal === undefined
      ? { kind: 'whole', raw: this.#memory.subarray(0, this.#length) }
      : { kind: this.#refusal };
  }

  /** Gives the memory back; to be called once, however the message ended. */
  free(): void {
    // Not the memory's length: it is 0 once the store has taken the memory over.
    this.#budget.give(this.#takenBytes);
    this.#takenBytes = 0;
    this.#memory = NOTHING;
  }

  /** Copies up to the next line that starts with a dot, or to the end of the chunk. */
  #copyUntilDot(chunk: Buffer, start: number): number {
    const lineEnd = chunk.indexOf(LINE_END_AND_DOT, start);
    if (lineEnd !== -1) {
      this.#keep(chunk, start, lineEnd + 2);
      this.#dotState = 'dot';
      return lineEnd + 3;
    }
    const end = chunk.length;
    this.#keep(chunk, start, end);
    if (chunk[end - 1] === CR) this.#dotState = 'cr';
    else if (end - start >= 2 && chunk[end - 2] === CR && chunk[end - 1] === LF) this.#dotState = 'crlf';
    return end;
  }

  #keep(source: Buffer, start: number, end: number): void {
    if (this.#refusal !== undefined) return;
    const needed = this.#length + end - start;
    if (needed > this.#maxBytes) {
      this.#refuse('too-big');
    } else if (needed <= this.#memory.length || this.#grow(needed)) {
      source.copy(this.#memory, this.#length, start, end);
      this.#length = needed;
    } else {
      this.#refuse('no-memory');
    }
  }

  #grow(needed: number): boolean {
    const wanted = Math.max(
      needed,
      this.#memory.length === 0 ? this.#expectedBytes : this.#memory.length * 2,
    );
    const size = Math.min(wanted, this.#maxBytes);
    if (!this.#budget.take(size - this.#takenBytes)) return false;
    this.#takenBytes = size;
    const larger = Buffer.allocUnsafeSlow(size);
    this.#memory.copy(larger, 0, 0, this.#length);
    this.#memory = larger;
    return true;
  }

  #refuse(refusal: 'too-big' | 'no-memory'): void {
    this.free();
    this.#refusal = refusal;
  }
}
