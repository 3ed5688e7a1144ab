/**
 * One SMTP session with the relay: the smtpd(8) that takes back what Postfix handed over.
 *
 * Contract: one command at a time, one reply for each, kept line by line as it came. Lines are bytes (latin1). A reply
 * that nobody asked for, or that is none, ends the session: from then on no reply could be told from another.
 * Failure: {@link RelayFailure}, with an enhanced status code of class 4; never a reply that the relay did not give.
 * Standards: RFC 5321, RFC 1869.
 * Limits: {@link MAX_REPLY_BYTES} of one reply; a time for each step.
 */
import { connect, type Socket } from 'node:net';
import { type Endpoint, endpointText } from '../../config/kinds.ts';
import { errorText } from '../../system/error-text.ts';

/** The relay's answer to one command. */
export interface RelayReply {
  readonly code: number;
  /** Its lines without their line ends. */
  readonly lines: readonly string[];
}

/** Times for each step, in milliseconds. */
export interface RelayTimes {
  readonly connectMs: number;
  readonly commandMs: number;
  /** For content to be taken off our hands, piece by piece. */
  readonly writeMs: number;
  /** For the reply to the end of data. */
  readonly endOfDataMs: number;
}

/** The session ended, or cannot begin. */
export class RelayFailure extends Error {
  readonly enhanced: '4.4.1' | '4.4.2';

  constructor(enhanced: '4.4.1' | '4.4.2', message: string) {
    super(message);
    this.enhanced = enhanced;
  }
}

const MAX_REPLY_BYTES = 64 * 1024;

/** A whole reply at the beginning of what was received (RFC 5321 §4.2). */
const REPLY = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*|\r?)\n/;

/** A session. Its states: connecting → greeted → between transactions ⇄ in one → ended. */
export class RelaySession {
  readonly #socket: Socket;
  readonly #times: RelayTimes;
  readonly #name: string;
  #features: ReadonlyMap<string, string> = new Map();
  #isConnected = false;
  #isFresh = true;
  #received = '';
  #failure: RelayFailure | undefined;
  /** Hears of the next change: bytes, room for more, or the end. */
  #wake: () => void = () => undefined;

