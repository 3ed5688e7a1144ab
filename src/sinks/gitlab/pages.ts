/**
 * Lists of GitLab's interface, page by page.
 *
 * Contract: the next page is the one that an answer names: behind a cursor where its link has one, else by its number. Where
 * the link leads does not matter: GitLab may know itself by another address than the one that it is asked under.
 * Sources: gitlabhq/gitlabhq, doc/api/rest/_index.md (017a6c12), lib/api/helpers/pagination_strategies.rb (79cd3f3a).
 */
import { type PlatformAnswer, type PlatformClient, unexpected } from '../platform/client.ts';

/** Entries on a page: notes can be long, and an answer is read to a mebibyte. */
const PAGE = 20;

/** What names a page in a query, and its name. */
type PageName = readonly ['page' | 'cursor', string];

/**
 * Lists what is on all pages. What may not be seen is taken out of a page after it was cut, so that its end is told by the
 * header and not by its length.
 */
export async function* pages(
  client: PlatformClient,
  path: string,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
): AsyncIterable<unknown> {
  for (let at: PageName | undefined = ['page', '1']; at !== undefined; ) {
    const [by, name]: PageName = at;
    const answer = await client.demand(
      { path, query: { ...query, per_page: `${PAGE}`, [by]: name } },
      signal,
    );
    if (!Array.isArray(answer.json)) throw unexpected(answer, 'the answer is no list');
    yield* answer.json as readonly unknown[];
    const next = nextOf(answer);
    at = next?.[1] === name ? undefined : next;
  }
}

/** Names the page after an answer; undefined where it is the last one. */
function nextOf({ headers }: PlatformAnswer): PageName | undefined {
  const [, address = ''] = /<([^<>]*)>\s*;\s*rel="?next"?/i.exec(String(headers?.['link'] ?? '')) ?? [];
  const cursor = new URLSearchParams(address.split('?')[1]).get('cursor');
  if (cursor !== null && cursor !== '') return ['cursor', cursor];
  const page = headers?.['x-next-page'];
  return typeof page === 'string' && /^\d+$/.test(page) ? ['page', page] : undefined;
}
