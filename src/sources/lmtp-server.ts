/**
 * An LMTP listener: sessions on smtp-server's connection class (the only importer of smtp-server).
 *
 * Kept from smtp-server: accepting, the list of connections, closing and half-closed sockets. Replaced: the greeting
 * delay, the parser, every command and every reply, because LMTP's promise is made there; smtp-server
 * merges repeated recipients and answers once per merged entry.
 * Failure: an error on a connection closes it; Postfix then defers.
 */
import type { Server, Socket } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import { SMTPStream } from 'smtp-server/lib/smtp-stream.js';
import type { Reply } from '../mail/status.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import type { LmtpDialogue, Wire } from './lmtp-dialogue.ts';
import { LmtpReader, type Readiness } from './lmtp-reader.ts';

/** What a listener is for. */
export interface LmtpService {
  readonly name: 'lmtp' | 'outbound';
  /** Gives the number of connections that are served at a time. */
  readonly maxConnections: () => number;
  readonly log: Log;
  readonly meter: Meter;
  /** The spelling of command lines; with `latin1` every character stands for a byte. */
  readonly encoding?: 'utf8' | 'latin1';
  /** Begins the session of a connection. */
  readonly converse: (wire: Wire) => LmtpDialogue;
  /** Hears that a connection was turned away. */
  readonly onRefused?: () => void;
  /** Hears that the end begins. */
  readonly onStop?: () => void;
}

/** smtp-server's idle timeout is out of the way: a session keeps deadlines in total. */
const NO_IDLE_TIMEOUT_MS = 2 ** 31 - 1;

/** For net.createServer, which smtp-server's types do not know: a client may close its side and still wait for replies. */
const HALF_OPEN = { allowHalfOpen: true };

const TOO_MANY: Reply = { basic: 421, enhanced: '4.3.2', text: 'too many connections' };
const STOPPING: Reply = { basic: 421, enhanced: '4.3.2', text: 'service is stopping' };

type ConnectionOptions = ConstructorParameters<typeof SMTPConnection>[2];

/** An LMTP server; it listens where its `server` is made to listen. */
export class LmtpServer extends SMTPServer {
  declare readonly server: Server;
  readonly service: LmtpService;
  readonly outbox = new Outbox();
  #isStopping = false;

  constructor(service: LmtpService) {
    super({
      lmtp: true,
      disabledCommands: ['AUTH', 'STARTTLS'],
      socketTimeout: NO_IDLE_TIMEOUT_MS,
      logger: false,
      ...HALF_OPEN,
    });
    this.service = service;
    const { name, log, meter } = service;
    meter.watch('mailgw_connections', { service: name }, () => this.connections.size);
    this.on('error', (error: Error) => {
      log('connection_closed', { reason: error.message });
    });
  }

  /** Tells whether the daemon is stopping: no new transaction then. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Begins a session on an accepted socket. */
  override connect(socket: Socket, socketOptions?: ConnectionOptions): void {
    const connection = new LmtpConnection(this, socket, socketOptions);
    this.connections.add(connection);
    connection.on('error', (error: Error) => this.emit('error', error));
    connection.init();
  }