  private constructor(endpoint: Endpoint, times: RelayTimes) {
    this.#name = `relay ${endpointText(endpoint)}`;
    this.#times = times;
    const socket = connect('path' in endpoint ? { path: endpoint.path } : { ...endpoint });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#received += chunk.toString('latin1');
      if (this.#received.length > MAX_REPLY_BYTES) this.#fail('4.4.2', 'sent a reply without end');
      this.#wake();
    });
    socket.on('drain', () => {
      this.#wake();
    });
    socket.once('connect', () => {
      this.#isConnected = true;
    });
    socket.on('error', (error) => {
      this.#fail(this.#isConnected ? '4.4.2' : '4.4.1', errorText(error));
    });
    socket.on('close', () => {
      this.#fail('4.4.2', 'lost the connection');
    });
  }

  /** Connects, and says EHLO; rejects with a {@link RelayFailure}. */
  static async open(endpoint: Endpoint, times: RelayTimes, hostname: string): Promise<RelaySession> {
    const session = new RelaySession(endpoint, times);
    try {
      await session.#greet(hostname);
    } catch (error) {
      session.abort();
      throw error;
    }
    return session;
  }

  /** The keywords that the relay offers, in upper case, with what stands behind them. */
  get features(): ReadonlyMap<string, string> {
    return this.#features;
  }

  /** Whether nothing has happened since the last reply. */
  get isIdle(): boolean {
    return this.#failure === undefined && this.#received === '';
  }

  /** Whether it has taken no content yet: the relay had no time to grow tired of it. */
  get isFresh(): boolean {
    return this.#isFresh;
  }

  /** Says a command and gives its reply. */
  async say(line: string): Promise<RelayReply> {
    this.#expectSilence();
    this.#socket.write(`${line}\r\n`, 'latin1');
    return this.#reply(this.#times.commandMs, line.slice(0, 4).trimEnd());
  }

  /** Sends content, and resolves when there is room for more. */
  async write(content: Buffer): Promise<void> {
    this.#check();
    if (content.length === 0 || this.#socket.write(content)) return;
    const isDone = (): true | undefined => (this.#socket.writableNeedDrain ? undefined : true);
    await this.#until(isDone, this.#times.writeMs, 'took no content');
  }

  /** Ends the content, which ended in a line end or is empty; gives the reply. */
  async endData(withinMs: number): Promise<RelayReply> {
    this.#expectSilence();
    this.#isFresh = false;
    this.#socket.write('.\r\n', 'latin1');
    return this.#reply(Math.min(withinMs, this.#times.endOfDataMs), 'the end of data');
  }

  /** Gives the whole reply that came before anybody asked for it, as when a relay ends a transaction on its own. */
  earlyReply(): RelayReply | undefined {
    return this.#take();
  }

  /** Says QUIT and waits for nothing. */
  quit(): void {
    if (this.#failure === undefined && !this.#socket.connecting) this.#socket.end('QUIT\r\n');
    this.#fail('4.4.2', 'the session is over');
    // The relay may keep its side open; nothing more is wanted of it.
    this.#socket.resume();
    this.#socket.setTimeout(this.#times.connectMs, () => {
      this.#socket.destroy();
    });
  }

  /** Drops the connection: content that is not ended is never taken. */
  abort(): void {
    this.#fail('4.4.2', 'the session is over');
    this.#socket.destroy();
  }

  async #greet(hostname: string): Promise<void> {
    const greeting = await this.#reply(this.#times.connectMs, 'the connection', '4.4.1');
    if (greeting.code !== 220) throw this.#unwilling(greeting);
    const hello = await this.say(`EHLO ${hostname}`);
    if (hello.code === 250) {
      this.#features = featuresOf(hello);
      return;
    }
    const old = await this.say(`HELO ${hostname}`);
    if (old.code !== 250) throw this.#unwilling(old);
  }

  #unwilling({ lines }: RelayReply): RelayFailure {
    return new RelayFailure('4.4.1', `${this.#name}: said ${lines.join(' / ').slice(0, 200)}`);
  }

  #reply(withinMs: number, to: string, enhanced?: '4.4.1'): Promise<RelayReply> {
    return this.#until(() => this.#take(), withinMs, `did not answer ${to} in time`, enhanced);
  }

  #take(): RelayReply | undefined {
    const [text] = REPLY.exec(this.#received) ?? [];
    if (text === undefined) {
      if (/^(?!\d{0,3}$|\d{3}[ \r\n-])/.test(this.#received)) this.#fail('4.4.2', 'sent what is no reply');
      return undefined;
    }
    this.#received = this.#received.slice(text.length);
    const lines = text.replaceAll('\r\n', '\n').slice(0, -1).split('\n');
    const codes = new Set(lines.map((line) => line.slice(0, 3)));
    if (codes.size > 1) this.#fail('4.4.2', 'sent a reply of several codes');
    return { code: Number(lines[0]?.slice(0, 3)), lines };
  }

  /** Looks until there is something; a failure counts only where there is nothing. */
  async #until<T>(
    look: () => T | undefined,
    withinMs: number,
    otherwise: string,
    enhanced?: '4.4.1',
  ): Promise<T> {
    const deadline = setTimeout(() => {
      this.#fail(enhanced ?? '4.4.2', otherwise);
      this.#socket.destroy();
    }, withinMs);
    try {
      for (;;) {
        const found = look();
        if (found !== undefined) return found;
        this.#check();
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  #expectSilence(): void {
    this.#check();
    if (this.#received !== '') this.#fail('4.4.2', 'spoke out of turn');
    this.#check();
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #fail(enhanced: '4.4.1' | '4.4.2', what: string): void {
    this.#failure ??= new RelayFailure(enhanced, `${this.#name}: ${what}`);
    this.#wake();
  }
}

function featuresOf({ lines }: RelayReply): ReadonlyMap<string, string> {
  const features = lines.slice(1).map((line): [string, string] => {
    const [keyword = '', ...rest] = line.slice(4).trim().split(/[ =]/);
    return [keyword.toUpperCase(), rest.join(' ')];
  });
  return new Map(features);
}
