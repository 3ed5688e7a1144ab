/**
 * Worker threads that parse messages, so that a hostile one can hurt nothing but its own worker.
 *
 * Contract: a worker parses one message at a time, in order of arrival, and may hold a few small ones that wait; a
 * worker that hangs, runs out of memory or crashes is replaced, and only the message it was parsing learns of it, the
 * waiting ones go to another. Workers start with the first message, never before. Idle workers keep no process alive.
 * Failure: what a message does to its worker is the outcome `worker-died`; a worker that cannot even start is
 * broken machinery, and `parse` throws.
 * Limits: 2 s from the start of the parse, 128 MiB of heap (docs/how-it-works.md, Limits); buffers count beside the heap and
 * are bounded by the size of the message. V8 ends the whole process when one native call asks for more than 16 MB
 * beyond a worker's heap limit (measured with a 100 MB string spread into an array); the caps on text keep every
 * call far below that.
 */
import { Worker } from 'node:worker_threads';
import { ATTACHMENT_LIMITS, type AttachmentLimits } from '../mail/attachment-limits.ts';
import type { PostRules } from './finish.ts';
import type { Asked, WorkerRules } from './parse-worker.ts';
import type { DigestWish, KnownOriginals, ParseOutcome, ReplyParser } from './post.ts';

/** The options of a pool; every one has a default. */
export interface ParserPoolOptions {
  /** Worker threads. */
  readonly size?: number;
  /** Time for one message, from the moment a worker has it. */
  readonly deadlineMs?: number;
  /** The old generation of a worker's heap. */
  readonly heapMb?: number;
  readonly attachments?: Partial<AttachmentLimits>;
  /** How replies are finished; without them they stay as they were parsed. */
  readonly post?: PostRules;
  /** Told how long a worker had each message, in milliseconds. */
  readonly onParsed?: ((ms: number) => void) | undefined;
  /** The worker's entry; only tests have another. */
  readonly entry?: URL;
}

/** Time for a worker to load its modules; it shares the processor with everything else. */
const START_DEADLINE_MS = 30_000;

/** Small: what survives a young collection is the message's own. */
const YOUNG_GENERATION_MB = 4;

interface Waiting {
  readonly raw: Uint8Array<ArrayBuffer>;
  readonly known: KnownOriginals | undefined;
  readonly digest: DigestWish | undefined;
  readonly isSmall: boolean;
  readonly resolve: (outcome: ParseOutcome) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Small messages that a worker holds, the one it parses included: waking a sleeping thread costs more than parsing a
 * small message, so a busy worker is never left without the next one. Another one is started only when it is full or
 * takes its time: each costs 25 MB and a second of compiling.
 */
const DEPTH = 16;

/** A message that is parsed for so long is not one to wait behind. */
const SLOW_MS = 100;

/** A message up to this size is copied to its worker, and so can be given to another one; a larger one moves. */
const SMALL_BYTES = 64 * 1024;

/** Creates a pool; no worker runs until the first message. */
export function createParserPool(options: ParserPoolOptions = {}): ReplyParser {
  return new Pool(options);
}

type Death = Extract<ParseOutcome, { kind: 'worker-died' }>;

class Pool implements ReplyParser {
  readonly #size: number;
  readonly #deadlineMs: number;
  readonly #start: (begun: Int32Array) => Worker;
  readonly #onParsed: (ms: number) => void;
  readonly #waiting: Waiting[] = [];
  readonly #members = new Set<Member>();
  #closed = false;

  constructor(options: ParserPoolOptions) {
    this.#size = options.size ?? 2;
    this.#deadlineMs = options.deadlineMs ?? 2000;
    this.#onParsed = options.onParsed ?? (() => undefined);
    const entry = options.entry ?? new URL('./parse-worker.js', import.meta.url);
    const limits = { ...ATTACHMENT_LIMITS, ...options.attachments };
    const resourceLimits = {
      maxOldGenerationSizeMb: options.heapMb ?? 128,
      maxYoungGenerationSizeMb: YOUNG_GENERATION_MB,
    };
    // No environment and no flags of ours: a parser has no business with either.
    this.#start = (begun) => {
      const rules: WorkerRules = { limits, post: options.post, begun };
      return new Worker(entry, { workerData: rules, resourceLimits, env: {}, execArgv: [] });
    };
  }

