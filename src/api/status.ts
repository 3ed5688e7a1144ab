/**
 * The daemon's own small HTTP interface: /metrics, /healthz and /readyz.
 *
 * Contract: /healthz answers 200 as long as the main loop runs; /readyz answers 200 while mail can be taken, else 503 and
 * why in one line; /metrics gives the page. Only GET and HEAD, nothing changes anything, and no answer holds anything of
 * a mail. Whoever may connect may read: it is for the loopback or a Unix socket.
 * Failure: a page that cannot be made is 500 and one line.
 * Limits: {@link MAX_CONNECTIONS}; a request has 5 s to arrive.
 */
import { createServer, type Server } from 'node:http';
import { errorText } from '../system/error-text.ts';

/** The pages that are served, each by its source. */
export interface StatusSources {
  /** Says why mail cannot be taken now; undefined when it can. */
  readonly unready: () => Promise<string | undefined>;
  /** Gives the page for Prometheus. */
  readonly metrics: () => Promise<Page>;
}

/** A page with its type. */
export interface Page {
  readonly contentType: string;
  readonly text: string;
}

const MAX_CONNECTIONS = 32;
const REQUEST_MS = 5000;
const TEXT = 'text/plain; charset=utf-8';

/** Creates the server; it listens where it is made to listen. */
export function createStatusServer(sources: StatusSources): Server {
  const server = createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
    (request, response) => {
      const send = (status: number, { contentType, text }: Page): void => {
        const headers = { 'content-type': contentType, 'cache-control': 'no-store' };
        response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(text) });
        response.end(request.method === 'HEAD' ? undefined : text);
      };
      answer(sources, request.method ?? '', request.url ?? '').then(
        ([status, page]) => {
          send(status, page);
        },
        (error: unknown) => {
          send(500, line(errorText(error)));
        },
      );
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.requestTimeout = REQUEST_MS;
  return server;
}

async function answer(
  { unready, metrics }: StatusSources,
  method: string,
  url: string,
): Promise<readonly [number, Page]> {
  if (method !== 'GET' && method !== 'HEAD') return [405, line('only GET and HEAD')];
  switch (url.split('?', 1)[0]) {
    case '/healthz':
      return [200, line('ok')];
    case '/readyz': {
      const reason = await unready();
      return reason === undefined ? [200, line('ok')] : [503, line(reason)];
    }
    case '/metrics':
      return [200, await metrics()];
    default:
      return [404, line('there are /metrics, /healthz and /readyz')];
  }
}

function line(text: string): Page {
  return { contentType: TEXT, text: `${text.replace(/\s+/g, ' ')}\n` };
}
