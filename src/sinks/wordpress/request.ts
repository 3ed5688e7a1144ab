/**
 * Requests of WordPress's REST interface.
 *
 * Contract: a route is named in the query, which works whatever the site's permalinks are: the path `/wp-json/` needs a web
 * server that rewrites, and WordPress as it is installed has none.
 */
import type { PlatformRequest } from '../platform/client.ts';

/** The parameters of a request. */
export type Query = Readonly<Record<string, string>>;

/** Makes a request to a route below wp/v2; one with JSON is a POST. */
export function request(route: string, query: Query, json?: unknown): PlatformRequest {
  return {
    path: '/index.php',
    query: { rest_route: `/wp/v2/${route}`, ...query },
    ...(json === undefined ? {} : { json }),
  };
}
