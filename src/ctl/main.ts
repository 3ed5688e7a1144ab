/**
 * mailgw-ctl's entry: what surrounds a command line as a process.
 *
 * Contract: a reader that stops reading (`| head`, `2>&1 | head`) is no failure, and never stops a command halfway; output that
 * cannot be written (a full disk) is 74.
 */
import { EXIT, systemCode } from '../actions/fault.ts';
import { runCommandLine } from './program.ts';

/** Runs the command line of this process; leaves the exit status in `process.exitCode`. */
export async function main(): Promise<void> {
  process.stdout.on('error', noteBrokenOutput);
  // What cannot be said there can be said nowhere; the status tells.
  process.stderr.on('error', () => undefined);
  const status = await runCommandLine(process.argv.slice(2));
  process.exitCode ??= status;
}

function noteBrokenOutput(error: Error): void {
  if (systemCode(error) === 'EPIPE') return;
  process.stderr.write(`mailgw-ctl: standard output: cannot be written: ${error.message}\n`);
  process.exitCode = EXIT.inputOutput;
}
