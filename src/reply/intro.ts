/**
 * What announces an original: an attribution, a block of header fields, a framed separator, a marker of ours.
 *
 * Contract: `findIntro` looks at one line and a bounded number after it, and says what kind of opening starts there, where it ends and what
 * speaks for it. It never looks back further than one line, so that a scan that calls it on each line stays linear.
 */
import { matchAttribution } from './attribution.ts';
import { FACT } from './evidence.ts';
import { matchForward, matchFrame } from './frame.ts';
import { matchHeaders } from './header-block.ts';
import { type Intro, isBlankOrEnd, isIndented, isRule, type View } from './view.ts';

/** The opening that starts at line `at`, if one does. The line must be neither blank, quoted nor code. */
export function findIntro(view: View, at: number): Intro | undefined {
  const intro = matchIntro(view, at);
  // What a mail forwards by its Subject has the same frames and blocks as an original.
  const framed = intro?.kind === 'headers' || intro?.kind === 'separator';
  return framed && view.known.isForward ? { ...intro, kind: 'forward' } : intro;
}

function matchIntro(view: View, at: number): Intro | undefined {
  const line = view.lines[at];
  if (line === undefined) return undefined;
  // What is indented so far is shown, and announces nothing; Yahoo indents its attributions.
  const above = view.lines[at - 1];
  if (isIndented(line) && (isBlankOrEnd(above) || isIndented(above))) return matchAttribution(view, at);
  const first = line.text.trimStart().charAt(0);
  if (/[-_=*~#+>—–─━═]/u.test(first)) {
    const framed = matchFrame(view, at);
    if (framed !== undefined) return framed;
    if (isRule(line.text)) return matchHeaders(view, at);
  }
  if ((line.facts & (FACT.label | FACT.colon)) !== 0) {
    const headed = matchForward(view, at) ?? matchHeaders(view, at);
    if (headed !== undefined) return headed;
  }
  return matchAttribution(view, at);
}
