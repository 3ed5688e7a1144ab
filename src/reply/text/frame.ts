/**
 * Lines framed by dashes or their like: `-----Original Message-----`, and the marker above which a reply is to be
 * written.
 *
 * Contract: `matchFrame` finds a separator or a forward. The frame is proof, but a caption over a log has one too:
 * something of a mail must stand in it or right below it.
 */
import { FACT } from './evidence.ts';
import { type Frame, readFrame } from './frame-line.ts';
import { type HeaderBlock, readHeaders } from './header-block.ts';
import type { Line } from './lines.ts';
import { innerLines } from './quotes.ts';
import type { Sign } from './signs.ts';
import { countWords, has, type Intro, isBlankOrEnd, nextContent, quoteFollows, type View } from './view.ts';
import { ABOVE_WORD, FORWARDED, MESSAGE_NOUN, ORIGINAL_WORD, REPLY_WORD, WROTE } from './words.ts';

const QUOTED_LABEL = /^[\s>＞»*_]{1,12}\p{L}[^:]{0,30}:/u;

/** What an attribution holds, and the line above a forward does not. */
const TELLS = FACT.date | FACT.time | FACT.address;

/** Collects what of a mail's header stands below line `from` or a blank line under it. */
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

/** Collects what speaks for a separator, besides its frame. */
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

/**
 * Tells whether a frame says "original message" in any language that words.ts knows, apart from the text around it.
 */
function isMessage({ lines }: View, at: number, frame: Frame, quoted: boolean): boolean {
  if (
    (frame.left < 4 && frame.behind === '') ||
    countWords(frame.inner) > 5 ||
    !MESSAGE_NOUN.test(frame.inner)
  )
    return false;
  if (frame.behind !== '' || quoted) return true;
  const apart = isBlankOrEnd(lines[at - 1]) || isBlankOrEnd(lines[at + 1]);
  // "Original" alone is a caption; it says what of only with fields below.
  return apart && ORIGINAL_WORD.test(frame.inner) && !/^\p{Ll}+$/iu.test(frame.inner);
}

/** Matches the framed line at `at`, if it announces an original or a forward. */
export function matchFrame(view: View, at: number): Intro | undefined {
  const line = view.lines[at];
  const frame = line === undefined ? undefined : readFrame(line.text);
  if (line === undefined || frame === undefined) return undefined;
  if (REPLY_WORD.test(frame.inner) && ABOVE_WORD.test(frame.inner) && countWords(frame.inner) <= 14) {
    return { kind: 'separator', end: at + 1, strong: true, signs: ['frame', 'reply-words'] };
  }
  if (!frame.dashes || (frame.left < 3 && frame.behind === '')) return undefined;
  if (isForward(view, at, frame)) return forward(at);
  if (frame.left > 20) return undefined;
  const signs = signsOf(view, at, line, frame);
  if (signs.length === 0) return undefined;
  return { kind: 'separator', end: at + 1, strong: true, signs: ['frame', ...signs] };
}

const forward = (at: number): Intro => ({ kind: 'forward', end: at + 1, strong: true, signs: [] });

/** Tells whether the frame says that what follows is sent on: by its word, or by what only forwards have. */
function isForward(view: View, at: number, frame: Frame): boolean {
  if (FORWARDED.test(frame.inner)) return true;
  // Gmail frames a forward with ten dashes and nine, and no client does so with an original.
  if (frame.left === 10 && frame.right === 9) return headerBelow(view, at + 1).length > 0;
  // Thunderbird puts the Subject first, in every language; some clients do so above an original, and say "original".
  const next = view.lines[nextContent(view.lines, at + 1) ?? -1];
  if (next === undefined || (next.facts & TELLS) !== 0) return false;
  // Without its address "From" is other text as well: then one mailbox is left, that of "To".
  const block = blockBelow(view, at + 1);
  return block !== undefined && /^tdaa/.test(block.order) && !ORIGINAL_WORD.test(frame.inner);
}

/**
 * Matches "Begin forwarded message:" above a header block, quoted or not: in any language that words.ts knows, or
 * above the order of Apple Mail.
 */
export function matchForward(view: View, at: number): Intro | undefined {
  const line = view.lines[at];
  if (line === undefined || !has(line.facts, FACT.colon) || line.text.length > 80) return undefined;
  // What stands below is asked first: the words cost more.
  const block = blockBelow(view, at + 1);
  const fields = (block?.labels ?? 0) >= 2 || headerBelow(view, at + 1).length > 0;
  if (fields && FORWARDED.test(line.text)) return forward(at);
  // From, Subject, Date: no client puts them so above an original.
  if ((line.facts & TELLS) !== 0 || !/^atd/.test(block?.order ?? '')) return undefined;
  return WROTE.test(line.text) ? undefined : forward(at);
}

/** Reads the fields below line `from` or a blank line under it, quoted or not. */
function blockBelow({ lines, known }: View, from: number): HeaderBlock | undefined {
  const next = nextContent(lines, from);
  const line = next === undefined ? undefined : lines[next];
  if (next === undefined || line === undefined) return undefined;
  if (line.kind !== 'quote')
    return has(line.facts, FACT.label) ? readHeaders({ lines, known }, next) : undefined;
  if (!QUOTED_LABEL.test(line.text)) return undefined;
  return readHeaders({ lines: innerLines(lines, next), known }, 0);
}
