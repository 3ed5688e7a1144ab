/**
 * A bound for texts that others wrote and that are kept for weeks: no longer than a line of mail (RFC 5322 §2.1.1).
 *
 * Contract: what is within the bound stays as it is; what is cut ends in an ellipsis, at a whole character.
 */

/** Octets of a text that is kept. */
export const MAX_TEXT_OCTETS = 998;

const CUT = '…';

/** Shortens a text to the bound. */
export function bounded(text: string): string {
  if (text.length * 3 <= MAX_TEXT_OCTETS || Buffer.byteLength(text) <= MAX_TEXT_OCTETS) return text;
  const room = MAX_TEXT_OCTETS - Buffer.byteLength(CUT);
  // Decoded as a stream, a character that was cut in two is left out.
  const kept = new TextDecoder().decode(Buffer.from(text).subarray(0, room), { stream: true });
  return `${kept}${CUT}`;
}
