/**
 * A line framed by dashes or their like, taken apart.
 *
 * Contract: form only; frame.ts says what a frame announces.
 */

/** A framed line. */
export interface Frame {
  readonly left: number;
  readonly right: number;
  readonly dashes: boolean;
  readonly inner: string;
  /** What stands behind the frame on its line: some clients put the fields there. */
  readonly behind: string;
}

const MARK = '[-_=*~#+>—–─━═]';
const FRAME = new RegExp(
  `^\\s{0,8}(${MARK}{2,40})\\s{0,6}([^-_=*~#+>—–─━═\\s].{0,200}?)\\s{0,6}(${MARK}{2,40})\\s*$`,
  'u',
);
const SHARED = new RegExp(
  `^\\s{0,8}(-{1,20})\\s{0,3}(\\p{L}[^-:]{0,60}?)\\s{0,3}(-{4,20})\\s{0,3}(\\p{L}[^:]{0,20}:\\s.*)$`,
  'u',
);

/** Reads a framed line. */
export function readFrame(text: string): Frame | undefined {
  const match = FRAME.exec(text) ?? SHARED.exec(text);
  if (match === null) return undefined;
  const [, left = '', inner = '', right = '', behind = ''] = match;
  const dashes = /^[-_=>—–*─━═]+$/u.test(left + right);
  return { left: left.length, right: right.length, dashes, inner, behind };
}
