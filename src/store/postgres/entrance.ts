/**
 * The entrance of the store: natural group commit.
 *
 * Contract: a batch is whatever arrived while the last one was being committed; no timer delays it. It is one call, and a
 * transaction by itself. A call whose connection was lost is repeated on another one: nobody is told of a commit that nobody
 * knows of.
 * Failure: when a batch fails, its messages are tried one by one, so that only the culprit's caller is told. Without the
 * database a message waits for about {@link REPEAT_MS} and the time of one answer, and is refused then. What has come in
 * before the store is closed is committed first; without the database that is waited for {@link CLOSE_MS}.
 */
import type { CommitMeasures } from '../../observe/commit-measures.ts';
import { withinDeadline } from '../../system/deadline.ts';
import { errorText } from '../../system/error-text.ts';
import { freeMemory } from '../../system/memory.ts';
import type { AcceptResult } from '../acceptance.ts';
import { type Arrival, blobOf, readAnswer, rowsOf } from './batch.ts';
import { codeOf, isConflict, isFull, isLoss } from './explain.ts';
import type { Ground } from './ground.ts';

/** A batch ends when it holds this many bytes, or this many items: each has locks in the server's table of them. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
const MAX_BATCH_ITEMS = 256;

/**
 * For how long a call is repeated after its message arrived: one that is not answered may last as long again. Longer than an
 * answer may take: a call on a connection that has died without a word is asked again once.
 */
export const REPEAT_MS = 10_500;

/** For how long a store that is closed waits for what has come in. */
const CLOSE_MS = 5000;

const ACCEPT = 'SELECT mailgw_accept_1($1, $2, $3) AS answer';

/** An arrival with whom to tell. */
interface Waiting extends Arrival {
  readonly arrivedMs: number;
  readonly resolve: (result: AcceptResult) => void;
  readonly reject: (error: unknown) => void;
}

/** The entrance. */
export class Entrance {
  readonly #ground: Ground;
  readonly #waiting: Waiting[] = [];
  readonly #measures: CommitMeasures | undefined;
  #working: Promise<void> | undefined;

  constructor(ground: Ground, measures?: CommitMeasures) {
    this.#ground = ground;
    this.#measures = measures;
  }

  /** Accepts a message with the next batch. */
  async accept(arrival: Arrival): Promise<AcceptResult> {
    const result = await new Promise<AcceptResult>((resolve, reject) => {
      this.#waiting.push({ ...arrival, arrivedMs: performance.now(), resolve, reject });
      this.#working ??= this.#work();
    });
    return result;
  }

  /** Waits until all that has come in is committed or refused, but no longer than 5 s. */
  async close(): Promise<void> {
    await withinDeadline(CLOSE_MS, async () => {
      await this.#working;
    }).catch(() => undefined);
  }

  async #work(): Promise<void> {
    // What arrives in the same turn is of the same batch.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) await this.#commit(this.#next());
    // In the same turn as the last look at the list: a message that came in between would wait for the next one.
    this.#working = undefined;
  }

  #next(): Waiting[] {
    let bytes = 0;
    let items = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      bytes += waiting.raw.byteLength;
      items += waiting.items.length;
      if (count > 0 && (bytes > MAX_BATCH_BYTES || items > MAX_BATCH_ITEMS)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const { database, clock, host } = this.#ground;
    try {
      const values = [host, rowsOf(batch, clock), blobOf(batch)];
      const until = Math.min(...batch.map(({ arrivedMs }) => arrivedMs)) + REPEAT_MS;
      const begunAt = performance.now();
      const [row] = await database.call<{ answer: string }>(ACCEPT, values, until);
      this.#measures?.messages.observe(batch.length);
      this.#measures?.seconds.observe((performance.now() - begunAt) / 1000);
      const lines = row?.answer.split('\n') ?? [];
      for (const [at, waiting] of batch.entries()) {
        waiting.resolve(readAnswer(lines[at] ?? '', waiting));
        free(waiting.raw);
      }
    } catch (error) {
      if (batch.length > 1 && isOfOne(error)) for (const each of batch) await this.#commit([each]);
      else for (const each of batch) refuse(each, error);
    }
  }
}

/** Tells whether an error may be that of one message of a batch: not one of the server's state, or of the way there. */
function isOfOne(error: unknown): boolean {
  return !isLoss(error) && !isConflict(error) && !/^(53|55|57|58)/.test(codeOf(error));
}

function refuse({ resolve, reject }: Waiting, error: unknown): void {
  if (isFull(error)) resolve({ kind: 'storage-full', detail: errorText(error) });
  else reject(error);
}

/** Frees the memory of a message that is in the store now, where it is nobody else's. */
function free(raw: Uint8Array): void {
  if (raw.byteOffset === 0 && raw.byteLength * 2 >= raw.buffer.byteLength) freeMemory(raw);
}
