/**
 * Where log lines go: standard output, without ever waiting for whoever reads it.
 *
 * Contract: lines leave in order, and at once where the reader keeps up. Behind a pipe or a socket whose reader does not,
 * up to {@link MAX_WAITING_BYTES} wait in memory. From half of that on `isStalled` says so, and the gate takes no more mail, so
 * that there is room for the verdicts of what is under way. What comes on top of it all is lost and counted, until the
 * reader has taken what waited.
 * Failure: a reader that is gone for good (EPIPE) loses every line that follows; they are counted.
 * Limits: a file or a terminal is written as it is, and waits for its disk.
 */
import { fstatSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';

/** Bytes of lines that wait for a reader; 5,000 verdicts fit. */
export const MAX_WAITING_BYTES = 2 * 1024 * 1024;

/** An output of whole lines. */
export interface LogOutput {
  /** Writes lines; never waits. */
  write(lines: string): void;
  /** Whether so many lines wait for a reader that the next ones may be lost. */
  readonly isStalled: boolean;
  /** Lines lost so far. */
  readonly lostLines: number;
  /** Resolves when nothing waits any more, or at the latest after so many milliseconds. */
  drained(withinMs: number): Promise<void>;
}

/** Opens a descriptor as an output; `onLost` hears how many lines were lost, once the reader is back. */
export function openLogOutput(fd: number, onLost: (lines: number) => void): LogOutput {
  const stats = fstatSync(fd);
  return stats.isFIFO() || stats.isSocket() ? new PipeOutput(fd, onLost) : fileOutput(fd);
}

function fileOutput(fd: number): LogOutput {
  let lostLines = 0;
  return {
    write: (lines) => {
      // A full disk under a log file: the lines are lost, and the store says for itself that it is full.
      if (writeNow(fd, Buffer.from(lines)) === undefined) lostLines += countLines(lines);
    },
    isStalled: false,
    get lostLines() {
      return lostLines;
    },
    drained: () => Promise.resolve(),
  };
}

/** A pipe or a socket: keeping up → behind → stalled → keeping up, or gone. */
class PipeOutput implements LogOutput {
  readonly #fd: number;
  /** Makes the descriptor non-blocking, and waits for its reader where it has to. */
  readonly #socket: Socket;
  readonly #onLost: (lines: number) => void;
  #isGone = false;
  #lostLines = 0;
  /** Lost since the reader stopped. */
  #lostNow = 0;

  constructor(fd: number, onLost: (lines: number) => void) {
    this.#fd = fd;
    this.#onLost = onLost;
    this.#socket = new Socket({ fd, readable: false, writable: true });
    this.#socket.on('error', () => {
      this.#isGone = true;
    });
    this.#socket.unref();
  }

  get isStalled(): boolean {
    return !this.#isGone && this.#socket.writableLength > MAX_WAITING_BYTES / 2;
  }

  get lostLines(): number {
    return this.#lostLines;
  }

  write(lines: string): void {
    // What was lost is told before anything that comes after it.
    if (this.#isGone || this.#lostNow > 0) {
      this.#lose(lines);
      return;
    }
    const bytes = Buffer.from(lines);
    const written = this.#socket.writableLength > 0 ? 0 : writeNow(this.#fd, bytes);
    if (written === undefined) {
      this.#isGone = true;
      this.#lose(lines);
    } else if (written < bytes.length) this.#wait(lines, bytes.subarray(written));
  }

  #wait(lines: string, bytes: Buffer): void {
    if (this.#socket.writableLength + bytes.length > MAX_WAITING_BYTES) {
      this.#lose(lines);
      return;
    }
    this.#socket.write(bytes, () => {
      if (this.#socket.writableLength === 0) this.#caughtUp();
    });
  }

  #lose(lines: string): void {
    const count = countLines(lines);
    this.#lostLines += count;
    this.#lostNow += count;
  }

  #caughtUp(): void {
    const lost = this.#lostNow;
    this.#lostNow = 0;
    if (lost > 0) this.#onLost(lost);
  }

  async drained(withinMs: number): Promise<void> {
    if (this.#isGone || this.#socket.writableLength === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#socket.once('error', done);
      this.#socket.write('', done);
    });
  }
}

/** Writes what the descriptor takes at once, in bytes; undefined when it takes no more for good. */
function writeNow(fd: number, bytes: Buffer): number | undefined {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? written : undefined;
    }
  }
  return written;
}

function countLines(lines: string): number {
  return lines.split('\n').length - 1;
}
