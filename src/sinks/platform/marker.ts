/**
 * The mark by which a post is found again on a platform that keeps its texts in Markdown: an HTML comment at the end, which
 * nobody sees, with the id of the post.
 */
import type { Post } from '../../reply/post.ts';

/** How far the platform's clock may be behind ours: what is new is asked for from so long before the reply came. */
const CLOCKS_APART_MS = 3600 * 1000;

/** Writes the mark of a post. */
export function markOf({ id }: Pick<Post, 'id'>): string {
  return `<!-- mailgw:${id} -->`;
}

/** Puts the mark at the end of a text. */
export function marked(post: Pick<Post, 'id'>, text: string): string {
  return `${text}\n\n${markOf(post)}`;
}

/** Tells whether a text of the platform has the mark of a post. */
export function isMarked(text: unknown, post: Pick<Post, 'id'>): boolean {
  return typeof text === 'string' && text.includes(markOf(post));
}

/** Gives the time from which a post can be there, as platforms take it (RFC 3339, whole seconds). */
export function notBefore({ receivedAt }: Pick<Post, 'receivedAt'>): string {
  return `${new Date(receivedAt - CLOCKS_APART_MS).toISOString().slice(0, 19)}Z`;
}
