/**
 * A load client that speaks LMTP or SMTP as Postfix does: MAIL, RCPT and DATA in one write, the mail after the 354,
 * the next mail after the end-of-data reply, QUIT behind the dot where a connection carries one mail.
 *
 * Contract: sends a fixed number of mails, each with its own Message-ID, and counts every answer. A mail counts as
 * accepted only for a 250 at end of data that does not say that it was thrown away; every other reply is counted by its
 * text, and the connection is made anew.
 * Failure: a closed connection counts as broken; after `MAX_BROKEN` of them in a row, or at the deadline, the run ends.
 * Limits: it pipelines at every peer, also one that does not announce it (aiosmtpd copes), which favours that peer.
 */
import net from 'node:net';
import { copyMail, type Mail, numberMail } from './message.ts';
import { percentile } from './stats.ts';

/** Where a server listens. */
export type Target = { readonly path: string } | { readonly host: string; readonly port: number };

/** One run of the client. */
export interface Load {
  readonly target: Target;
  /** Further targets; sessions take all of them in turn. */
  readonly otherTargets?: readonly Target[] | undefined;
  readonly protocol: 'lmtp' | 'smtp';
  readonly sessions: number;
  readonly mails: number;
  /** `kept` opens and greets every session before the clock starts; `each` makes a connection per mail. */
  readonly connection: 'kept' | 'each';
  readonly mail: Mail;
  readonly sender: string;
  /** Used in turn. */
  readonly recipients: readonly string[];
  readonly deadlineMs: number;
}

/** What one run gave. */
export interface LoadResult {
  readonly accepted: number;
  /** Replies other than the expected one, by their first 60 characters. */
  readonly refused: ReadonlyMap<string, number>;
  readonly broken: number;
  readonly timedOut: boolean;
  /** First write to last end-of-data reply, on the monotonic clock of the system. */
  readonly startedNs: bigint;
  readonly endedNs: bigint;
  /** Accepted mails per second. */
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const MAX_BROKEN = 20;
/** What mailgw answers, with a 250, for a mail that it does not queue. */
const THROWN_AWAY = / (discarded|duplicate)\b/;
const LF = 10;
const DASH = 45;

/** What all sessions of a run share. */
interface Run {
  readonly load: Load;
  readonly envelopes: readonly Buffer[];
  readonly latencies: Float64Array;
  readonly refused: Map<string, number>;
  started: number;
  accepted: number;
  broken: number;
  brokenInARow: number;
  lastReplyNs: bigint;
  /** Set at the deadline: no session begins anything any more. */
  stopped: boolean;
}

/** Sends the load and resolves when the last mail is answered, or at the deadline. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const run: Run = {
    load,
    envelopes: load.recipients.map((recipient) =>
      Buffer.from(`MAIL FROM:<${load.sender}>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`),
    ),
    latencies: new Float64Array(load.mails),
    refused: new Map(),
    started: 0,
    accepted: 0,
    broken: 0,
    brokenInARow: 0,
    lastReplyNs: 0n,
    stopped: false,
  };
  const targets = [load.target, ...(load.otherTargets ?? [])];
  const sessions = Array.from(
    { length: load.sessions },
    (_, index) => new Session(run, targets[index % targets.length] ?? load.target),
  );
  const deadline = setTimeout(() => {
    run.stopped = true;
    for (const session of sessions) session.stop();
  }, load.deadlineMs);
  if (load.connection === 'kept') await Promise.all(sessions.map((session) => session.open()));
  const startedNs = process.hrtime.bigint();
  await Promise.all(sessions.map((session) => session.send()));
  clearTimeout(deadline);
  return summary(run, startedNs);
}

function summary(run: Run, startedNs: bigint): LoadResult {
  const endedNs = run.lastReplyNs > startedNs ? run.lastReplyNs : process.hrtime.bigint();
  const latencies = run.latencies.subarray(0, run.accepted).sort();
  return {
    accepted: run.accepted,
    refused: run.refused,
    broken: run.broken,
    timedOut: run.stopped,
    startedNs,
    endedNs,
    rate: (run.accepted * 1e9) / Number(endedNs - startedNs),
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
  };
}

/** The reply that a session waits for. */
type Awaited = 'greeting' | 'hello' | 'mail' | 'rcpt' | 'data' | 'dot' | 'quit';

const EXPECTED: Readonly<Record<Awaited, number>> = {
  greeting: 220,
  hello: 250,
  mail: 250,
  rcpt: 250,
  data: 354,
  dot: 250,
  quit: 221,
};

/** One connection after another; waiting → greeting → hello → (mail, rcpt, data, dot)* → quit. */
class Session {
  readonly #run: Run;
  readonly #target: Target;
  readonly #mail: Mail;
  readonly #readBuffer = Buffer.alloc(4096);
  readonly #line = Buffer.alloc(60);
  #lineLength = 0;
  #socket: net.Socket | undefined;
  #awaited: Awaited = 'greeting';
  #sending = false;
  #startedAt = 0;
  #opened: (() => void) | undefined;
  #done: (() => void) | undefined;

