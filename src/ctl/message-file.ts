/** A message in a file, as a command is given one. */
import { readFileSync } from 'node:fs';
import { describe, EXIT, Fault, systemCode } from '../actions/fault.ts';

/** Reads a message, from standard input for `-`, with its lines as LMTP would bring them: on disk they often end in bare LF. */
export function readMessageFile(file: string): Buffer {
  let stored: Buffer;
  try {
    stored = readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw new Fault(EXIT.inputOutput, `${file}: cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  return Buffer.from(stored.toString('latin1').replaceAll(/\r?\n/g, '\r\n'), 'latin1');
}

function reasonOf(error: unknown): string {
  switch (systemCode(error)) {
    case 'ENOENT':
      return 'there is no such file; expected a message, or "-" for standard input';
    case 'EISDIR':
      return 'it is a directory; expected a file with one message';
    case 'EACCES':
      return `this user (${process.getuid?.() ?? '?'}) may not read it; pass it on standard input: mailgw-ctl … - < FILE`;
    default:
      return describe(error);
  }
}
