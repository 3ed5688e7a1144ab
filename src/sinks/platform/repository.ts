/**
 * Threads and containers of the forges whose repositories have two names: an issue or a pull request is
 * `OWNER/REPO/issues/N`, which may say `pulls` for `issues` and may be in the singular; a container is `OWNER/REPO`.
 */
import type { Post } from '../../reply/post.ts';
import { refuse } from './client.ts';

/** A repository. */
export interface Repository {
  readonly owner: string;
  readonly name: string;
}

/** An issue or a pull request, which have one sequence of numbers. */
export interface Ticket extends Repository {
  readonly number: string;
}

const NAME = String.raw`(?!\.\.?(?:\/|$))[\w.-]{1,100}`;
const THREAD = new RegExp(String.raw`^(${NAME})\/(${NAME})\/(?:issues?|pulls?)\/([1-9]\d{0,17})$`);
const CONTAINER = new RegExp(String.raw`^(${NAME})\/(${NAME})$`);

/** Reads the thread of a post; throws what it should have been. */
export function ticketOf({ thread = '' }: Pick<Post, 'thread'>): Ticket {
  const [, owner, name, number] = THREAD.exec(thread) ?? [];
  if (owner === undefined || name === undefined || number === undefined)
    throw refuse(`thread ${JSON.stringify(thread)} is not OWNER/REPO/issues/N`);
  return { owner, name, number };
}

/** Reads where a new thread begins; throws what it should have been. */
export function repositoryOf({ newThread }: Pick<Post, 'newThread'>): Repository {
  const container = newThread?.container ?? '';
  const [, owner, name] = CONTAINER.exec(container) ?? [];
  if (owner === undefined || name === undefined)
    throw refuse(`container ${JSON.stringify(container)} is not OWNER/REPO`);
  return { owner, name };
}
