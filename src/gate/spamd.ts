/**
 * SpamAssassin's spamd asked directly: a client of the spamc protocol, SPAMC/1.5.
 *
 * Contract: one connection per request, closed before its promise resolves, so that the message's memory is free again.
 * At most `concurrency` requests are under way; more wait in the order of arrival, and the wait counts towards their
 * deadline. Of a message at most `maxCheckBytes` are sent, cut at a line end.
 * Failure: everything is a value: a refused connection, a deadline, an answer that is cut off, malformed or too long.
 * Nothing rejects, and no score is ever taken from half an answer.
 * Standards: spamd/PROTOCOL of SpamAssassin 4.0. Limits: answers of 64 KiB.
 */
import { connect } from 'node:net';

/** The address on which spamd listens. */
export type SpamdAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** The options of asking spamd; times in milliseconds. */
export interface SpamdOptions {
  readonly address: SpamdAddress;
  /** Whose preferences and Bayes database spamd uses; undefined leaves that to spamd. */
  readonly user: string | undefined;
  readonly connectTimeoutMs: number;
  /** For one request in total, the wait for its turn included. */
  readonly timeoutMs: number;
  readonly maxCheckBytes: number;
  readonly concurrency: number;
}

/** A message's score, spamd's own threshold, and its verdict by that. */
export interface SpamdScore {
  readonly score: number;
  readonly threshold: number;
  readonly flagged: boolean;
}

/** A score with the rules that made it. */
export interface SpamdSymbols extends SpamdScore {
  readonly symbols: readonly string[];
}

/** The class of a message that spamd can be taught. */
export type SpamClass = 'spam' | 'ham';

/** The reason why there is no answer; `refused` when spamd runs and does not do what it was asked. */
export interface SpamdFailure {
  readonly ok: false;
  readonly kind: 'unreachable' | 'deadline' | 'broken' | 'refused';
  readonly reason: string;
}

/** The answer of spamd. */
export type SpamdResult<T> = { readonly ok: true; readonly value: T } | SpamdFailure;

/** A client of one spamd. */
export interface Spamd {
  /** Asks whether spamd is there. */
  ping(): Promise<SpamdResult<'pong'>>;
  /** Asks for the score of a message. */
  check(raw: Uint8Array): Promise<SpamdResult<SpamdScore>>;
  /** Asks for the score and the rules that made it. */
  symbols(raw: Uint8Array): Promise<SpamdResult<SpamdSymbols>>;
  /** Teaches spamd; `known` when there was nothing to learn from the message. */
  learn(raw: Uint8Array, as: SpamClass): Promise<SpamdResult<'learned' | 'known'>>;
}

const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_REASON_CHARS = 200;
const LF = 0x0a;

/** Creates a client; it holds nothing open between requests. */
export function createSpamd(options: SpamdOptions): Spamd {
  const takeTurn = createTurns(options.concurrency);
  const ask = async <T>(
    request: Request,
    read: (answer: Answer) => T | undefined,
  ): Promise<SpamdResult<T>> => {
    const endsAt = performance.now() + options.timeoutMs;
    const endTurn = await takeTurn(options.timeoutMs);
    if (endTurn === undefined) return failure('deadline', `no free turn within ${options.timeoutMs} ms`);
    try {
      const received = await exchange(options, request, endsAt);
      return received.ok ? understand(received.value, read) : received;
    } finally {
      endTurn();
    }
  };
  const head = (raw: Uint8Array): Uint8Array => firstLines(raw, options.maxCheckBytes);
  return {
    ping: () => ask({ method: 'PING' }, ({ text }) => (text === 'PONG' ? 'pong' : undefined)),
    check: (raw) => ask({ method: 'CHECK', body: head(raw) }, readScore),
    symbols: (raw) => ask({ method: 'SYMBOLS', body: head(raw) }, readSymbols),
    learn: async (raw, as) => {
      // A spamd that takes no TELL hangs up on the message unread, and its reason is lost: the empty message has none.
      const allowed = await ask({ method: 'TELL', body: new Uint8Array(0) }, () => true);
      if (!allowed.ok) return allowed;
      const fields = [`Message-class: ${as}`, 'Set: local'];
      return ask({ method: 'TELL', fields, body: head(raw) }, readLearned);
    },
  };
}

/** Gives the beginning of a message up to a line end, at most `most` bytes. */
function firstLines(raw: Uint8Array, most: number): Uint8Array {
  if (raw.byteLength <= most) return raw;
  const end = raw.subarray(0, most).lastIndexOf(LF);
  return raw.subarray(0, end === -1 ? most : end + 1);
}

// ---- Turns ------------------------------------------------------------------------------------------------------

/** Gives out at most `most` turns at a time, first come first served; undefined when none came within the time. */
function createTurns(most: number): (withinMs: number) => Promise<(() => void) | undefined> {
  let free = most;
  const waiting = new Set<() => void>();
  const end = (): void => {
    const [next] = waiting;
    if (next === undefined) free++;
    else next();
  };
  return (withinMs) => {
    if (free > 0) {
      free--;
      return Promise.resolve(end);
    }
    return new Promise((resolve) => {
      const leave = (turn: (() => void) | undefined): void => {
        clearTimeout(timer);
        waiting.delete(begin);
        resolve(turn);
      };
      const begin = (): void => {
        leave(end);
      };
      const timer = setTimeout(leave, withinMs, undefined);
      waiting.add(begin);
    });
  };
}

// ---- One exchange -----------------------------------------------------------------------------------------------

interface Request {
  readonly method: 'PING' | 'CHECK' | 'SYMBOLS' | 'TELL';
  readonly fields?: readonly string[];
  /** Sent with its Content-length. */
  readonly body?: Uint8Array;
}