  /** Says why a new connection is turned away, if it is. */
  refusal(): Reply | undefined {
    if (this.#isStopping) return STOPPING;
    if (this.connections.size <= this.service.maxConnections()) return undefined;
    this.service.log('connection_refused', { reason: 'too many connections' });
    this.service.onRefused?.();
    return TOO_MANY;
  }

  /** Stops accepting, lets transactions under way end, and resolves when the last connection is gone. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    this.service.onStop?.();
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => {
        resolve();
      });
    });
    this.#each((connection) => {
      connection.dialogue.stopWhenIdle();
    });
    const deadline = setTimeout(() => {
      this.#each((connection) => {
        connection.abort();
      });
    }, timeoutMs);
    await closed;
    clearTimeout(deadline);
  }

  #each(action: (connection: LmtpConnection) => void): void {
    for (const connection of this.connections) if (connection instanceof LmtpConnection) action(connection);
  }
}

/**
 * Replies that leave together, when the turn of the event loop ends: written one after the other they wake a client that
 * has several connections once, and not for each of them.
 */
class Outbox {
  #replies = new Map<Socket, string>();

  /** Adds a reply. */
  add(socket: Socket, text: string): void {
    if (this.#replies.size === 0) {
      setImmediate(() => {
        this.#sendAll();
      });
    }
    this.#replies.set(socket, (this.#replies.get(socket) ?? '') + text);
  }

  /** Sends now what waits for one socket. */
  send(socket: Socket): void {
    const text = this.#replies.get(socket);
    if (text === undefined) return;
    this.#replies.delete(socket);
    write(socket, text);
  }

  #sendAll(): void {
    const replies = this.#replies;
    this.#replies = new Map();
    for (const [socket, text] of replies) write(socket, text);
  }
}

function write(socket: Socket, text: string): void {
  if (!socket.destroyed && socket.writable) socket.write(text);
}

/** Stands where smtp-server expects its own parser, and hands the bytes to our reader. */
class LmtpStream extends SMTPStream {
  /** Set before the first byte: smtp-server makes the parser before the connection's own fields exist. */
  reader: LmtpReader | undefined;

  override _write(chunk: Buffer, _encoding: BufferEncoding, next: (error?: Error | null) => void): void {
    const read = this.reader?.consume(chunk) ?? 'go-on';
    if (read === 'go-on') {
      next();
      return;
    }
    read.then(
      () => {
        next();
      },
      (error: unknown) => {
        next(error instanceof Error ? error : new Error(String(error)));
      },
    );
  }
}

/** One client's connection: a session on a socket. */
class LmtpConnection extends SMTPConnection {
  readonly dialogue: LmtpDialogue;
  readonly #server: LmtpServer;
  readonly #reader: LmtpReader;

  constructor(server: LmtpServer, socket: Socket, options?: ConnectionOptions) {
    super(server, socket, options);
    this.#server = server;
    this.dialogue = server.service.converse({
      id: this.id,
      send: (text) => {
        server.outbox.add(this._socket, text);
      },
      drained: () => this.#drained(),
      close: () => {
        this.close();
      },
      abort: () => {
        this.abort();
      },
      expectMessage: (message) => {
        this.#reader.expectMessage(message);
      },
      isStopping: () => server.isStopping,
    });
    this.#reader = new LmtpReader(this.dialogue, server.service.encoding);
    if (this._parser instanceof LmtpStream) this._parser.reader = this.#reader;
  }

  override init(): void {
    const parser = this._parser;
    this._setListeners(() => {
      this._ready = true;
      this.dialogue.greet(this.#server.refusal());
    });
    // The parser finishes when the client has closed its side and all that it sent is answered.
    if (parser !== false) {
      parser.once('finish', () => {
        this.dialogue.finish();
      });
    }
  }

  override _createParser(): SMTPStream {
    const stream = new LmtpStream();
    stream.on('error', (error) => {
      this.#server.service.log('transaction_failed', { reason: error.message, session: this.id });
      this.abort();
    });
    return stream;
  }

  override close(): void {
    this.#server.outbox.send(this._socket);
    this.#reader.close();
    super.close();
    // smtp-server waits 5 s for the client to close its side as well; a daemon that stops does not.
    if (this.#server.isStopping) this._socket.destroySoon();
  }

  override _onClose(): void {
    this.#reader.close();
    this.dialogue.dispose();
    super._onClose();
  }

  /** Drops the connection without a reply: Postfix then defers. */
  abort(): void {
    this._socket.destroy();
  }

  #drained(): Readiness {
    const socket = this._socket;
    if (!socket.writableNeedDrain || socket.destroyed) return 'go-on';
    return new Promise((resolve) => {
      socket.once('drain', resolve);
      socket.once('close', () => {
        resolve();
      });
    });
  }
}
