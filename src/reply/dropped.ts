/**
 * What of a message is not in its post, told to those who read it.
 *
 * Contract: plain English in Markdown, one line for each part, names (clean already) escaped; empty when there is
 * nothing to tell. Images that only the quote or the signature shows are not told: they are the original's and the
 * letterhead's, and a logo under every reply would be news under every reply.
 * Limits: 20 lines, then how many more there are.
 */
import type { AttachmentLimits } from '../mail/attachment-limits.ts';
import { cutText } from './field-text.ts';
import { escapeText } from './html/markdown-escape.ts';
import type { DroppedPart } from './post.ts';

const MAX_LINES = 20;
const MAX_NAME_CHARS = 100;

/** Writes the note that is appended to a post's Markdown. */
export function describeDropped(dropped: readonly DroppedPart[], limits: AttachmentLimits): string {
  const told = dropped.flatMap((part) => {
    const reason = inWords(part, limits);
    return reason === undefined ? [] : [`- ${nameOf(part)}: ${reason}`];
  });
  return note(told);
}

/** Writes the note on files that a platform did not take. */
export function describeRefused(files: readonly Pick<DroppedPart, 'filename' | 'bytes'>[]): string {
  return note(
    files.map(({ filename, bytes }) => {
      const name = escapeText(cutText(filename, MAX_NAME_CHARS));
      return `- ${name} (${inUnits(bytes)}): not taken here`;
    }),
  );
}

function note(told: readonly string[]): string {
  if (told.length === 0) return '';
  const more = told.length - MAX_LINES;
  const rest = more > 0 ? [`- and ${more} more`] : [];
  return ['*Left out of this post:*', '', ...told.slice(0, MAX_LINES), ...rest].join('\n');
}

/** Gives the part's name and size, as far as it has them. */
function nameOf({ filename, contentType, bytes, reason }: DroppedPart): string {
  if (reason === 'text-too-long') return 'the end of the text';
  if (reason === 'html-limit') return 'the layout of the end of the text';
  const name = cutText(filename, MAX_NAME_CHARS);
  return `${name === '' ? `a part of type ${escapeText(contentType)}` : escapeText(name)} (${inUnits(bytes)})`;
}

/** Says why the part is not there; undefined for what nobody needs to know. */
function inWords({ reason }: DroppedPart, limits: AttachmentLimits): string | undefined {
  switch (reason) {
    case 'too-big':
      return `larger than ${inUnits(limits.maxFileBytes)}, the most that one attachment may have`;
    case 'too-many':
      return `one more than the ${limits.maxFiles} attachments that a reply may have`;
    case 'total-too-big':
      return `too much, as all attachments together may have ${inUnits(limits.maxTotalBytes)}`;
    case 'type-refused':
      return 'attachments of this type are not accepted';
    case 'encrypted':
      return 'encrypted, so that it cannot be read';
    case 'opaque-smime':
      return 'sealed by S/MIME, so that it cannot be read';
    case 'tnef':
      return "in Outlook's own format (TNEF), which cannot be read";
    case 'external':
      return 'kept elsewhere by the sender and not fetched';
    case 'report':
      return 'a report of a mail system';
    case 'mime-limit':
      return 'nested too deep to be read';
    case 'html-limit':
      return 'too long or nested too deep, so that only its words are here';
    case 'text-too-long':
      return 'the message is longer than a post may be';
    case 'only-quoted':
    case 'only-signature':
      return undefined;
  }
}

/** Writes a size for people: 512 bytes, 1.5 KiB, 10 MiB. */
function inUnits(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const [size, unit] = bytes < 1024 ** 2 ? [bytes / 1024, 'KiB'] : [bytes / 1024 ** 2, 'MiB'];
  return `${Number(size.toFixed(1))} ${unit}`;
}
