// An idempotent platform for the fault tests: it keeps book of every POST by its Idempotency-Key.
//
// Contract: a post counts when its request has arrived whole, whatever becomes of the answer. Answers are 201, or what
// `status` says, unless `withhold` holds them back. It checks no signature, because its clock is not the daemon's
// where a test moves the daemon's; test/support/platform.ts checks them.

import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { SinkAddress } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import type { Scratch } from '../support/scratch.ts';

/** One distinct post; `arrivals` counts its requests. */
export interface Entry {
  readonly key: string;
  readonly messageId: string;
  readonly user: string;
  readonly thread: string;
  arrivals: number;
}

interface Body {
  readonly data: { readonly message_id: string | null; readonly user: string; readonly thread: string };
}

/** The platform's book. */
export class Ledger {
  /** Distinct posts in the order of their first arrival. */
  readonly entries: Entry[] = [];
  /** The answer to every request. */
  status = 201;
  /** Requests that arrived, repeats included. */
  requests = 0;
  readonly #byKey = new Map<string, Entry>();
  readonly #withheld: ServerResponse[] = [];
  readonly #address: string;
  readonly #server: Server;
  #isWithholding = false;

  private constructor(address: string) {
    this.#address = address;
    this.#server = createServer((request, response) => {
      if (request.method !== 'POST') {
        response.writeHead(204).end(); // doctor looks whether somebody is there
        return;
      }
      const key = String(request.headers['idempotency-key']);
      // A request that breaks off, because its daemon was killed, is none.
      text(request).then(
        (body) => {
          this.#enter(key, (JSON.parse(body) as Body).data);
          if (this.#isWithholding) this.#withheld.push(response);
          else response.writeHead(this.status).end();
        },
        () => undefined,
      );
    });
  }

  /** Starts a platform on a free port, of the loopback by default; it closes with the scratch. */
  static async open(scratch: Scratch, address = '127.0.0.1'): Promise<Ledger> {
    const ledger = new Ledger(address);
    scratch.defer(() => {
      ledger.#server.close();
      ledger.#server.closeAllConnections();
    });
    ledger.#server.listen(0, address);
    await once(ledger.#server, 'listening');
    return ledger;
  }

  /** Where the daemon posts to. */
  get sink(): SinkAddress {
    const { port } = this.#server.address() as AddressInfo;
    return {
      url: `http://${this.#address}:${port}/hooks/mail`,
      secret: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
    };
  }

  /** From now on requests arrive and get no answer. */
  withhold(): void {
    this.#isWithholding = true;
  }

  /** Answers what was withheld, and everything from now on. */
  release(): void {
    this.#isWithholding = false;
    for (const response of this.#withheld.splice(0)) response.writeHead(this.status).end();
  }

  /** The posts of one message. */
  postsOf(messageId: string): Entry[] {
    return this.entries.filter((entry) => entry.messageId === messageId);
  }

  /** Waits until the book shows what `look` looks for. */
  async until(look: () => boolean, what: () => string, withinMs = 20_000): Promise<void> {
    await eventually(() => (look() ? true : undefined), what, withinMs);
  }

  #enter(key: string, { message_id: messageId, user, thread }: Body['data']): void {
    this.requests += 1;
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.arrivals += 1;
      return;
    }
    const entry = { key, messageId: String(messageId).replace(/^<|>$/g, ''), user, thread, arrivals: 1 };
    this.#byKey.set(key, entry);
    this.entries.push(entry);
  }
}
