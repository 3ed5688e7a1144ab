/**
 * The policy service: answers Postfix in the SMTP session whether a reply address is good, before it takes the mail.
 *
 * Contract: the verdict is the gate's own at RCPT, and changes nothing; a recipient that is none of ours, or good, is
 * left to what else Postfix asks (DUNNO). One process serves all connections and keeps them open; the answers of a
 * connection come in the order of its requests. Every refusal is one log line, without the address.
 * Failure: what is unknown is `451 4.3.0`, and never DUNNO: Postfix would take the mail and might have to return it. No
 * sense in a request, or no room for it, closes the connection, which Postfix answers 451 4.3.5.
 * Standards: https://www.postfix.org/SMTPD_POLICY_README.html.
 * Limits: {@link MAX_REQUEST_BYTES} of a request; deadlines for its arrival and between two.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Gate } from '../../gate/gate.ts';
import { askRecipient } from '../../gate/transaction.ts';
import {
  formatRefusal,
  NO_OPINION,
  type PolicyRequest,
  parsePolicyRequest,
} from '../../mail/access-policy.ts';
import type { Disposition } from '../../mail/disposition.ts';
import type { Log } from '../../observe/log.ts';
import type { Meter } from '../../observe/meter.ts';
import type { CountVerdict } from '../../observe/verdict-counts.ts';
import { errorText } from '../../system/error-text.ts';
import type { GuessesByClient, SlowDown } from '../slow-down.ts';

/** Bytes of one request; Postfix's have about one kilobyte. */
const MAX_REQUEST_BYTES = 32 * 1024;

/** Bytes of answers that may wait for a client that asks on without reading. */
const MAX_UNREAD_BYTES = 64 * 1024;

/** Characters of a client's own words that a log line repeats. */
const MAX_LOGGED_CHARS = 128;

/** The service's limits; times in milliseconds in total. */
export interface PolicyLimits {
  readonly maxConnections: number;
  readonly requestTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** The options of the service. */
export interface PolicyOptions {
  /** Gives the limits in force, for open connections as well. */
  readonly limits: () => PolicyLimits;
  /** Gives the gate in force. */
  readonly gate: () => Pick<Gate, 'recipient'>;
  readonly log: Log;
  readonly meter: Meter;
  readonly count: CountVerdict;
  readonly guesses: GuessesByClient;
  readonly slowDown: SlowDown;
}

const NOTHING = Buffer.alloc(0);
const END_OF_REQUEST = '\n\n';

/** The policy service; it listens where its `server` is made to listen. */
export class PolicyServer {
  readonly server: Server;
  readonly #options: PolicyOptions;
  readonly #connections = new Set<PolicyConnection>();
  #isStopping = false;

  constructor(options: PolicyOptions) {
    this.#options = options;
    this.server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#connect(socket);
    });
    options.meter.watch('mailgw_connections', { service: 'policy' }, () => this.#connections.size);
    this.server.on('error', (error) => {
      options.log('connection_closed', { reason: error.message, service: 'policy' });
    });
  }

  #connect(socket: Socket): void {
    if (this.#isStopping || this.#connections.size >= this.#options.limits().maxConnections) {
      const reason = this.#isStopping ? 'stopping' : 'too many connections';
      this.#options.log('connection_refused', { reason, service: 'policy' });
      socket.destroy();
      return;
    }
    const connection = new PolicyConnection(socket, this.#options);
    this.#connections.add(connection);
    void connection.serve().finally(() => {
      this.#connections.delete(connection);
    });
  }

  /** Stops accepting, answers the requests under way, and resolves when the last connection is gone. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => {
        resolve();
      });
    });
    this.#options.slowDown.end();
    for (const connection of this.#connections) connection.stop();
    const deadline = setTimeout(() => {
      for (const connection of this.#connections) connection.abort();
    }, timeoutMs);
    await closed;
    clearTimeout(deadline);
  }
}

/** One smtpd(8)'s connection. Its states: waiting for a request → reading it → answering it. */
class PolicyConnection {
  readonly #socket: Socket;
  readonly #options: PolicyOptions;
  #partial: Buffer = NOTHING;
  #deadline: NodeJS.Timeout | undefined;
  /** What the deadline is for. */
  #awaited: 'request' | 'rest' | 'answer' = 'request';
  #isStopping = false;
  /** Bad addresses of clients whose own address Postfix did not say. */
  #guesses = 0;

  constructor(socket: Socket, options: PolicyOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('error', () => undefined); // serve() learns of it as well; after its end nobody cares
  }

