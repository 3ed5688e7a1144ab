/**
 * Idempotency-Key: the same request under the same key is carried out once, and answered alike for a day.
 *
 * Contract: a key belongs to its holder and route. Under the same key another request is refused with 422, and one that
 * is still being carried out with 409. Problems are kept as answers are, but for those that a later try may not have.
 * Limits: an answer is kept after the request was carried out; a daemon that dies between the two carries a repetition
 * out again. Routes of which that would be a harm see to the key in their own commit.
 */
import { createHash } from 'node:crypto';
import type { ApiAccess } from '../store/api-access.ts';
import { refuse } from './problem.ts';

/** How long an answer is kept. */
const KEPT_MS = 86_400_000;

/** Statuses of problems that a later try may not have. */
const PASSING: ReadonlySet<number> = new Set([408, 429, 500, 503]);

/** An answer of JSON. */
export interface JsonAnswer {
  readonly status: number;
  readonly body: string;
  /** Whether it was given before. */
  readonly isReplayed?: boolean;
}

/** Requests that are being carried out under a key. */
export class Repetitions {
  readonly #underWay = new Set<string>();

  /** Gives the answer of before under this key, or carries the request out and keeps its answer. */
  async once(
    store: ApiAccess,
    key: string,
    body: unknown,
    carryOut: () => Promise<JsonAnswer>,
  ): Promise<JsonAnswer> {
    if (this.#underWay.has(key))
      throw refuse('conflict', 'Idempotency-Key: a request under this key is still being carried out');
    this.#underWay.add(key);
    try {
      const request = createHash('sha256').update(JSON.stringify(body)).digest();
      const kept = await store.keptAnswer(key);
      if (kept !== undefined && kept.answeredAt > Date.now() - KEPT_MS) {
        if (!request.equals(kept.request))
          throw refuse('invalid', 'Idempotency-Key: was given with another request before');
        return { status: kept.status, body: kept.body, isReplayed: true };
      }
      const answer = await carryOut();
      if (!PASSING.has(answer.status)) {
        const now = Date.now();
        const { status, body: text } = answer;
        await store.keepAnswer({ key, request, status, body: text, answeredAt: now }, now - KEPT_MS);
      }
      return answer;
    } finally {
      this.#underWay.delete(key);
    }
  }
}
