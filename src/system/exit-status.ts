/**
 * The exit statuses of mailgwd and mailgw-ctl, those of sysexits(3): one table.
 */

/** The exit statuses that we use. */
export const EXIT = {
  ok: 0,
  usage: 64,
  badInput: 65,
  unavailable: 69,
  internal: 70,
  cannotCreate: 73,
  inputOutput: 74,
  configuration: 78,
} as const;

/** One of the exit statuses. */
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];
