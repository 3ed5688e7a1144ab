// Commands out of the octets of an IMAP connection: lines, with the literals that they announce (RFC 9051 §4.3).

/** A command, or another line of the client's: its literals stand in it as quoted strings. */
export interface Command {
  readonly text: string;
}

/** Reads commands as their octets come. */
export class CommandReader {
  readonly #take: (command: Command) => void;
  readonly #goOn: () => void;
  #received = Buffer.alloc(0);
  #before = '';
  /** Octets of the literal that is read; undefined in a line. */
  #literal: number | undefined;

  /** `take` gets every command; `goOn` is called where the client waits before it sends a literal. */
  constructor(take: (command: Command) => void, goOn: () => void) {
    this.#take = take;
    this.#goOn = goOn;
  }

  /** Reads more octets. */
  read(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#step());
  }

  #step(): boolean {
    if (this.#literal !== undefined) {
      if (this.#received.length < this.#literal) return false;
      const octets = this.#received.toString('latin1', 0, this.#literal);
      this.#before += `"${octets.replaceAll(/["\\]/g, '\\$&')}"`;
      this.#received = this.#received.subarray(this.#literal);
      this.#literal = undefined;
      return true;
    }
    const end = this.#received.indexOf('\r\n');
    if (end < 0) return false;
    const line = this.#received.toString('latin1', 0, end);
    this.#received = this.#received.subarray(end + 2);
    const announced = /\{(\d+)(\+?)\}$/.exec(line);
    if (announced === null) {
      this.#take({ text: this.#before + line });
      this.#before = '';
      return true;
    }
    this.#before += line.slice(0, announced.index);
    this.#literal = Number(announced[1]);
    if (announced[2] === '') this.#goOn();
    return true;
  }
}
