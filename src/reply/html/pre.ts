/**
 * Preformatted elements that hold text and no code.
 *
 * Contract: `isText` knows Thunderbird's quotes, signatures, a proportional face, and prose by its look.
 */
import { attribute, type HtmlNode, styleOf } from './tree.ts';

const PROPORTIONAL =
  /font-family:[^;]*(?:calibri|arial|helvetica|verdana|segoe|tahoma|times|georgia|cambria|aptos|roboto|sans-serif|-apple-system)/;
const MONOSPACE = /monospace|courier|consolas|menlo|monaco/;
const MAX_LOOK = 8000;
const LEAST_WORDS = 8;

/** Reads the text of an element, as far as it is looked at. */
function textOf(root: HtmlNode): string {
  const pieces: string[] = [];
  let size = 0;
  const stack: HtmlNode[] = [root];
  for (let node = stack.pop(); node !== undefined && size < MAX_LOOK; node = stack.pop()) {
    if (node.value !== undefined) pieces.push(node.value);
    size += (node.value?.length ?? 0) + 1;
    const children = node.childNodes ?? [];
    for (let at = Math.min(children.length, MAX_LOOK) - 1; at >= 0; at -= 1) {
      const child = children[at];
      if (child !== undefined) stack.push(child);
    }
  }
  return pieces.join('').slice(0, MAX_LOOK);
}

/** Tells whether a `pre` holds text as people write it. */
export function isText(node: HtmlNode): boolean {
  if (/moz-quote-pre|moz-signature/.test(attribute(node, 'class'))) return true;
  const text = textOf(node);
  if (/^\s*-- ?\r?\n/.test(text)) return true;
  const style = styleOf(node);
  if (PROPORTIONAL.test(style) && !MONOSPACE.test(style)) return true;
  return isProse(text);
}

/** Tells whether a text is words in sentences, with nothing indented and no mark that only code has. */
function isProse(text: string): boolean {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (
    lines.length === 0 ||
    lines.some((line) => /^(?: {2}|\t)/.test(line) || /[{};=|\\$#<>]|\)\s*:|::|->|\+\+/.test(line))
  )
    return false;
  const words = text.match(/[\p{L}\p{M}'’-]{2,}/gu)?.length ?? 0;
  const tokens = text.split(/\s+/).filter(Boolean).length;
  return words >= LEAST_WORDS && words / tokens > 0.8 && /\p{L}{2}[.!?…]["'”»)]?(?:\s|$)/u.test(text);
}