  parse(raw: Uint8Array, known?: KnownOriginals, digest?: DigestWish): Promise<ParseOutcome> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new Error('the parser pool is closed'));
        return;
      }
      const isSmall = raw.byteLength <= SMALL_BYTES;
      this.#waiting.push({ raw: ownMemory(raw), known, digest, isSmall, resolve, reject });
      this.#dispatch();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(new Error('the parser pool is closed'));
    await Promise.all([...this.#members].map((member) => member.stop()));
  }

  /** Fills one worker after the other, and starts as many more as the rest needs. */
  #dispatch(): void {
    for (const member of this.#members) {
      for (
        let next = this.#waiting[0];
        next !== undefined && member.hasRoomFor(next);
        next = this.#waiting[0]
      ) {
        this.#waiting.shift();
        member.take(next);
      }
    }
    let starting = [...this.#members].filter((member) => member.state === 'starting').length;
    while (starting < this.#waiting.length && this.#members.size < this.#size) {
      this.#grow();
      starting++;
    }
  }

  #grow(): void {
    const begun = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const member = new Member(this.#start(begun), begun, this.#deadlineMs, {
      parsed: this.#onParsed,
      idle: () => {
        this.#dispatch();
      },
      gone: (state, diagnostic, unparsed) => {
        this.#members.delete(member);
        this.#waiting.unshift(...unparsed);
        if (state === 'starting') this.#refuseWaiting(diagnostic);
        // Only a worker that a message killed is replaced at once: to replace one that fails by itself would spin.
        else if (state === 'parsing') {
          if (!this.#closed && this.#members.size === 0) this.#grow();
          this.#dispatch();
        }
      },
    });
    this.#members.add(member);
  }

  /** Gives up on the waiting messages, unless another worker is there or on its way. */
  #refuseWaiting(diagnostic: string): void {
    if (this.#members.size > 0) return;
    for (const waiting of this.#waiting.splice(0)) {
      waiting.reject(new Error(`no parser worker can be started: ${diagnostic}`));
    }
  }
}

type MemberState = 'starting' | 'idle' | 'parsing' | 'dead';

/** Gives the message in memory that can move to the worker: its own when it fills it, else a copy. */
function ownMemory(raw: Uint8Array): Uint8Array<ArrayBuffer> {
  const fills = raw.byteLength === raw.buffer.byteLength && raw.buffer instanceof ArrayBuffer;
  return fills ? new Uint8Array(raw.buffer) : new Uint8Array(raw);
}

interface MemberEvents {
  /** Hears that a message is parsed, or has killed the worker. */
  readonly parsed: (ms: number) => void;
  /** Hears that the worker has room for a message. */
  readonly idle: () => void;
  /** Hears that the worker died, in the state that it was in, with messages that it had not begun. */
  readonly gone: (state: MemberState, diagnostic: string, unparsed: readonly Waiting[]) => void;
}

/**
 * One worker. starting → idle ⇄ parsing → dead; from every state to dead, and from dead nowhere.
 */
class Member {
  state: MemberState = 'starting';
  readonly #worker: Worker;
  readonly #deadlineMs: number;
  readonly #events: MemberEvents;
  /** How many messages the worker has begun with, as it counts them itself. */
  readonly #begun: Int32Array;
  /** How many outcomes of it have arrived. */
  #finished = 0;
  /** The message that is parsed, and those behind it; before it those whose outcome is on its way. */
  #messages: Waiting[] = [];
  #timer: NodeJS.Timeout;
  /** When the first message became the worker's, by the monotonic clock. */
  #begunAt = 0;

