/**
 * The settings of a main.cf that a later line of the same file replaces: Postfix takes the last, and only logs the loss.
 *
 * Contract: reads text and asks nobody. Continued lines are joined and comments dropped as postconf(5) has it.
 */

/** A setting that does not count, because the file sets the parameter again below. */
export interface Overridden {
  readonly name: string;
  /** What is written at `line`, and lost. */
  readonly value: string;
  readonly line: number;
  /** The line that counts. */
  readonly by: number;
}

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly line: number;
}

/** Lists the overridden settings, in the order of the file. */
export function overriddenIn(main: string): Overridden[] {
  const entries = entriesOf(main);
  const last = new Map(entries.map((entry) => [entry.name, entry]));
  return entries.flatMap((entry) => {
    const by = last.get(entry.name)?.line ?? entry.line;
    return by === entry.line ? [] : [{ ...entry, by }];
  });
}

function entriesOf(main: string): Entry[] {
  const logical: { line: number; text: string }[] = [];
  for (const [index, text] of main.split('\n').entries()) {
    if (/^\s*(?:#|$)/.test(text)) continue;
    const open = logical.at(-1);
    if (/^\s/.test(text) && open !== undefined) open.text += ` ${text.trim()}`;
    else logical.push({ line: index + 1, text });
  }
  return logical.flatMap(({ line, text }) => {
    const [, name, value = ''] = /^([^\s=]+)\s*=\s*(.*)$/.exec(text) ?? [];
    return name === undefined ? [] : [{ name, value: value.trim(), line }];
  });
}
