/**
 * What a check of `mailgw-ctl doctor` found: what is wrong, why it matters, and the command that mends it.
 *
 * Contract: a check never throws for what it examines; it gives one finding or several. A problem keeps mail from
 * being posted, or will, and has an exit status of sysexits(3); a warning is worth a look; a note is for knowing.
 */
import type { ExitStatus } from '../../actions/fault.ts';

/** The parts of a finding that a person acts on. */
export interface Advice {
  /** What is wrong, with the value that is. */
  readonly what: string;
  /** What comes of it. */
  readonly why: string;
  /** A command, or a line to write, that mends it. */
  readonly fix: string;
}

/** One check's result; `check` is a stable name. */
export type Finding =
  | { readonly check: string; readonly status: 'ok' | 'note' | 'skipped'; readonly what: string }
  | ({ readonly check: string; readonly status: 'warning' } & Advice)
  | ({ readonly check: string; readonly status: 'problem'; readonly exit: ExitStatus } & Advice);

/** Says that all is well. */
export const fine = (check: string, what: string): Finding => ({ check, status: 'ok', what });

/** Says that nothing is wrong, and that somebody may want to know. */
export const note = (check: string, what: string): Finding => ({ check, status: 'note', what });

/** Says that it could not be examined, or that there is nothing to examine. */
export const skipped = (check: string, what: string): Finding => ({ check, status: 'skipped', what });

/** Says that it works, and not as it should. */
export const warning = (check: string, advice: Advice): Finding => ({ check, status: 'warning', ...advice });

/** Says that it does not work. */
export const problem = (check: string, exit: ExitStatus, advice: Advice): Finding => ({
  check,
  status: 'problem',
  exit,
  ...advice,
});
