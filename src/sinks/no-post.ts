/** The end of an attempt that posts nothing, thrown by a sink where a value would not reach: what was answered, as an outcome. */
import type { Outcome } from './sink.ts';

/** Carries an outcome. */
export class NoPost extends Error {
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super(outcome.diagnostic);
    this.outcome = outcome;
  }
}
