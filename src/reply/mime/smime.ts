/**
 * S/MIME parts whose text is in the clear, opened in their place.
 *
 * Contract: `openSmime` gives the tree in which every part that is signed opaquely, or compressed, has the entity
 * within as its only child, and says whether it read what is signed. No signature is verified. What cannot be opened
 * stays the leaf it was: encrypted mail, lists of certificates, damage. The fields of the message stay the outer
 * ones, whatever an entity within says. Never throws; linear in the size, which no level but a compressed one can
 * enlarge.
 * Standards: RFC 8551 §3.1, §3.2, §3.5.
 * Limits: 4 parts within each other, 8 in a message; those of parts.ts and cms.ts.
 */
import { openCms } from './cms.ts';
import { declaredName, type MimePart, type MimeTree, walkMime } from './parts.ts';
import { decodeTransfer } from './transfer.ts';

const MAX_DEPTH = 4;
const MAX_OPENED = 8;

/** A tree with its S/MIME parts opened. */
export interface OpenedTree extends MimeTree {
  /** Whether some of it was signed, and is read without anybody having verified that. */
  readonly hasSigned: boolean;
}

/** The counts over the whole message. */
interface Opening {
  limit: MimeTree['limit'];
  opened: number;
  hasSigned: boolean;
}

/** Opens the S/MIME parts of a tree. */
export function openSmime(tree: MimeTree): OpenedTree {
  const opening: Opening = { limit: tree.limit, opened: 0, hasSigned: false };
  const root = openWithin(opening, tree.root, 0);
  return { root, limit: opening.limit, hasSigned: opening.hasSigned };
}

function openWithin(opening: Opening, part: MimePart, depth: number): MimePart {
  if (part.children.length > 0) {
    // What is encrypted holds nothing for us, even where it looks like a signed part.
    if (part.type === 'multipart/encrypted') return part;
    const children = part.children.map((child) => openWithin(opening, child, depth));
    return children.every((child, index) => child === part.children[index]) ? part : { ...part, children };
  }
  if (!mayBeSmime(part) || depth === MAX_DEPTH || opening.opened === MAX_OPENED) return part;
  const cms = openCms(decodeTransfer(part.source.subarray(part.start, part.end), part.encoding));
  if (cms === undefined) return part;
  const entity = walkEntity(cms.content);
  if (!isEntity(part, cms.content, entity.root)) return part;
  opening.opened++;
  if (cms.kind === 'signed') opening.hasSigned = true;
  opening.limit ??= entity.limit;
  return { ...part, children: [openWithin(opening, entity.root, depth + 1)] };
}

/** Walks what was signed; a whole message put into it to protect its header is the text, not a file (RFC 8551 §3.1). */
function walkEntity(content: Buffer): MimeTree {
  const tree = walkMime(content);
  const { root } = tree;
  if (root.type !== 'message/rfc822' || root.disposition === 'attachment') return tree;
  return walkMime(decodeTransfer(root.source.subarray(root.start, root.end), root.encoding));
}

/** The name of S/MIME itself, which some senders put beside a type that says nothing (RFC 8551 §3.2.1). */
const SMIME_NAME = /^smime\.p7[mz]$/i;

/** A name of what is signed opaquely or compressed, a document too. */
const SIGNED_NAME = /\.p7[mz]$/i;

/**
 * Tells whether a leaf may be S/MIME, by its type or name: what smime-type says is often wrong, and the structure
 * tells.
 */
function mayBeSmime(part: MimePart): boolean {
  if (/^application\/(x-)?pkcs7-mime$/.test(part.type)) return true;
  return (
    /^application\/(octet-stream|(x-)?pkcs7-signature)$/.test(part.type) &&
    SIGNED_NAME.test(declaredName(part) ?? '')
  );
}

/** Tells whether a part of mail was signed, and not a document that somebody attached. */
function isEntity(part: MimePart, content: Buffer, root: MimePart): boolean {
  if (root.fields.some(({ name }) => name === 'content-type')) return true;
  if (!SMIME_NAME.test(declaredName(part) ?? 'smime.p7m')) return false;
  // Some tools sign a text as it is, without a header.
  const head = content.toString('latin1', 0, 1024);
  return !/^%PDF|[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(head);
}
