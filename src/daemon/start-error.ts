/** Why the daemon does not start. */

/** A start that failed: one line per problem. */
export class StartError extends Error {
  /** A sysexits(3) code. */
  readonly exitCode: number;

  constructor(exitCode: number, problems: readonly string[]) {
    super(problems.join('\n'));
    this.exitCode = exitCode;
  }
}
