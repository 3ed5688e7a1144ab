/**
 * Text of strangers made fit to be kept, sent as JSON and shown.
 *
 * Contract: what comes out is well-formed Unicode in NFC; its line ends are LF; it holds no controls but tab and line
 * feed, nothing that reorders what is read, and no character that only hides. Marks of direction, joiners and soft
 * hyphens stay, because scripts and emoji need them. Never throws.
 * Standards: UAX #9 (bidi), UAX #15 §13 (stream-safe text), RFC 8259 §8.1.
 * Limits: linear in the length.
 */

/**
 * Controls but tab and line feed; bidi embeddings, overrides and isolates; deprecated format characters; annotation
 * marks; the byte order mark; noncharacters.
 */
const UNSHOWABLE =
  /[\0-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff]/g;

/** Noncharacters beyond the first plane: the last two code points of each. */
const FAR_NONCHARACTER =
  /[\ud83f\ud87f\ud8bf\ud8ff\ud93f\ud97f\ud9bf\ud9ff\uda3f\uda7f\udabf\udaff\udb3f\udb7f\udbbf\udbff][\udffe\udfff]/g;

/** Tag characters, an invisible ASCII: only the flags of regions are spelt with them, after a black flag. */
const TAGS = /\u{1f3f4}[\u{e0020}-\u{e007e}]{1,16}\u{e007f}|[\u{e0000}-\u{e007f}]/gu;

// More marks on one character than any script has; 30 is the bound of the Stream-Safe Text Format.
const MARK_RUN = /(?:(?!\u034f)\p{M}){30}(?=(?!\u034f)\p{M})/gu;

/** Text of which nothing has to be changed or looked at more closely. */
const PLAIN = /^[\n\t\x20-\x7e]*$/;

/** Cleans text of several lines. */
export function cleanText(text: string): string {
  if (PLAIN.test(text)) return text;
  const unixLines = text.replaceAll('\r\n', '\n');
  if (PLAIN.test(unixLines)) return unixLines;
  return (
    wellFormed(unixLines)
      .replace(/[\r\x85\u2028\u2029]/g, '\n')
      .replace(UNSHOWABLE, '')
      .replace(FAR_NONCHARACTER, '')
      .replace(TAGS, (tags) => (tags.length > 2 ? tags : ''))
      // Sorting marks costs the square of their run: half a megabyte of them took 25 s (UAX #15 §13).
      .replace(MARK_RUN, '$&\u034f')
      .normalize('NFC')
  );
}

/** Marks of direction: in a name or a subject they mean nothing, and turn what stands beside it. */
const MARKS = /[\u061c\u200e\u200f]/g;

/** Cleans text for one line: line ends and tabs become blanks. */
export function cleanLine(text: string): string {
  return cleanText(text)
    .replace(MARKS, '')
    .replace(/[\n\t]+/g, ' ')
    .trim();
}

/** Replaces halves of a surrogate pair that stand alone; Node has it as `toWellFormed`, which ES2023 does not. */
function wellFormed(text: string): string {
  return text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
}
