/**
 * Which parts of a message are its text, which are files, and which cannot be read.
 *
 * Contract: every leaf ends in exactly one place: a block of text, a file, the list of what is left out, or
 * nowhere because it says nothing of its own (a detached signature, another form of the same text). Order is
 * the order of reading. Never throws; the recursion is bounded by the depth of the tree, 20 at most.
 * Standards: RFC 2046 §5.1 (multiparts), RFC 1847 (signed, encrypted), RFC 2387 (related), RFC 8551 §3.2 (S/MIME
 * types), RFC 3156 (OpenPGP), RFC 6522 (report).
 */

import type { DropReason, RefusalReason } from '../post.ts';
import { declaredName, type MimePart, type MimeTree } from './parts.ts';

/** Text that a reader sees in one place: its plain form and its HTML form, either of which may be missing. */
export interface TextBlock {
  readonly plain: readonly MimePart[];
  readonly html: readonly MimePart[];
}

/** A part that is left out. */
export interface LeftOut {
  readonly part: MimePart;
  readonly reason: DropReason;
}

/** A message sorted into what it is made of. */
export interface Choice {
  readonly blocks: readonly TextBlock[];
  readonly files: readonly MimePart[];
  readonly leftOut: readonly LeftOut[];
  /** What hides the text, when a part does. */
  readonly refusal: RefusalReason | undefined;
  /** The sealed part stands before any text: the text is in it, and what follows is a footer. */
  readonly sealedFirst: boolean;
}

/** The reader of parts on which choosing rests. */
export interface PartReader {
  /** Tells whether a text part has neither text nor an image. */
  isBlank(part: MimePart): boolean;
  /** Gives the first 64 decoded bytes or so. */
  head(part: MimePart): Buffer;
}

interface Sorting {
  readonly reader: PartReader;
  readonly tree: MimeTree;
  readonly files: MimePart[];
  readonly leftOut: LeftOut[];
  readonly refusals: Set<RefusalReason>;
  sawText: boolean;
  sealedFirst: boolean;
}

type Surroundings = 'root' | 'mixed' | 'alternative' | 'related';

const STRONGEST_FIRST: readonly RefusalReason[] = [
  'encrypted',
  'opaque-smime',
  'tnef',
  'partial',
  'mime-limit',
  'external',
  'report',
];

/** Sorts the parts of a message. */
export function chooseParts(tree: MimeTree, reader: PartReader): Choice {
  const sorting: Sorting = {
    reader,
    tree,
    files: [],
    leftOut: [],
    refusals: new Set(tree.limit === undefined ? [] : ['mime-limit']),
    sawText: false,
    sealedFirst: false,
  };
  const blocks = sortPart(sorting, tree.root, 'root');
  const { files, leftOut, refusals, sealedFirst } = sorting;
  return {
    blocks,
    files,
    leftOut,
    refusal: STRONGEST_FIRST.find((reason) => refusals.has(reason)),
    sealedFirst,
  };
}

function sortPart(sorting: Sorting, part: MimePart, within: Surroundings): readonly TextBlock[] {
  if (part.children.length === 0) return sortLeaf(sorting, part, within);
  switch (part.type) {
    case 'multipart/alternative':
      return sortAlternative(sorting, part);
    case 'multipart/related':
      return sortRelated(sorting, part);
    case 'multipart/encrypted':
      seal(sorting, part.children.at(-1) ?? part, 'encrypted');
      return [];
    case 'application/pkcs7-mime':
    case 'application/x-pkcs7-mime':
    case 'application/octet-stream':
      // opened by smime.ts: what is within stands in its place
      return part.children.flatMap((child) => sortPart(sorting, child, within));
    case 'multipart/appledouble':
      sorting.files.push(...part.children.filter((child) => child.type !== 'application/applefile'));
      return [];
    default:
      // mixed, signed (its signature is dropped as a leaf), report, digest, and what is yet to be invented
      return part.children.flatMap((child) => sortPart(sorting, child, 'mixed'));
  }
}

/** What Gmail sends as a reaction: one emoji, and as another form of it an advertisement. */
export const REACTION_TYPE = 'text/vnd.google.email-reaction+json';

/** Sorts one text in several forms: the first plain one and the last rich one that say something. */
function sortAlternative(sorting: Sorting, part: MimePart): readonly TextBlock[] {
  const reaction = part.children.find(({ type }) => type === REACTION_TYPE);
  if (reaction !== undefined && !sorting.reader.isBlank(reaction)) {
    sorting.sawText = true;
    return [{ plain: [reaction], html: [] }];
  }
  const forms = part.children.map((child) => sortPart(sorting, child, 'alternative'));
  const saysSomething = (parts: readonly MimePart[]): boolean =>
    parts.some((candidate) => !sorting.reader.isBlank(candidate));
  const plain = forms
    .map((blocks) => blocks.flatMap((block) => (block.plain.length > 0 ? block.plain : block.html)))
    .find((parts) => !parts.some(isHtml) && saysSomething(parts));
  const html = forms
    .map((blocks) => blocks.flatMap((block) => (block.html.length > 0 ? block.html : block.plain)))
    .findLast((parts) => parts.some(isHtml) && saysSomething(parts));
  return plain === undefined && html === undefined ? [] : [{ plain: plain ?? [], html: html ?? [] }];
}

