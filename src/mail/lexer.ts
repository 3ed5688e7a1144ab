/**
 * Reading structured header values: white space, nested comments, quoted strings and runs of characters.
 *
 * Contract: a lexer walks one unfolded value from left to right and never back, so that every reader built
 * on it is linear in the length of the value, whatever the value holds. Nesting costs a counter, not a stack.
 * Failure: a comment or quoted string that never closes makes its reader return `undefined`.
 * Standards: RFC 5322 §3.2.1–3.2.4, RFC 6532 §3.2 (any non-ASCII character may stand in text).
 */

const [TAB, LF, CR, SPACE, OPEN] = [0x09, 0x0a, 0x0d, 0x20, 0x28];
const COMMENT_TEXT = /[^()\\]+/y;
const QUOTED_TEXT = /[^"\\]+/y;

/** A position in one header value, and the readers that move it forward. */
export class Lexer {
  readonly text: string;
  at = 0;
  /** The text of the comment read last, without its parentheses. */
  comment = '';

  constructor(text: string) {
    this.text = text;
  }

  /** Gives the character at the position, or the empty string at the end. */
  get next(): string {
    return this.text.charAt(this.at);
  }

  /** Tells whether all of the value is read. */
  atEnd(): boolean {
    return this.at >= this.text.length;
  }

  /** Moves past `character` if it is the next one. */
  take(character: string): boolean {
    if (this.next !== character) return false;
    this.at++;
    return true;
  }

  /** Reads what the sticky `pattern` matches here; the empty string when it does not match. */
  run(pattern: RegExp): string {
    const start = this.at;
    pattern.lastIndex = start;
    // Half the time of exec, which makes an array of what it found.
    if (!pattern.test(this.text)) return '';
    this.at = pattern.lastIndex;
    return this.text.slice(start, this.at);
  }

  /** Skips white space and comments; false when a comment never closes. */
  skipSpace(): boolean {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code === OPEN) {
        if (!this.readComment()) return false;
      } else if (code === SPACE || code === TAB || code === CR || code === LF) {
        this.at++;
      } else {
        return true;
      }
    }
  }

  /** Reads the quoted string that opens here; `undefined` when it never closes. */
  quotedString(): string | undefined {
    this.at++;
    let value = '';
    while (!this.atEnd()) {
      if (this.take('"')) return value;
      value += this.take('\\') ? this.any() : this.run(QUOTED_TEXT);
    }
    return undefined;
  }

  private any(): string {
    return this.text.charAt(this.at++);
  }

  private readComment(): boolean {
    let depth = 0;
    const start = this.at + 1;
    while (!this.atEnd()) {
      const character = this.any();
      if (character === '\\') this.at++;
      else if (character === '(') depth++;
      else if (character === ')' && --depth === 0) {
        this.comment = this.text.slice(start, this.at - 1);
        return true;
      } else this.run(COMMENT_TEXT);
    }
    return false;
  }
}
