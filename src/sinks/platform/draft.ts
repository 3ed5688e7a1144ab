/**
 * The text of a post as a platform gets it: the reply in the platform's own dialect, what was left out, and by whom it is
 * where that is not the account that posts it.
 */
import { describeRefused } from '../../reply/dropped.ts';
import { neutralise, type SinkPolicy } from '../../reply/escape.ts';
import { escapeText } from '../../reply/html/markdown-escape.ts';
import type { Post, PostAttachment } from '../../reply/post.ts';
import { refuse } from './client.ts';

/** Writes Markdown in a platform's dialect. */
export type Dialect = (markdown: string) => string;

/** The form of a platform's texts. */
export interface TextForm {
  readonly dialect: Dialect;
  readonly policy: SinkPolicy;
  /** The line above a reply that is not posted as its user; empty is none. */
  readonly attribution: string;
  /** The characters that a text may have, as the platform counts them; undefined is no limit. */
  readonly mostChars?: number | undefined;
  /** Counts the characters of a text as the platform does; code points where it says nothing. */
  readonly charsOf?: (text: string) => number;
}

/**
 * Writes the text of a post; `unsent` are the files that the platform did not take. Throws what refuses a post whose text is
 * too long.
 */
export function draftText(post: Post, form: TextForm, unsent: readonly PostAttachment[] = []): string {
  const { dialect, policy, attribution, mostChars, charsOf = codePointsOf } = form;
  const above = attribution.replaceAll('{user}', () => escapeText(post.user));
  const parts = [above, neutralise(post.body.markdown, policy), describeRefused(unsent)];
  const text = dialect(parts.filter((part) => part !== '').join('\n\n'));
  const chars = charsOf(text);
  if (mostChars !== undefined && chars > mostChars)
    throw refuse(`the text has ${chars} characters; the platform takes ${mostChars}`);
  return text;
}

const codePointsOf = (text: string): number => Array.from(text).length;

/** Gives the first line of a text, for platforms that want a title and got none. */
export function titleOr(post: Post, fallback: string): string {
  const title = post.newThread?.title ?? '';
  return title === '' ? fallback : title;
}

/** Makes the title of a new thread the first line of its text, for platforms whose threads have none. */
export function titled(post: Post, policy: SinkPolicy): Post {
  const title = neutralise(escapeText(titleOr(post, '')), policy);
  if (title === '') return post;
  return { ...post, body: { ...post.body, markdown: `**${title}**\n\n${post.body.markdown}` } };
}

/** Writes what is told of files that were refused after their text was sent. */
export function refusedNote(files: readonly PostAttachment[], dialect: Dialect): string {
  return dialect(describeRefused(files));
}
