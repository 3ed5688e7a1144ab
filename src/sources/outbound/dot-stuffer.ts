/**
 * Dots added to content that follows DATA (RFC 5321 §4.5.2).
 *
 * Contract: a line that begins with a dot gets one more. A line ends at CRLF; what stands behind a bare LF is no line,
 * and stays as it is, unless it is a dot alone: Postfix would take that for the end of the content, and what follows
 * for commands. Such a dot gets one more as well, which Postfix takes away again. Pieces may be cut anywhere.
 * Limits: linear in the size.
 */
const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;
const LF_AND_DOT = Buffer.from('\n.');
const ONE_DOT = Buffer.from('.');
const TWO_DOTS = Buffer.from('..');

/** The writer of one message's content. */
export class DotStuffer {
  /** The two bytes before the next piece; the content begins as a line does. */
  #before: readonly [number, number] = [CR, LF];
  /** Whether a dot behind a bare LF waits for the byte after it. */
  #isHeld = false;

  /** Gives a piece as it is to be sent; its memory is the piece's own where nothing was added. */
  stuff(piece: Buffer): Buffer {
    if (piece.length === 0) return piece;
    const parts: Buffer[] = [];
    if (this.#isHeld) parts.push(endsLine(piece[0]) ? TWO_DOTS : ONE_DOT);
    this.#isHeld = false;
    let sent = 0;
    for (let dot = this.#firstDot(piece); dot !== -1; dot = nextDot(piece, dot + 1)) {
      if (this.#byteBefore(piece, dot, 2) !== CR) {
        if (dot === piece.length - 1) {
          this.#isHeld = true;
          break;
        }
        if (!endsLine(piece[dot + 1])) continue;
      }
      parts.push(piece.subarray(sent, dot), ONE_DOT);
      sent = dot;
    }
    const rest = piece.subarray(sent, this.#isHeld ? piece.length - 1 : piece.length);
    this.#before = [this.#byteBefore(piece, piece.length, 2), this.#byteBefore(piece, piece.length, 1)];
    return parts.length === 0 ? rest : Buffer.concat([...parts, rest]);
  }

  /** Finds the first dot that stands behind an LF, which may be the last byte of the piece before. */
  #firstDot(piece: Buffer): number {
    return piece[0] === DOT && this.#before[1] === LF ? 0 : nextDot(piece, 0);
  }

  #byteBefore(piece: Buffer, index: number, distance: 1 | 2): number {
    const at = index - distance;
    return (at >= 0 ? piece[at] : this.#before[2 + at]) ?? 0;
  }
}

function nextDot(piece: Buffer, from: number): number {
  const lf = piece.indexOf(LF_AND_DOT, from);
  return lf === -1 ? -1 : lf + 1;
}

function endsLine(byte: number | undefined): boolean {
  return byte === LF || byte === CR;
}
