/**
 * A GET of a place of Amazon's: a certificate, a confirmation, an object.
 *
 * Contract: resolves with the answer as it is; no redirect is followed. Rejects where no answer came. A body is read to
 * `mostBytes` and a bounded time, and one that is longer or breaks off is not whole.
 * Limits: the connections of {@link MOST_ORIGINS} origins are kept.
 */
import { type HttpClient, type HttpDeadlines, openHttpClient } from '../../../sinks/http-exchange.ts';

const MOST_ORIGINS = 8;

const DEADLINES: HttpDeadlines = { connectMs: 5_000, headersMs: 20_000, answerMs: 20_000 };

/** A request. */
export interface GetRequest {
  readonly origin: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly mostBytes: number;
}

/** An answer. */
export interface GetAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  readonly isWhole: boolean;
}

/** Makes a request; `signal` ends it. */
export type Get = (request: GetRequest, signal: AbortSignal) => Promise<GetAnswer>;

/** The connections that requests are made on. */
export interface Connections {
  readonly get: Get;
  /** Drops them all. */
  close(): Promise<void>;
}

/** Opens connections, with authorities to be believed in place of Node's. */
export function openConnections(ca: string | undefined): Connections {
  const clients = new Map<string, HttpClient>();
  const clientOf = (origin: string): HttpClient => {
    const known = clients.get(origin);
    if (known !== undefined) return known;
    const [oldest] = clients;
    if (clients.size >= MOST_ORIGINS && oldest !== undefined) {
      clients.delete(oldest[0]);
      void oldest[1].close();
    }
    const client = openHttpClient({ origin, socketPath: undefined, path: '/' }, ca, DEADLINES);
    clients.set(origin, client);
    return client;
  };
  return {
    get: async ({ origin, path, headers = {}, mostBytes }, signal) => {
      // One byte more tells a body that is as long as it may be from a longer one.
      const request = {
        method: 'GET',
        path,
        headers,
        body: null,
        answerBytes: mostBytes + 1,
        wantsOctets: true,
      } as const;
      const answer = await clientOf(origin).exchange(request, signal);
      return {
        status: answer.status,
        headers: answer.headers ?? {},
        bytes: answer.octets ?? Buffer.alloc(0),
        isWhole: answer.isWhole === true,
      };
    },
    close: async () => {
      await Promise.all([...clients.values()].map((client) => client.close()));
    },
  };
}
