/**
 * What announces an original: an attribution, a block of header fields, a framed separator, a marker of ours.
 *
 * Contract: `findIntro` looks at one line and a bounded number after it, and says what kind of opening starts there,
 * where it ends and what speaks for it. It never looks back further than one line, so that a scan that calls it on
 * each line stays linear.
 */
import { matchAttribution } from './attribution.ts';
import { FACT } from './evidence.ts';
import { matchForward, matchFrame } from './frame.ts';
import { matchHeaders } from './header-block.ts';
import { countWords, type Intro, isBlankOrEnd, isIndented, isRule, nextContent, type View } from './view.ts';
import { FORWARDED, MESSAGE_NOUN } from './words.ts';

/** "This is a forwarded message" and its like have few words. */
const MAX_SAID = 8;

/** Finds the opening that starts at line `at`, if one does. The line must be neither blank, quoted nor code. */
export function findIntro(view: View, at: number): Intro | undefined {
  const intro = matchIntro(view, at);
  return intro !== undefined && isSentOn(view, at, intro) ? { ...intro, kind: 'forward' } : intro;
}

/**
 * Tells whether what looks like an original is sent on: the Subject of the mail says so, or the line right above the
 * fields does.
 */
function isSentOn({ lines, known }: View, at: number, intro: Intro): boolean {
  const opening = lines[at]?.text ?? '';
  const fields = isRule(opening) || intro.kind === 'separator' ? nextContent(lines, at + 1) : at;
  if (known.isForward(lines[fields ?? at]?.text ?? '')) return true;
  const above = lines[at - 1];
  if (intro.kind !== 'headers' || above?.kind !== 'text' || countWords(above.text) > MAX_SAID) return false;
  return FORWARDED.test(above.text) && MESSAGE_NOUN.test(above.text);
}

/** Tells whether a field is indented, and those below it are not. */
function isFirstAlone({ lines }: View, at: number): boolean {
  const below = lines[at + 1];
  const fields = (lines[at]?.facts ?? 0) & (below?.facts ?? 0) & FACT.label;
  return fields !== 0 && isBlankOrEnd(lines[at - 1]) && !isIndented(below);
}

function matchIntro(view: View, at: number): Intro | undefined {
  const line = view.lines[at];
  if (line === undefined) return undefined;
  // What is indented so far is shown, and announces nothing; Yahoo indents its attributions, and the first of its fields.
  const above = view.lines[at - 1];
  if (isIndented(line) && (isBlankOrEnd(above) || isIndented(above)) && !isFirstAlone(view, at))
    return matchAttribution(view, at);
  if (/^\s*[-_=*~#+>—–─━═]/u.test(line.text)) {
    const framed = matchFrame(view, at);
    if (framed !== undefined) return framed;
    if (isRule(line.text)) return matchHeaders(view, at, true);
  }
  if ((line.facts & (FACT.label | FACT.colon)) !== 0) {
    const headed = matchForward(view, at) ?? matchHeaders(view, at, false);
    if (headed !== undefined) return headed;
  }
  return matchAttribution(view, at);
}
