/**
 * Lines framed by dashes or their like: `-----Original Message-----`, and the marker above which a reply is to be written.
 *
 * Contract: `matchFrame` finds a separator or a forward. The frame is proof, but a caption over a log has one too: something of a mail must
 * stand in it or right below it.
 */
import { FACT } from './evidence.ts';
import { type Frame, readFrame } from './frame-line.ts';
import { readHeaders } from './header-block.ts';
import type { Line } from './lines.ts';
import type { Sign } from './signs.ts';
import { countWords, has, type Intro, isBlankOrEnd, nextContent, quoteFollows, type View } from './view.ts';
import { ABOVE_WORD, FORWARDED, MESSAGE_NOUN, ORIGINAL_WORD, REPLY_WORD, WROTE } from './words.ts';

/** What of a mail's header stands below line `from` or a blank line under it. */
function headerBelow({ lines, known }: View, from: number): Sign[] {
  const next = nextContent(lines, from);
  if (next === undefined) return [];
  if (has(lines[next]?.facts ?? 0, FACT.label)) {
    const block = readHeaders({ lines, known }, next);
    const tells = (block.facts & (FACT.address | FACT.date)) !== 0;
    return block.labels >= 2 && tells ? ['labels'] : [];
  }
  return [];
}

/** What speaks for a separator, besides its frame. */
function signsOf(view: View, at: number, line: Line, frame: Frame): Sign[] {
  const signs: Sign[] = headerBelow(view, at + 1);
  const quoted = quoteFollows(view.lines, at + 1);
  if (quoted) signs.push('quote-marks');
  const spoken = WROTE.test(frame.inner);
  const dated = has(line.facts, FACT.date);
  const person = dated || spoken ? view.known.personIn(frame.inner) : undefined;
  if (person !== undefined) signs.push(person);
  if (frame.left > 10 || countWords(frame.inner) > 20) return signs;
  const addressed = has(line.facts, FACT.address);
  if (dated && (addressed || spoken || quoted)) signs.push('date');
  if (quoted && (addressed || spoken)) signs.push(addressed ? 'address' : 'verb');
  if (isMessage(view, at, frame, quoted)) signs.push('message-word');
  return signs.includes('quote-marks') && signs.length === 1 ? [] : signs;
}

/** "Original message" in any language that words.ts knows, apart from the text around it. */
function isMessage({ lines }: View, at: number, frame: Frame, quoted: boolean): boolean {
  if (frame.left < 4 || countWords(frame.inner) > 5 || !MESSAGE_NOUN.test(frame.inner)) return false;
  if (frame.behind !== '' || quoted) return true;
  const apart = isBlankOrEnd(lines[at - 1]) || isBlankOrEnd(lines[at + 1]);
  // "Original" alone is a caption; it says what of only with fields below.
  return apart && ORIGINAL_WORD.test(frame.inner) && !/^\p{Ll}+$/iu.test(frame.inner);
}

/** The framed line at `at`, if it announces an original or a forward. */
export function matchFrame(view: View, at: number): Intro | undefined {
  const line = view.lines[at];
  const frame = line === undefined ? undefined : readFrame(line.text);
  if (line === undefined || frame === undefined) return undefined;
  if (REPLY_WORD.test(frame.inner) && ABOVE_WORD.test(frame.inner) && countWords(frame.inner) <= 14) {
    return { kind: 'separator', end: at + 1, strong: true, signs: ['frame', 'reply-words'] };
  }
  if (!frame.dashes || frame.left < 3 || frame.left > 20) return undefined;
  const signs = signsOf(view, at, line, frame);
  // Gmail frames a forward with ten dashes and nine, and no client does so with an original.
  const gmailForward = frame.left === 10 && frame.right === 9 && headerBelow(view, at + 1).length > 0;
  if (gmailForward || FORWARDED.test(frame.inner))
    return { kind: 'forward', end: at + 1, strong: true, signs: [] };
  if (signs.length === 0) return undefined;
  return { kind: 'separator', end: at + 1, strong: true, signs: ['frame', ...signs] };
}

/** "Begin forwarded message:" above a header block, quoted or not, in any language that words.ts knows. */
export function matchForward(view: View, at: number): Intro | undefined {
  const line = view.lines[at];
  if (line === undefined || !has(line.facts, FACT.colon) || line.text.length > 80) return undefined;
  if (!FORWARDED.test(line.text)) return undefined;
  if (headerBelow(view, at + 1).length === 0 && !quotedHeaderBelow(view, at + 1)) return undefined;
  return { kind: 'forward', end: at + 1, strong: true, signs: [] };
}

/** Whether the quoted lines below begin with a header block. */
function quotedHeaderBelow({ lines }: View, from: number): boolean {
  const next = nextContent(lines, from);
  if (next === undefined || lines[next]?.kind !== 'quote') return false;
  const labels = lines
    .slice(next, next + 4)
    .filter(({ text }) => /^[\s>]{1,8}\p{L}[\p{L} -]{0,20}\s?:\s/u.test(text));
  return labels.length >= 2;
}
