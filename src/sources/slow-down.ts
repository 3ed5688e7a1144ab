/**
 * Slowing down who guesses addresses: the answer to a bad one waits, longer with every further one.
 *
 * Contract: only answers to bad addresses wait, each on its own connection, and only a few at a time: when that many
 * wait already, the next is answered at once, so that nobody can make the good addresses of others wait for a free
 * connection. All bad addresses wait alike, so that the delay tells nothing about them.
 * Limits: memory for {@link MAX_CLIENTS} clients; beyond it the one seen longest ago is forgotten.
 */

/** The waits of answers, in milliseconds, and their number at a time. */
export interface SlowDownOptions {
  readonly firstMs: number;
  readonly longestMs: number;
  readonly maxWaiting: number;
}

/** Gives the delays that a site configures. */
export function delaysOf({
  badAddressDelayMs,
  badAddressDelayLongestMs,
}: {
  readonly badAddressDelayMs: number;
  readonly badAddressDelayLongestMs: number;
}): Omit<SlowDownOptions, 'maxWaiting'> {
  return { firstMs: badAddressDelayMs, longestMs: badAddressDelayLongestMs };
}

/** Gives the time that the answer to the n-th bad address in a row waits: the first may be a slip. */
export function delayMs(count: number, { firstMs, longestMs }: Omit<SlowDownOptions, 'maxWaiting'>): number {
  const doublings = Math.min(count - 2, 30); // further ones change nothing but the arithmetic
  return doublings < 0 ? 0 : Math.min(longestMs, firstMs * 2 ** doublings);
}

/** The answers that wait. */
export class SlowDown {
  readonly #options: () => SlowDownOptions;
  readonly #waiting = new Set<() => void>();
  #hasEnded = false;

  /** Takes what gives the options in force; answers that wait already keep their time. */
  constructor(options: () => SlowDownOptions) {
    this.#options = options;
  }

  /** Gives what the answer to the n-th bad address in a row has to wait for; undefined is nothing. */
  pause(count: number): Promise<void> | undefined {
    const options = this.#options();
    const ms = delayMs(count, options);
    if (ms === 0 || this.#hasEnded || this.#waiting.size >= options.maxWaiting) return undefined;
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#waiting.add(wake);
    });
  }

  /** Lets every answer go, and none wait any more: the daemon stops. */
  end(): void {
    this.#hasEnded = true;
    for (const wake of [...this.#waiting]) wake();
  }
}

/** Clients that are remembered. */
const MAX_CLIENTS = 4096;

interface Guesses {
  readonly count: number;
  readonly at: number;
}

/** Bad addresses by client; times on a clock that nobody can set. */
export class GuessesByClient {
  readonly #forgetMs: () => number;
  readonly #monotonic: () => number;
  /** The client seen longest ago comes first. */
  readonly #clients = new Map<string, Guesses>();

  /** Takes what gives the time in force after which clients are forgotten. */
  constructor(forgetMs: () => number, monotonic: () => number) {
    this.#forgetMs = forgetMs;
    this.#monotonic = monotonic;
  }

  /** Clients that are remembered now. */
  get size(): number {
    return this.#clients.size;
  }

  /** Counts a bad address of a client; how many in a row that makes. */
  count(address: string): number {
    const client = clientOf(address);
    const at = this.#monotonic();
    const before = this.#clients.get(client);
    const count = before === undefined || at - before.at > this.#forgetMs() ? 1 : before.count + 1;
    this.#clients.delete(client);
    this.#clients.set(client, { count, at });
    this.#forgetOldest(at);
    return count;
  }

  #forgetOldest(now: number): void {
    // Many at once: a Map's first entry is found slowly behind ones that were removed.
    const forgetMs = this.#forgetMs();
    const most = this.#clients.size > MAX_CLIENTS ? MAX_CLIENTS * 0.75 : MAX_CLIENTS;
    for (const [client, { at }] of this.#clients) {
      if (this.#clients.size <= most && now - at <= forgetMs) return;
      this.#clients.delete(client);
    }
  }
}

/**
 * Names the client behind an address. Who has one IPv6 address has its whole /64; any other text is its own client.
 */
function clientOf(address: string): string {
  if (!/^[0-9a-f:]{2,39}$/i.test(address) || !address.includes(':')) return address.slice(0, 64);
  const [head = '', tail] = address.toLowerCase().split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups(head).length - groups(tail).length);
  const all = [...groups(head), ...Array<string>(zeros).fill('0'), ...groups(tail ?? '')];
  return `${all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
