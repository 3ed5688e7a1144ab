/**
 * A thread's locator made of the fields of a notification: `issue/{X-Tracker-Issue}`.
 *
 * Contract: what stands in braces is the name of a field; everything else stands for itself. A template without a field
 * names one thread for all.
 */

/** A piece of a template: text, or the field whose value takes its place, its name in lower case. */
export type TemplatePart = { readonly text: string } | { readonly field: string };

/** Characters of a template, and of what it makes. */
const MAX_CHARS = 500;

const PIECE = /\{([!-9;-z|~]{1,76})\}|[^{}]+/gy;

/** Reads a template; undefined where it is none. */
export function parseTemplate(text: string): readonly TemplatePart[] | undefined {
  if (text === '' || text.length > MAX_CHARS || /\p{C}/u.test(text)) return undefined;
  const parts: TemplatePart[] = [];
  let end = 0;
  for (const match of text.matchAll(PIECE)) {
    const [piece, field] = match;
    parts.push(field === undefined ? { text: piece } : { field: field.toLowerCase() });
    end = match.index + piece.length;
  }
  return end === text.length ? parts : undefined;
}

/** Fills a template in; undefined where a field has no value, or all of it would be too long. */
export function fillTemplate(
  parts: readonly TemplatePart[],
  valueOf: (field: string) => string | undefined,
): string | undefined {
  let filled = '';
  for (const part of parts) {
    const value = 'text' in part ? part.text : valueOf(part.field);
    if (value === undefined) return undefined;
    filled += value;
  }
  return filled.length > MAX_CHARS ? undefined : filled;
}
