/**
 * Replies of the server: a basic code and an enhanced status code as one value whose classes agree.
 *
 * Contract: the type admits no `550 4.x.x` and no `451 5.x.x`. Postfix decides by the basic code, people and
 * monitoring by the enhanced one, so a pair that disagrees either loses mail or hides why.
 * Standards: RFC 5321 §4.2, RFC 3463, RFC 2034; RFC 2033 §4.2 for LMTP.
 */

type Success = { readonly basic: 250 | 221 | 214 | 252; readonly enhanced: `2.${number}.${number}` };
type Transient = { readonly basic: 421 | 450 | 451 | 452; readonly enhanced: `4.${number}.${number}` };
type Permanent = {
  readonly basic: 500 | 501 | 502 | 503 | 550 | 552 | 554 | 555;
  readonly enhanced: `5.${number}.${number}`;
};

/** A basic reply code with an enhanced status code of the same class. */
export type Status = Success | Transient | Permanent;

/** A status with the text that goes with it; the text is one line of printable characters. */
export type Reply = Status & { readonly text: string };

/** Writes the line of a reply without its line end: `250 2.0.0 text`. */
export function formatReply(reply: Reply): string {
  return `${reply.basic} ${reply.enhanced} ${reply.text}`;
}
