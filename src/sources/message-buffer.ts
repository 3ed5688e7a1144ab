/**
 * The content of one message as it arrives after DATA: dots removed, end found, memory bounded.
 *
 * Contract: bytes are copied once, into memory that grows by doubling; dots are dot-remover.ts's.
 * An oversize message is read to its dot and not kept; so is one that the intake has no memory for.
 * Limits: linear in the size for every input. The declared SIZE is reserved with the first byte, so that a message of
 * that size is never copied again; it counts against the budget, but the system lends pages only as bytes arrive.
 */

import { DotRemover } from './dot-remover.ts';

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

/** The content as it ended: whole, larger than allowed, or refused for want of memory. */
export type Content =
  | { readonly kind: 'whole'; readonly raw: Uint8Array }
  | { readonly kind: 'too-big' }
  | { readonly kind: 'no-memory' };

const NOTHING = Buffer.alloc(0);
const FIRST_BYTES = 8 * 1024;

/** Collects one message. Its life: `feed` until it gives an offset, then `content`, then `free`. */
export class MessageBuffer {
  readonly #memory: MessageMemory;
  readonly #dots: DotRemover;

  constructor(maxBytes: number, declaredBytes: number | undefined, budget: MemoryBudget) {
    const memory = new MessageMemory(maxBytes, declaredBytes, budget);
    this.#memory = memory;
    this.#dots = new DotRemover((source, start, end) => {
      memory.keep(source, start, end);
    });
  }

  /** Takes a chunk from `start` on; gives the offset after the final dot's line, or undefined: more to come. */
  feed(chunk: Buffer, start: number): number | undefined {
    return this.#dots.feed(chunk, start);
  }

  /** Gives what was collected, once `feed` has given an offset. */
  content(): Content {
    return this.#memory.content();
  }

  /** Gives the memory back; to be called once, however the message ended. */
  free(): void {
    this.#memory.free();
  }
}

/** Memory that one message grows in. Its life: `keep`, then `content`, then `free`. */
export class MessageMemory {
  readonly #maxBytes: number;
  readonly #budget: MemoryBudget;
  readonly #expectedBytes: number;
  #memory: Buffer = NOTHING;
  #takenBytes = 0;
  #length = 0;
  #refusal: 'too-big' | 'no-memory' | undefined;

  constructor(maxBytes: number, declaredBytes: number | undefined, budget: MemoryBudget) {
    this.#maxBytes = maxBytes;
    this.#budget = budget;
    // Postfix declares the size with LF line ends; the content arrives with CRLF.
    const declared = declaredBytes === undefined ? 0 : declaredBytes + (declaredBytes >>> 5) + 1024;
    this.#expectedBytes = Math.max(declared, FIRST_BYTES);
  }

  /** Gives what was collected, once all of it is kept. */
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

  /** Copies a stretch of the message. */
  keep(source: Buffer, start: number, end: number): void {
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
