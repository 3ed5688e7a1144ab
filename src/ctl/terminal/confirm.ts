/**
 * The question before something is done to many items at once.
 *
 * Contract: asked on a terminal only; anything but a yes is a no. Where nobody can be asked, `--yes` has to be given.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { badInput, usage } from '../../actions/fault.ts';
import { printable } from '../../system/printable.ts';
import type { Input, OptionSpec } from '../command.ts';
import type { Output } from './print.ts';

/** The option that answers beforehand. */
export const YES_OPTION: OptionSpec = { flags: '--yes', doc: 'do not ask' };

/** Returns when `what` (such as "queue drop: 12 items") may be done; otherwise a Fault. */
export async function confirm(input: Input, output: Output, what: string): Promise<void> {
  if (input.flag('yes')) return;
  if (!process.stdin.isTTY || !output.watched) {
    throw usage(`${what}; nothing was done, because nobody can be asked; --yes does it`);
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // An end of input answers nothing, and the question would wait for ever.
    const ended = once(lines, 'close').then(() => undefined);
    // Ctrl-C and Ctrl-D reject the question.
    const question = lines.question(`${printable(what)}. Go on? [y/N] `).catch(() => undefined);
    const answer = await Promise.race([question, ended]);
    if (answer === undefined) output.warn('\n');
    if (!/^y(?:es)?$/i.test(answer?.trim() ?? '')) throw badInput(`${what}; nothing was done`);
  } finally {
    lines.close();
  }
}
