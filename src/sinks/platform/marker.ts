/**
 * The mark by which a post is found again on a platform that keeps its texts in Markdown: an HTML comment with the id of the
 * post, which nobody sees.
 *
 * Contract: a text with the mark reads as without it, wherever a fence is left open. The mark is found again in the Markdown
 * that the platform gives back.
 */
import type { Post } from '../../reply/post.ts';

type Named = Pick<Post, 'id'>;

/** How far the platform's clock may be behind ours: what is new is asked for from so long before the reply came. */
const CLOCKS_APART_MS = 3600 * 1000;

/** Writes the mark of a post. */
export function markOf({ id }: Named): string {
  // Two dashes would end a comment, and some parsers take no third one.
  return `<!-- mailgw:${encodeURIComponent(id).replace(/-(?=-)/g, '%2D')} -->`;
}

/** Puts the mark of a post into its text: behind it, or before it where an open fence would show the mark. */
export function marked(post: Named, text: string): string {
  const mark = markOf(post);
  return /^[\s>]*(?:```|~~~)/m.test(text) ? `${mark}\n\n${text}` : `${text}\n\n${mark}`;
}

/** Tells whether a text of the platform has the mark of a post. */
export function isMarked(text: unknown, post: Named): boolean {
  return typeof text === 'string' && text.includes(markOf(post));
}

/** Gives the time from which a post can be there, as platforms take it (RFC 3339, whole seconds). */
export function notBefore({ receivedAt }: Pick<Post, 'receivedAt'>): string {
  return `${new Date(receivedAt - CLOCKS_APART_MS).toISOString().slice(0, 19)}Z`;
}
