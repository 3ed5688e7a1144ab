/**
 * The threads of WordPress: `post/N` is a post, `post/N/comment/M` a comment of it that is answered, and `comment/M` one whose
 * post is asked for, because a notification names the comment alone.
 */
import { refuse } from '../platform/client.ts';

/** What a reply is to: a post, or a comment, whose post may not be known yet. */
export interface Target {
  readonly post: number | undefined;
  /** Undefined for the post itself. */
  readonly comment: number | undefined;
}

const LOCATOR = /^(?:post\/([1-9]\d{0,14})(?:\/comment\/([1-9]\d{0,14}))?|comment\/([1-9]\d{0,14}))$/;

/** Reads a locator; throws what refuses the post where it is none of ours. */
export function readLocator(thread: string | undefined): Target {
  const [, post, under, comment] = LOCATOR.exec(thread ?? '') ?? [];
  if (post === undefined && comment === undefined)
    throw refuse(
      `${JSON.stringify(thread ?? '')} is no thread; expected post/N, post/N/comment/M or comment/M`,
    );
  const number = (digits: string | undefined): number | undefined =>
    digits === undefined ? undefined : Number(digits);
  return { post: number(post), comment: number(under ?? comment) };
}
