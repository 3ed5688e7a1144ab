/**
 * The mark of a post in its own text, for platforms that keep Markdown as it was sent and show no HTML comment.
 *
 * Contract: a text with the mark reads as without it, wherever a fence is left open. The mark is found again in the Markdown
 * that the platform gives back.
 */

/** Writes the mark of a post. */
export function hiddenMark(id: string): string {
  // Two dashes would end a comment, and some parsers take no third one.
  return `<!-- mailgw:${encodeURIComponent(id).replace(/-(?=-)/g, '%2D')} -->`;
}

/** Puts the mark of a post into its text: behind it, or before it where an open fence would show the mark. */
export function withHiddenMark(markdown: string, id: string): string {
  const mark = hiddenMark(id);
  return /^[\s>]*(?:```|~~~)/m.test(markdown) ? `${mark}\n\n${markdown}` : `${markdown}\n\n${mark}`;
}
