// What the forges' interfaces have in common: repositories in paths, pages, and what has come since a time.

import type { Call } from './published.ts';

/** A comment, or what an issue begins with. */
export interface Entry {
  readonly id: number;
  readonly author: string;
  readonly body: string;
  /** RFC 3339. */
  readonly at: string;
}

/** The repository that a path names by its owner and its own name. */
export function repositoryOf({ owner, repo }: Call['at']): string {
  return `${owner}/${repo}`;
}

/** How an interface gives pages: the parameter of their size, what that is without it, and at the most. */
export interface Paging {
  readonly size: string;
  readonly usual: number;
  readonly most: number;
}

/** A page of a list as a query asks for it, the first one being 1; `next` is undefined after the last one. */
export function pageOf<T>(
  all: readonly T[],
  query: URLSearchParams,
  { size: name, usual, most }: Paging,
): { readonly entries: readonly T[]; readonly next: number | undefined } {
  const page = Number(query.get('page') ?? 1);
  const size = Math.min(Number(query.get(name) ?? usual), most);
  const to = page * size;
  return { entries: all.slice(to - size, to), next: to < all.length ? page + 1 : undefined };
}

/** What is no older than a time; all of it where there is none. */
export function since<T extends Pick<Entry, 'at'>>(entries: readonly T[], time: string | null): T[] {
  return entries.filter(({ at }) => at >= (time ?? ''));
}

/** The time as forges write it, to the second. */
export function nowToTheSecond(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
