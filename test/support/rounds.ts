// How many rounds a long test takes: kills, mutated messages, properties of chance.
//
// Contract: one setting, read here alone. MAILGW_ROUNDS is `short` (the default), `full`, which .ci/run asks for, or a number:
// so many times the full rounds. A test states its full rounds, so that what CI covers stands where the test is.

/** What a short run takes of the full rounds, where the test does not say. */
const SHORT_SHARE = 0.1;

/** The setting, to be handed on where a test runs another process of tests. */
export const ROUNDS = process.env.MAILGW_ROUNDS ?? 'short';

const factor = ROUNDS === 'full' ? 1 : Number(ROUNDS);
if (ROUNDS !== 'short' && !(factor > 0))
  throw new Error(`MAILGW_ROUNDS=${ROUNDS}: not short, full or a number`);

/** The rounds of a test: `full` of them in CI, `short` where one waits for them. */
export function roundsOf(full: number, short = Math.ceil(full * SHORT_SHARE)): number {
  return ROUNDS === 'short' ? short : Math.max(1, Math.round(full * factor));
}
