/** Lists of GitLab's interface, page by page. */
import { type PlatformClient, unexpected } from '../platform/client.ts';

/** Entries on a page: notes can be long, and an answer is read to a mebibyte. */
const PAGE = 20;

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
  for (let page = '1'; page !== ''; ) {
    const answer = await client.demand({ path, query: { ...query, per_page: `${PAGE}`, page } }, signal);
    if (!Array.isArray(answer.json)) throw unexpected(answer, 'the answer is no list');
    yield* answer.json as readonly unknown[];
    const next = answer.headers?.['x-next-page'];
    page = typeof next === 'string' && /^\d+$/.test(next) && next !== page ? next : '';
  }
}