function failure(kind: SpamdFailure['kind'], reason: string): SpamdFailure {
  return { ok: false, kind, reason };
}

function formatHead({ method, fields = [], body }: Request, user: string | undefined): string {
  const lines = [
    `${method} SPAMC/1.5`,
    ...(body === undefined ? [] : [`Content-length: ${body.byteLength}`]),
    ...(user === undefined ? [] : [`User: ${user}`]),
    ...fields,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Sends one request and reads until spamd closes; everything that it said, or why that is worth nothing. */
function exchange(options: SpamdOptions, request: Request, endsAt: number): Promise<SpamdResult<string>> {
  return new Promise((resolve) => {
    const { address, connectTimeoutMs, timeoutMs } = options;
    const chunks: Buffer[] = [];
    let bytes = 0;
    let isConnected = false;
    const socket = connect(address);
    const settle = (result: SpamdResult<string>): void => {
      clearTimeout(connecting);
      clearTimeout(total);
      // At once: the kernel must not read the message any more when the caller goes on with it.
      socket.destroy();
      resolve(result);
    };
    const connecting = setTimeout(() => {
      settle(failure('deadline', `no connection within ${connectTimeoutMs} ms`));
    }, connectTimeoutMs);
    const total = setTimeout(
      () => {
        settle(failure('deadline', `no answer within ${timeoutMs} ms`));
      },
      Math.max(0, endsAt - performance.now()),
    );
    socket.on('connect', () => {
      isConnected = true;
      clearTimeout(connecting);
    });
    socket.on('data', (chunk) => {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) {
        settle(failure('broken', `the answer is longer than ${MAX_ANSWER_BYTES} bytes`));
      } else chunks.push(chunk);
    });
    const said = (): SpamdResult<string> => ({ ok: true, value: Buffer.concat(chunks).toString('latin1') });
    socket.on('end', () => {
      settle(bytes > 0 ? said() : failure('broken', 'the connection was closed without an answer'));
    });
    socket.on('error', (error) => {
      // What it said before it hung up on an unread message may be the reason.
      if (bytes > 0) settle(said());
      else settle(failure(isConnected ? 'broken' : 'unreachable', error.message));
    });
    // In one write: spamd may answer and hang up on the head alone, and a second write would lose the answer (EPIPE).
    socket.cork();
    socket.write(formatHead(request, options.user));
    if (request.body !== undefined && request.body.byteLength > 0) socket.write(request.body);
    socket.end(); // uncorks
  });
}

// ---- Answers ----------------------------------------------------------------------------------------------------

/** An answer taken apart: the words after the code, the fields by name in lower case, and what follows them. */
interface Answer {
  readonly text: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly body: string;
}

const STATUS = /^SPAMD\/\d{1,3}(?:\.\d{1,3})? (\d{1,3})(?: ([^\r\n]*))?\r?\n/;
const LENGTH = /^\d{1,9}$/;

function understand<T>(said: string, read: (answer: Answer) => T | undefined): SpamdResult<T> {
  const status = STATUS.exec(said);
  if (status === null) return failure('broken', 'the answer is not in the spamc protocol, or cut off');
  const [line, code, text = ''] = status;
  if (code !== '0') return failure('refused', `answer ${code}: ${asciiLine(text)}`);
  const answer = parseAnswer(text, said.slice(line.length));
  const value = answer === undefined ? undefined : read(answer);
  return value === undefined ? failure('broken', 'the answer is malformed or cut off') : { ok: true, value };
}

/**
 * Reads the fields up to an empty line, without which something is missing; only PING has nothing but its status
 * line.
 */
function parseAnswer(text: string, rest: string): Answer | undefined {
  if (rest === '') return text === 'PONG' ? { text, fields: new Map(), body: '' } : undefined;
  const fields = new Map<string, string>();
  let at = 0;
  for (;;) {
    const end = rest.indexOf('\n', at);
    if (end === -1) return undefined;
    const line = rest.slice(at, end).replace(/\r$/, '');
    at = end + 1;
    if (line === '') break;
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const body = rest.slice(at);
  const length = fields.get('content-length');
  if (length === undefined) return { text, fields, body };
  return LENGTH.test(length) && Number(length) === body.length ? { text, fields, body } : undefined;
}

const SCORE = /^(true|yes|false|no) *; *(-?\d{1,9}(?:\.\d{1,9})?) *\/ *(-?\d{1,9}(?:\.\d{1,9})?)$/i;

function readScore({ fields }: Answer): SpamdScore | undefined {
  const [, word, score, threshold] = SCORE.exec(fields.get('spam') ?? '') ?? [];
  if (word === undefined) return undefined;
  // Adding 0 takes the sign from the -0.0 that spamd gives to a score a little below zero.
  return { score: Number(score) + 0, threshold: Number(threshold) + 0, flagged: /^[ty]/i.test(word) };
}

function readSymbols(answer: Answer): SpamdSymbols | undefined {
  const score = readScore(answer);
  if (score === undefined || !answer.fields.has('content-length')) return undefined;
  const symbols = answer.body.split(',').map((symbol) => asciiLine(symbol.trim()));
  return { ...score, symbols: symbols.filter((symbol) => symbol !== '') };
}

function readLearned({ fields }: Answer): 'learned' | 'known' {
  const done = (fields.get('didset') ?? '').split(',').map((word) => word.trim());
  return done.includes('local') ? 'learned' : 'known';
}

/** Makes one line for the log of what spamd said. */
function asciiLine(text: string): string {
  return text.slice(0, MAX_REASON_CHARS).replace(/[^\x20-\x7e]/g, '?');
}