/** Sorts a text and what it shows: the root by `start`, else the first part that can be one. */
function sortRelated(sorting: Sorting, part: MimePart): readonly TextBlock[] {
  const start = part.params.get('start')?.replace(/^[\s<]+|[\s>]+$/g, '');
  const root =
    part.children.find((child) => start !== undefined && child.contentId === start) ??
    part.children.find((child) => /^(text|multipart)\//.test(child.type));
  return part.children.flatMap((child) => sortPart(sorting, child, child === root ? 'mixed' : 'related'));
}

function sortLeaf(sorting: Sorting, part: MimePart, within: Surroundings): readonly TextBlock[] {
  const obstacle = obstacleOf(sorting, part);
  if (obstacle !== undefined) {
    seal(sorting, part, obstacle);
    return [];
  }
  if (isDetachedSignature(part)) return [];
  if (isBody(sorting, part, within)) {
    if (!sorting.reader.isBlank(part)) sorting.sawText = true;
    return [isHtml(part) ? { plain: [], html: [part] } : { plain: [part], html: [] }];
  }
  // Another form of the text that nobody attached: AMP, RTF, a watch's HTML.
  const form = within === 'alternative' && part.type.startsWith('text/') && part.disposition !== 'attachment';
  if (!form || part.type === 'text/calendar') sorting.files.push(part);
  return [];
}

/** Takes note of a part that cannot be read. */
function seal(sorting: Sorting, part: MimePart, reason: Obstacle): void {
  sorting.refusals.add(reason);
  sorting.leftOut.push({ part, reason });
  if ((reason === 'encrypted' || reason === 'opaque-smime') && !sorting.sawText) sorting.sealedFirst = true;
}

type Obstacle = DropReason & RefusalReason;

/** Says why a leaf hides its content, if it does. */
function obstacleOf(sorting: Sorting, part: MimePart): Obstacle | undefined {
  switch (part.type) {
    case 'application/pgp-encrypted':
    case 'multipart/encrypted':
      return 'encrypted';
    case 'application/pkcs7-mime':
    case 'application/x-pkcs7-mime':
      return smimeObstacle(sorting, part);
    case 'application/ms-tnef':
    case 'application/vnd.ms-tnef':
      return 'tnef';
    case 'message/external-body':
      return 'external';
    case 'message/delivery-status':
    case 'message/disposition-notification':
    case 'message/feedback-report':
    case 'message/global-delivery-status':
    case 'text/rfc822-headers':
      return 'report';
    default:
      return obstacleByLook(sorting, part);
  }
}

/** Tells what a general type hides: S/MIME and TNEF sent as bare bytes, a multipart beyond the depth. */
function obstacleByLook(sorting: Sorting, part: MimePart): Obstacle | undefined {
  if (part.type.startsWith('multipart/') && sorting.tree.limit === 'depth') return 'mime-limit';
  if (part.type !== 'application/octet-stream') return undefined;
  const name = declaredName(part)?.toLowerCase();
  if (name === 'smime.p7m') return smimeObstacle(sorting, part);
  // The signature of a TNEF stream, 0x223E9F78, little-endian
  if (name === 'winmail.dat' || sorting.reader.head(part).toString('hex', 0, 4) === '789f3e22') return 'tnef';
  return undefined;
}

/**
 * Reads the obstacle from smime-type, else from the object identifier that the CMS structure starts with (RFC 5652).
 */
function smimeObstacle(sorting: Sorting, part: MimePart): Obstacle | undefined {
  const declared = part.params.get('smime-type')?.toLowerCase();
  if (declared === 'certs-only') return undefined;
  if (declared === 'signed-data' || declared === 'compressed-data') return 'opaque-smime';
  if (declared !== undefined) return 'encrypted';
  const signedData = Buffer.from('2a864886f70d010702', 'hex');
  return sorting.reader.head(part).includes(signedData) ? 'opaque-smime' : 'encrypted';
}

const SIGNATURES = new Set([
  'application/pgp-signature',
  'application/pkcs7-signature',
  'application/x-pkcs7-signature',
]);

function isDetachedSignature(part: MimePart): boolean {
  return SIGNATURES.has(part.type) || declaredName(part)?.toLowerCase() === 'smime.p7s';
}

const BODY_TYPES = new Set(['text/plain', 'text/html', 'text/enriched', 'text/richtext', 'text/markdown']);

/** Tells whether a part is of a type that is read, and was not attached. */
export function isBodyType(part: MimePart): boolean {
  return BODY_TYPES.has(part.type) && part.disposition !== 'attachment';
}

/** Tells whether a leaf is text to be read rather than a file. */
function isBody(sorting: Sorting, part: MimePart, within: Surroundings): boolean {
  const unopened = part.type.startsWith('multipart/');
  if (!BODY_TYPES.has(part.type) && !unopened && !isPlainish(part, within)) return false;
  const named = declaredName(part) !== undefined;
  if (part.disposition === 'attachment') return within === 'root' && !named;
  if (within === 'related') return part.type === 'text/plain' && !named;
  // A text with a name is a file, unless it is the first: some clients name the body itself.
  return !named || within === 'alternative' || !sorting.sawText;
}

/**
 * Tells whether a text type of no great fame is to be read: when it is all there is or has no name. Never one that is
 * meant for programs.
 */
function isPlainish(part: MimePart, within: Surroundings): boolean {
  if (within === 'alternative' || within === 'related') return false;
  if (!part.type.startsWith('text/') || declaredName(part) !== undefined) return false;
  return !/^text\/(calendar|x-vcalendar|vcard|x-vcard|directory|rtf|css|csv|xml|javascript)$/.test(part.type);
}

/** Tells whether a text part is HTML. */
export function isHtml(part: MimePart): boolean {
  return part.type === 'text/html';
}
