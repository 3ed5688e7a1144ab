/** A message in a file, as a command is given one. */
import { readFileSync } from 'node:fs';
import { describe, EXIT, Fault } from './fault.ts';

/** Reads a message, from standard input for `-`, with its lines as LMTP would bring them: on disk they often end in bare LF. */
export function readMessageFile(file: string): Buffer {
  let stored: Buffer;
  try {
    stored = readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw new Fault(EXIT.inputOutput, `${file}: cannot be read: ${describe(error)}`);
  }
  return Buffer.from(stored.toString('latin1').replaceAll(/\r?\n/g, '\r\n'), 'latin1');
}
