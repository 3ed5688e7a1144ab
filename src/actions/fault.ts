/**
 * How a command ends when it cannot do its work: one sentence for a person and an exit status for a script.
 *
 * Contract: the statuses are those of sysexits(3). A message reads `KEY or WHAT: problem; what to do`; it may
 * quote what a person or a mail gave, because whoever prints it makes it safe for a terminal first.
 */

import { errorText } from '../system/error-text.ts';
import { EXIT, type ExitStatus } from '../system/exit-status.ts';

export { EXIT, type ExitStatus };

/** The status of a command that a signal ended between two steps: what a shell gives one that Ctrl-C killed. */
export const INTERRUPTED = 130;

/** Ends a command early; `problems` become one line each on standard error. */
export class Fault extends Error {
  readonly status: ExitStatus | typeof INTERRUPTED;
  readonly problems: readonly string[];

  constructor(
    status: ExitStatus | typeof INTERRUPTED,
    problems: string | readonly string[],
    options?: ErrorOptions,
  ) {
    const list = typeof problems === 'string' ? [problems] : problems;
    super(list.join('\n'), options);
    this.status = status;
    this.problems = list;
  }
}

/** The kind of trouble with what was given; HTTP has a status for each. */
export type InputKind = 'invalid' | 'unknown' | 'conflict';

/** The fault of one field that was given; `field` in snake case, as JSON has it. */
export class InputFault extends Fault {
  readonly kind: InputKind;
  readonly field: string;

  constructor(kind: InputKind, field: string, problem: string) {
    super(EXIT.badInput, problem);
    this.kind = kind;
    this.field = field;
  }
}

/** Makes the fault of a field whose value cannot be what it should be. */
export const invalid = (field: string, problem: string): Fault => new InputFault('invalid', field, problem);

/** Makes the fault of a field whose value names nothing that is there. */
export const unknown = (field: string, problem: string): Fault => new InputFault('unknown', field, problem);

/** Makes the fault of a field whose value somebody else has, or that another value stands against. */
export const conflict = (field: string, problem: string): Fault => new InputFault('conflict', field, problem);

/** Makes the fault of options that do not go together. */
export const usage = (problem: string): Fault => new Fault(EXIT.usage, problem);

/** Makes the fault of a value that cannot be what it should be, or that names nothing. */
export const badInput = (problem: string): Fault => new Fault(EXIT.badInput, problem);

/** Describes any error in one line: its message without what follows. */
export function describe(error: unknown): string {
  const message = errorText(error);
  return message.split('\n', 1)[0] ?? message;
}

/** Gives the code of a system error, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
