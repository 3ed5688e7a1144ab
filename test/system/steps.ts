// The steps that are taken inside a machine that machine.ts booted.
//
// Contract: the program is run as root as `node PROGRAM REPOSITORY RESULTS`; each step is one JSON line of the file
// RESULTS, `name` and what went wrong, if anything. A step that fails ends the run: the others build on it.

import { appendFileSync } from 'node:fs';
import { run } from '../support/process.ts';

/** One line of what the steps found. */
export interface Step {
  readonly name: string;
  readonly problem?: string;
}

/** The name of the line that stands at the end when none failed. */
export const ALL_TAKEN = 'every step was taken';

const [repositoryInside = '', results = ''] = process.argv.slice(2);

/** This checkout, in the machine. */
export const checkout = repositoryInside;

/** Takes the steps in their order, and ends the program. */
export async function takeSteps(steps: Readonly<Record<string, () => Promise<void>>>): Promise<never> {
  for (const [name, step] of Object.entries({ ...steps, [ALL_TAKEN]: () => Promise.resolve() })) {
    const problem = await step().then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
    const status =
      problem === undefined ? '' : (await run('systemctl', ['status', '--full', 'mailgw.service'])).stdout;
    appendFileSync(results, `${JSON.stringify({ name, problem: problem && `${problem}\n${status}` })}\n`);
    if (problem !== undefined) break;
  }
  process.exit();
}