  /** Serves requests until either side closes; never rejects. */
  async serve(): Promise<void> {
    try {
      this.#await();
      const chunks: AsyncIterable<Buffer> = this.#socket.iterator({ destroyOnReturn: false });
      for await (const chunk of chunks) {
        this.#partial = this.#partial.length === 0 ? chunk : Buffer.concat([this.#partial, chunk]);
        await this.#answerAll();
        if (this.#isStopping) break;
      }
    } catch (error) {
      // A socket that is gone says so as an error, and there is nobody left to be told.
      if (!this.#socket.destroyed) this.#closed(errorText(error));
      this.abort();
    } finally {
      clearTimeout(this.#deadline);
      this.#socket.destroySoon();
      // A client that has asked its last and never reads the answer.
      this.#socket.setTimeout(this.#options.limits().requestTimeoutMs, () => {
        this.abort();
      });
    }
  }

  /** Ends the connection, after the answer under way. */
  stop(): void {
    this.#isStopping = true;
    if (this.#awaited !== 'answer') this.#socket.destroySoon();
  }

  /** Drops the connection: Postfix then asks again, or answers 451 4.3.5 itself. */
  abort(): void {
    this.#socket.destroy();
  }

  async #answerAll(): Promise<void> {
    for (;;) {
      const end = this.#partial.indexOf(END_OF_REQUEST);
      if (end === -1 ? this.#partial.length > MAX_REQUEST_BYTES : end > MAX_REQUEST_BYTES) {
        throw new PolicyError('a request is too large');
      }
      if (end === -1) break;
      const request = parsePolicyRequest(this.#partial.toString('utf8', 0, end));
      if (request === undefined) throw new PolicyError('not a request of the access policy protocol');
      this.#partial = this.#partial.subarray(end + END_OF_REQUEST.length);
      clearTimeout(this.#deadline); // from here on the client waits for us
      this.#awaited = 'answer';
      await this.#answer(request);
      if (this.#socket.writableLength > MAX_UNREAD_BYTES) throw new PolicyError('the answers are not read');
      if (this.#isStopping) return;
    }
    this.#await();
  }

  async #answer(request: PolicyRequest): Promise<void> {
    const refusal = await this.#judge(request.get('recipient') ?? '');
    if (refusal === undefined) {
      this.#socket.write(NO_OPINION);
      return;
    }
    if (refusal.reason === 'no-such-address') await this.#slowDown(request);
    this.#socket.write(formatRefusal(refusal));
    // After the answer, so that no address takes longer for being logged.
    const { verdict, reason, detail } = refusal;
    this.#options.count(verdict, reason === 'no-such-address' ? detail : reason);
    this.#options.log('policy_refused', {
      verdict,
      reason,
      detail,
      client: logged(request, 'client_address'),
      queue_id: logged(request, 'queue_id'),
      instance: logged(request, 'instance'),
    });
  }

  /** Says why a recipient is refused; undefined when it is good, or none of ours. */
  async #judge(recipient: string): Promise<Disposition | undefined> {
    // None: asked before RCPT, or for several at once. No domain: "postmaster" of this host.
    if (!recipient.includes('@')) return undefined;
    const { gate, log } = this.#options;
    const verdict = await askRecipient(gate(), log, recipient, { service: 'policy' });
    if (verdict.kind !== 'refused') return undefined;
    const { disposition } = verdict;
    const isOurs = disposition.reason !== 'no-such-address' || disposition.detail !== 'other-domain';
    return isOurs ? disposition : undefined;
  }

  async #slowDown(request: PolicyRequest): Promise<void> {
    const client = request.get('client_address') ?? '';
    const count = client === '' ? ++this.#guesses : this.#options.guesses.count(client);
    await this.#options.slowDown.pause(count);
  }

  /**
   * Waits for the request that the client owes us: one deadline for all of it, whatever trickles in; a longer one
   * before it.
   */
  #await(): void {
    const { requestTimeoutMs, idleTimeoutMs } = this.#options.limits();
    const awaited = this.#partial.length === 0 ? 'request' : 'rest';
    if (awaited === 'rest' && this.#awaited === 'rest') return;
    this.#awaited = awaited;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(
      () => {
        if (awaited === 'rest') this.#closed('deadline');
        this.abort();
      },
      awaited === 'rest' ? requestTimeoutMs : idleTimeoutMs,
    );
    this.#deadline.unref();
  }

  #closed(reason: string): void {
    this.#options.log('connection_closed', { reason, service: 'policy' });
  }
}

/** A connection that makes no sense. */
class PolicyError extends Error {}

function logged(request: PolicyRequest, name: string): string | undefined {
  const value = request.get(name)?.slice(0, MAX_LOGGED_CHARS);
  return value === '' ? undefined : value;
}
