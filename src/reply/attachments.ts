/**
 * The files of a message made fit to be passed on.
 *
 * Contract: a name is safe in any file system, a type is what the bytes show where they show one, and what
 * breaks a limit is left out and listed with the reason. An image that only the quote or the signature shows is
 * left out too: it is not what the person sent. Order is the message's. Never throws.
 * Standards: RFC 2183 §2.3 (names are hints), RFC 2392 (cid).
 */
import { createHash } from 'node:crypto';
import type { AttachmentLimits } from '../mail/attachment-limits.ts';
import { cleanText } from '../mail/clean-text.ts';
import { restoreWindows1252 } from '../mail/windows-1252.ts';
import { allowedType, detectType, extensionOf, mayBe } from './file-type.ts';
import type { DroppedPart, DropReason, PostAttachment } from './post.ts';

/** The place where the text shows a file: in the reply, only in the quote, only in the signature, or not at all. */
export type ShownIn = 'reply' | 'quoted' | 'signature' | 'nowhere';

/** A file of the message, still unjudged. `name` is decoded, yet not safe. */
export interface FileCandidate {
  readonly name: string | undefined;
  readonly declaredType: string;
  readonly contentId: string | undefined;
  readonly shownIn: ShownIn;
  /** Decodes the content; called once, and only for files that are looked at. */
  readonly content: () => Buffer;
}

/** The longest file name, in bytes of UTF-8: what ext4, NTFS and APFS all take. */
const MAX_NAME_BYTES = 255;

/** Judges the files of a message. */
export function keepAttachments(
  files: readonly FileCandidate[],
  limits: AttachmentLimits,
): { attachments: PostAttachment[]; dropped: DroppedPart[] } {
  const attachments: PostAttachment[] = [];
  const dropped: DroppedPart[] = [];
  let total = 0;
  for (const [index, file] of files.entries()) {
    const content = file.content();
    const contentType = detectType(content, file.declaredType);
    const filename = safeFilename(file.name, index + 1, contentType);
    const reason = dropReason(file, { filename, contentType, content }, limits, {
      files: attachments.length,
      total,
    });
    if (reason !== undefined) {
      dropped.push({ filename, contentType, bytes: content.length, reason });
      continue;
    }
    total += content.length;
    attachments.push({
      filename,
      contentType,
      declaredType: file.declaredType,
      bytes: content.length,
      sha256: createHash('sha256').update(content).digest('hex'),
      inline: file.shownIn === 'reply',
      contentId: file.contentId,
      content: ownBytes(content),
    });
  }
  return { attachments, dropped };
}

function dropReason(
  file: FileCandidate,
  seen: { filename: string; contentType: string; content: Buffer },
  limits: AttachmentLimits,
  so: { files: number; total: number },
): DropReason | undefined {
  if (file.shownIn === 'quoted') return 'only-quoted';
  if (file.shownIn === 'signature') return 'only-signature';
  const names = [seen.filename, startedName(file.name ?? '')].map((name) => name.toLowerCase());
  const types = [seen.contentType, file.declaredType];
  const refuses = (pattern: string): boolean =>
    pattern.startsWith('.') ? names.some((name) => name.endsWith(pattern)) : matchesType(pattern, types);
  if (limits.deny.some((pattern) => refuses(pattern.toLowerCase()))) return 'type-refused';
  if (limits.allow.length > 0 && !isAllowed(file, seen, limits.allow)) return 'type-refused';
  const bytes = seen.content.length;
  if (bytes > limits.maxFileBytes) return 'too-big';
  if (so.files >= limits.maxFiles) return 'too-many';
  return so.total + bytes > limits.maxTotalBytes ? 'total-too-big' : undefined;
}

/** Whether a pattern allows a file by what its bytes show. */
function isAllowed(
  file: FileCandidate,
  { filename, content }: { filename: string; content: Buffer },
  patterns: readonly string[],
): boolean {
  const shown = allowedType(content, file.declaredType);
  return patterns
    .map((pattern) => pattern.toLowerCase())
    .some((pattern) =>
      pattern.startsWith('.')
        ? filename.toLowerCase().endsWith(pattern) && mayBe(pattern, shown)
        : allowsType(pattern, shown),
    );
}

function matchesType(pattern: string, types: readonly string[]): boolean {
  if (pattern.endsWith('/*')) return types.some((type) => type.startsWith(pattern.slice(0, -1)));
  return types.includes(pattern);
}

/** Tells whether the type that the bytes show is allowed; no family has the pictures that can run a script. */
function allowsType(pattern: string, shown: string | undefined): boolean {
  if (shown === undefined) return false;
  return matchesType(pattern, [shown]) && (shown !== 'image/svg+xml' || pattern === shown);
}

/**
 * Gives the name as Windows opens it: of the file and not of a stream in it, without dots and blanks of any kind at
 * its end.
 */
function startedName(name: string): string {
  const plain = cleanText(restoreWindows1252(name)).normalize('NFKC');
  const last = plain.split(/[\\/]/).findLast((piece) => /[^\s.]/.test(piece)) ?? '';
  return last.replace(/:.*$/s, '').replace(/[\s.\p{Cf}\u115f\u1160\u2800\u3164\uffa0]+$/u, '');
}

/** Above node's pool of small buffers: memory of this size that begins with the content was made for it. */
const OWN_FROM_BYTES = 64 * 1024;

/** Copies memory that is shared with other bytes: what is handed to another thread must be its own. */
function ownBytes(content: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = content;
  // A decoder guesses the size, and its guess is a little too large.
  const isOwn = byteOffset === 0 && length * 2 >= buffer.byteLength && length >= OWN_FROM_BYTES;
  return isOwn && buffer instanceof ArrayBuffer ? new Uint8Array(buffer, 0, length) : new Uint8Array(content);
}

/** Takes off the dots and blanks that Windows cuts off a name's end. */
function withoutEnd(name: string): string {
  let end = name.length;
  while (end > 0 && /[\s.]/.test(name[end - 1] ?? '')) end -= 1;
  return name.slice(0, end);
}

/** Makes a decoded name safe; `number` and the type name what has none. */
export function safeFilename(name: string | undefined, number: number, contentType: string): string {
  const last =
    cleanText(restoreWindows1252(name ?? ''))
      .split(/[\\/]/)
      .findLast((piece) => /[^\s.]/.test(piece)) ?? '';
  const open = last
    .replace(/[\n\t\u061c\u115f\u1160\u200b-\u200f\u2060-\u2064\u2800\u3164\uffa0]/g, ' ')
    .replace(/[<>:"|?*]/g, '_')
    .replace(/^[\s.]+/, '');
  const bare = withoutEnd(open);
  if (bare === '') return `attachment-${number}${extensionOf(contentType)}`;
  // Names that Windows takes for devices, with or without an extension
  return shortenName(/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(bare) ? `_${bare}` : bare);
}

/** Cuts the stem, so that the extension stays. */
function shortenName(name: string): string {
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  const dot = name.lastIndexOf('.');
  const extension = dot > 0 && name.length - dot <= 16 ? name.slice(dot) : '';
  let room = MAX_NAME_BYTES - Buffer.byteLength(extension);
  let stem = '';
  for (const character of name.slice(0, name.length - extension.length)) {
    room -= Buffer.byteLength(character);
    if (room < 0) break;
    stem += character;
  }
  return stem + extension;
}