  constructor(run: Run, target: Target) {
    this.#run = run;
    this.#target = target;
    this.#mail = copyMail(run.load.mail);
  }

  /** Connects and greets; resolves also when that failed, for `send` to try again. */
  open(): Promise<void> {
    return new Promise((resolve) => {
      this.#opened = resolve;
      this.#connect();
    });
  }

  /** Sends mails until the run's count is reached. */
  send(): Promise<void> {
    return new Promise((resolve) => {
      this.#done = resolve;
      this.#sending = true;
      this.#next();
    });
  }

  /** Drops the connection and ends the session. */
  stop(): void {
    this.#sending = false;
    this.#drop();
    this.#opened?.();
    this.#done?.();
  }

  #connect(): void {
    this.#awaited = 'greeting';
    this.#lineLength = 0;
    const onread = {
      buffer: this.#readBuffer,
      callback: (length: number) => {
        this.#read(length);
        return true;
      },
    };
    const socket = net.connect({ ...this.#target, onread });
    this.#socket = socket;
    // An error is followed by close, which is where it is counted.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#socket === socket) this.#closed();
    });
  }

  /** Begins the next mail, on a new connection where there is none or each mail has its own. */
  #next(): void {
    const run = this.#run;
    if (run.stopped || run.started >= run.load.mails || run.brokenInARow >= MAX_BROKEN) {
      this.#socket?.end('QUIT\r\n');
      this.stop();
      return;
    }
    this.#startedAt = performance.now();
    if (this.#socket === undefined) this.#connect();
    else this.#beginMail();
  }

  #beginMail(): void {
    const { envelopes } = this.#run;
    const number = this.#run.started++;
    numberMail(this.#mail, number);
    this.#awaited = 'mail';
    this.#socket?.write(envelopes[number % envelopes.length] ?? '');
  }

  /** Keeps the head of each line and acts on the last line of each reply; lines may be cut anywhere. */
  #read(length: number): void {
    let from = 0;
    while (from < length && this.#socket !== undefined) {
      const found = this.#readBuffer.indexOf(LF, from);
      const end = found < 0 || found >= length ? length : found + 1;
      const room = Math.min(end - from, this.#line.length - this.#lineLength);
      this.#readBuffer.copy(this.#line, this.#lineLength, from, from + room);
      this.#lineLength += room;
      from = end;
      if (this.#readBuffer[end - 1] !== LF) return;
      const isLast = this.#line[3] !== DASH;
      if (isLast) this.#reply();
      this.#lineLength = 0;
    }
  }

  #reply(): void {
    const line = this.#line;
    const code = ((line[0] ?? 0) - 48) * 100 + ((line[1] ?? 0) - 48) * 10 + (line[2] ?? 0) - 48;
    const thrownAway =
      this.#awaited === 'dot' && THROWN_AWAY.test(line.toString('latin1', 0, this.#lineLength));
    if (code === EXPECTED[this.#awaited] && !thrownAway) this.#advance();
    else this.#refuse();
  }

  #advance(): void {
    switch (this.#awaited) {
      case 'greeting':
        this.#awaited = 'hello';
        this.#socket?.write(
          this.#run.load.protocol === 'lmtp' ? 'LHLO client.example\r\n' : 'EHLO client.example\r\n',
        );
        return;
      case 'hello':
        if (this.#sending) this.#beginMail();
        else this.#opened?.();
        return;
      case 'mail':
        this.#awaited = 'rcpt';
        return;
      case 'rcpt':
        this.#awaited = 'data';
        return;
      case 'data':
        this.#awaited = 'dot';
        this.#socket?.write(
          this.#run.load.connection === 'kept'
            ? this.#mail.wire.subarray(0, this.#mail.dotEnd)
            : this.#mail.wire,
        );
        return;
      case 'dot':
        this.#accepted();
        return;
      case 'quit':
        this.#drop();
        this.#next();
    }
  }

  #accepted(): void {
    const run = this.#run;
    run.latencies[run.accepted++] = performance.now() - this.#startedAt;
    run.lastReplyNs = process.hrtime.bigint();
    run.brokenInARow = 0;
    if (run.load.connection === 'kept') this.#next();
    else this.#awaited = 'quit';
  }

  #refuse(): void {
    const text = `${this.#awaited}: ${this.#line.toString('latin1', 0, this.#lineLength).trim()}`;
    this.#run.refused.set(text, (this.#run.refused.get(text) ?? 0) + 1);
    this.#retry();
  }

  #closed(): void {
    this.#socket = undefined;
    // After the end-of-data reply a server may close without waiting for its 221 to be read.
    if (this.#awaited === 'quit') this.#next();
    else {
      this.#run.broken++;
      this.#retry();
    }
  }

  /** Gives up the connection; `brokenInARow` bounds how often. */
  #retry(): void {
    this.#run.brokenInARow++;
    this.#drop();
    if (this.#sending)
      setImmediate(() => {
        this.#next();
      });
    else this.#opened?.();
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket?.writableEnded === false) socket.destroy();
  }
}