  constructor(worker: Worker, begun: Int32Array, deadlineMs: number, events: MemberEvents) {
    this.#worker = worker;
    this.#begun = begun;
    this.#deadlineMs = deadlineMs;
    this.#events = events;
    this.#timer = setTimeout(() => {
      this.#die({ reason: 'timeout', diagnostic: `not ready after ${START_DEADLINE_MS} ms` });
    }, START_DEADLINE_MS);
    worker.on('message', (message: 'ready' | ParseOutcome) => {
      this.#finish(message === 'ready' ? undefined : message);
    });
    worker.on('error', (error: Error & { code?: string }) => {
      const reason = error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'out-of-memory' : 'crash';
      this.#die({ reason, diagnostic: `${error.name}: ${error.message}`.slice(0, 500) });
    });
    worker.on('exit', (code) => {
      this.#die({ reason: 'crash', diagnostic: `the worker exited with code ${code}` });
    });
  }

  /** Tells whether a worker takes a message: an idle one any, a busy one small ones behind small ones. */
  hasRoomFor(message: Waiting): boolean {
    if (this.state === 'idle') return true;
    return (
      this.state === 'parsing' &&
      this.#messages.length < DEPTH &&
      performance.now() - this.#begunAt < SLOW_MS &&
      message.isSmall &&
      this.#messages.every((other) => other.isSmall)
    );
  }

  take(message: Waiting): void {
    this.#messages.push(message);
    if (this.#messages.length === 1) this.#begin();
    const { raw, known, digest, isSmall } = message;
    const isBare = known === undefined && digest === undefined;
    const asked: Asked = isBare ? raw : { raw, known, digest };
    this.#worker.postMessage(asked, isSmall ? [] : [raw.buffer]);
  }

  async stop(): Promise<void> {
    for (const message of this.#messages.splice(0)) message.reject(new Error('the parser pool is closed'));
    this.#die({ reason: 'crash', diagnostic: 'the parser pool is closed' });
    await this.#worker.terminate();
  }

  /** Begins the first message, which is the worker's now: its time runs. */
  #begin(): void {
    this.state = 'parsing';
    this.#begunAt = performance.now();
    this.#worker.ref();
    this.#timer = setTimeout(() => {
      if (this.#current() > 0)
        this.#begin(); // its outcome is on its way
      else this.#die({ reason: 'timeout', diagnostic: `still parsing after ${this.#deadlineMs} ms` });
    }, this.#deadlineMs);
  }

  /** Gives the place of the message that the worker is at: an outcome may have been sent and not have arrived. */
  #current(): number {
    return Math.max(0, Math.min(Atomics.load(this.#begun, 0) - this.#finished, this.#messages.length) - 1);
  }

  /** Makes the worker ready, with the outcome of the first message if there was one. */
  #finish(outcome: ParseOutcome | undefined): void {
    if (this.state === 'dead') return;
    clearTimeout(this.#timer);
    if (outcome !== undefined) {
      this.#events.parsed(performance.now() - this.#begunAt);
      this.#finished++;
      this.#messages.shift()?.resolve(outcome);
    }
    if (this.#messages.length > 0) {
      this.#begin();
    } else {
      this.state = 'idle';
      this.#worker.unref();
    }
    this.#events.idle();
  }

  #die(death: Omit<Death, 'kind'>): void {
    if (this.state === 'dead') return;
    const state = this.state;
    this.state = 'dead';
    clearTimeout(this.#timer);
    if (state === 'parsing') this.#events.parsed(performance.now() - this.#begunAt);
    void this.#worker.terminate();
    const [culprit] = this.#messages.splice(this.#current(), 1);
    const unparsed = this.#messages.splice(0);
    culprit?.resolve({ kind: 'worker-died', ...death });
    this.#events.gone(state, death.diagnostic, unparsed);
  }
}
