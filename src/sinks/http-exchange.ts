/**
 * One HTTP request and its answer, on kept connections: the only importer of undici.
 *
 * Contract: `exchange` resolves with the status line, the header and the beginning of the body, and rejects when
 * no status line came. Once it is there it decides, however the body ends: a body that breaks off, is too long or takes
 * too long ends where it is, and its connection with it.
 * Limits: the answer is read to {@link MAX_ANSWER_BYTES} unless a request wants more, for a bounded time in total. undici takes an unasked-for
 * 100 Continue for a broken connection. It is driven by its callbacks: its streams and abort signals cost more than the
 * request itself (docs/decisions.md).
 */
import type { Readable } from 'node:stream';
import type { Dispatcher, Pool } from 'undici';
import type { HttpAnswer } from './answer.ts';

/** Bytes of an answer that are read. */
export const MAX_ANSWER_BYTES = 64 * 1024;

/** Connections to the platform; more attempts than these wait within their deadline. */
const CONNECTIONS = 16;

/** The target of requests: an HTTP origin, or a Unix socket, and the path with its query. */
export interface HttpTarget {
  readonly origin: string;
  readonly socketPath: string | undefined;
  readonly path: string;
}

/** Deadlines of one attempt's parts, in milliseconds; the attempt as a whole ends with the caller's signal. */
export interface HttpDeadlines {
  readonly connectMs: number;
  /** From the request sent to the end of the answer's headers: a backstop behind the caller's signal. */
  readonly headersMs: number;
  /** For the answer's body in total, not between its bytes. */
  readonly answerMs: number;
}

/** A request to be made, a POST to the target's own path unless it says otherwise. */
export interface HttpRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'OPTIONS';
  readonly path?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | Readable | null;
  /** Bytes of the answer that are read at most. */
  readonly answerBytes?: number;
  /** Whether the answer is wanted octet by octet; else it is text. */
  readonly wantsOctets?: boolean;
}

/** A client of one target. */
export interface HttpClient {
  /** Makes a request; `signal` ends it at once. */
  exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
  /** Drops every connection; requests under way reject. */
  close(): Promise<void>;
}

/** Opens a client; it loads undici and connects with the first request. */
export function openHttpClient(
  target: HttpTarget,
  ca: string | undefined,
  deadlines: HttpDeadlines,
): HttpClient {
  let pool: Pool | undefined;
  let loading: Promise<Pool> | undefined;
  let isClosed = false;
  const load = async (): Promise<Pool> => {
    const undici = await import('undici');
    pool = new undici.Pool(target.origin, {
      connections: CONNECTIONS,
      ...(target.socketPath === undefined ? {} : { socketPath: target.socketPath }),
      connect: { timeout: deadlines.connectMs, ...(ca === undefined ? {} : { ca }) },
      headersTimeout: deadlines.headersMs,
      bodyTimeout: 0, // an idle timeout; the answer has one in total
    });
    return pool;
  };
  return {
    exchange: async (
      { method = 'POST', path = target.path, headers, body, answerBytes, wantsOctets = false },
      signal,
    ) => {
      if (isClosed) throw new Error('the connections are closed');
      const connections = pool ?? (await (loading ??= load()));
      signal.throwIfAborted(); // undici would connect first
      return new Promise((resolve, reject) => {
        const bytes = answerBytes ?? MAX_ANSWER_BYTES;
        const bounds = { ms: deadlines.answerMs, bytes, wantsOctets };
        const exchange = new Exchange(bounds, signal, resolve, reject);
        connections.dispatch({ method, path, headers, body }, exchange);
      });
    },
    // Not close(), which would wait for an answer that may never come.
    close: async () => {
      isClosed = true;
      await (await loading)?.destroy();
    },
  };
}

/** How much of an answer's body is read, and for how long. */
interface AnswerBounds {
  readonly ms: number;
  readonly bytes: number;
  readonly wantsOctets: boolean;
}

/** waiting → answered → over; from waiting to over without an answer. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #bounds: AnswerBounds;
  readonly #signal: AbortSignal;
  readonly #resolve: (answer: HttpAnswer) => void;
  readonly #reject: (error: unknown) => void;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #controller: Dispatcher.DispatchController | undefined;
  #head: Omit<HttpAnswer, 'text' | 'octets' | 'isWhole'> | undefined;
  #isWhole = false;
  #deadline: NodeJS.Timeout | undefined;

  constructor(
    bounds: AnswerBounds,
    signal: AbortSignal,
    resolve: (answer: HttpAnswer) => void,
    reject: (error: unknown) => void,
  ) {
    this.#bounds = bounds;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    signal.addEventListener('abort', this.#abort);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#signal.aborted) this.#abort();
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#head = {
      status,
      retryAfter: first(headers['retry-after']),
      location: first(headers.location),
      contentType: first(headers['content-type']),
      headers,
    };
    this.#deadline = setTimeout(this.#abort, this.#bounds.ms);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= this.#bounds.bytes) this.#abort();
  }

  onResponseEnd(): void {
    this.#isWhole = true;
    this.#end(undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end(error);
  }

  /** Ends the exchange here and now; undici learns of it when it has begun with the request. */
  readonly #abort = (): void => {
    const reason: unknown = this.#signal.reason;
    const error = reason instanceof Error ? reason : new Error('the answer was cut short');
    this.#end(error);
    this.#controller?.abort(error);
  };

  #end(error: unknown): void {
    clearTimeout(this.#deadline);
    this.#signal.removeEventListener('abort', this.#abort);
    if (this.#head === undefined) {
      this.#reject(error);
      return;
    }
    const octets = Buffer.concat(this.#chunks).subarray(0, this.#bounds.bytes);
    const body = this.#bounds.wantsOctets ? { text: '', octets } : { text: octets.toString('utf8') };
    this.#resolve({ ...this.#head, ...body, isWhole: this.#isWhole });
  }
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
