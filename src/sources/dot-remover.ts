/**
 * Dots removed from the content that follows DATA, and its end found (RFC 5321 §4.5.2).
 *
 * Contract: only CRLF `.` CRLF ends the content, however it is cut into chunks, so no message can smuggle commands; bare
 * CR and LF are content. Nothing is copied here: each stretch of content is handed on as it stands in its chunk.
 * Limits: linear in the size for every input.
 */

/** Takes a stretch of content; its memory is the caller's. */
export type Keep = (source: Buffer, start: number, end: number) => void;

/** The part of CRLF `.` CRLF that was seen when the last chunk ended. */
type DotState = 'nothing' | 'cr' | 'crlf' | 'dot' | 'dot-cr';

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;
const CR_ALONE = Buffer.from('\r');
const LINE_END_AND_DOT = Buffer.from('\r\n.');

/** The reader of one message's content. */
export class DotRemover {
  readonly #keep: Keep;
  #state: DotState = 'crlf';

  constructor(keep: Keep) {
    this.#keep = keep;
  }

  /** Takes a chunk from `start` on; gives the offset after the final dot's line, or undefined: more to come. */
  feed(chunk: Buffer, start: number): number | undefined {
    let offset = start;
    while (offset < chunk.length) {
      const byte = chunk[offset];
      switch (this.#state) {
        case 'nothing':
          offset = this.#keepUntilDot(chunk, offset);
          break;
        case 'cr':
          if (byte === LF) this.#keep(chunk, offset, ++offset);
          this.#state = byte === LF ? 'crlf' : 'nothing';
          break;
        case 'crlf':
          if (byte === DOT) offset++; // the sender's stuffing, or the end
          this.#state = byte === DOT ? 'dot' : 'nothing';
          break;
        case 'dot':
          if (byte === CR) offset++; // withheld: it may belong to the end
          this.#state = byte === CR ? 'dot-cr' : 'nothing';
          break;
        case 'dot-cr':
          if (byte === LF) return offset + 1;
          this.#keep(CR_ALONE, 0, 1);
          this.#state = 'cr';
          break;
      }
    }
    return undefined;
  }

  /** Hands on up to the next line that starts with a dot, or to the end of the chunk. */
  #keepUntilDot(chunk: Buffer, start: number): number {
    const lineEnd = chunk.indexOf(LINE_END_AND_DOT, start);
    if (lineEnd !== -1) {
      this.#keep(chunk, start, lineEnd + 2);
      this.#state = 'dot';
      return lineEnd + 3;
    }
    const end = chunk.length;
    this.#keep(chunk, start, end);
    if (chunk[end - 1] === CR) this.#state = 'cr';
    else if (end - start >= 2 && chunk[end - 2] === CR && chunk[end - 1] === LF) this.#state = 'crlf';
    return end;
  }
}
