/**
 * Idempotency-Key: the same request under the same key is carried out once, and answered alike for a day.
 *
 * Contract: a key belongs to its holder and route. Under the same key another request is refused with 422, and one that
 * is still being carried out with 409, on whichever host that is: a key is claimed in the store before anything is done.
 * Problems are kept as answers are, but for those that a later try may not have.
 * Limits: after a host that died in the middle of a request its key answers 409 to others until the claim ends
 * ({@link CLAIM_MS}). An answer is kept after the request was carried out; a daemon that dies between the two carries a repetition
 * out again. Routes of which that would be a harm see to the key in their own commit.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { ApiAccess, KeyClaim } from '../store/api-access.ts';
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
    if (this.#underWay.has(key)) throw underWay();
    this.#underWay.add(key);
    try {
      const request = createHash('sha256').update(JSON.stringify(body)).digest();
      const before = await answerOfBefore(store, key, request);
      if (before !== undefined) return before;
      const claim = { key, claimer: randomUUID() };
      if (await store.claimKey(claim, Date.now() - KEPT_MS))
        return await underClaim(store, claim, request, carryOut);
      // Another host has it, or has just answered.
      const now = await answerOfBefore(store, key, request);
      if (now === undefined) throw underWay();
      return now;
    } finally {
      this.#underWay.delete(key);
    }
  }
}

/** Makes the problem of an Idempotency-Key that cannot be used. */
export const keyFault = (detail: string): Error =>
  refuse('invalid', `Idempotency-Key: ${detail}`, [{ pointer: 'Idempotency-Key', detail }]);

const underWay = (): Error =>
  refuse('conflict', 'Idempotency-Key: a request under this key is still being carried out');

/** Gives the answer that was given to this request under its key, if any; throws where it was another request. */
async function answerOfBefore(
  store: ApiAccess,
  key: string,
  request: Buffer,
): Promise<JsonAnswer | undefined> {
  const kept = await store.keptAnswer(key);
  if (kept === undefined || kept.answeredAt <= Date.now() - KEPT_MS) return undefined;
  if (!request.equals(kept.request)) throw keyFault('was given with another request before');
  return { status: kept.status, body: kept.body, isReplayed: true };
}

/** Carries out a request whose key is claimed; what is not kept leaves the key free. */
async function underClaim(
  store: ApiAccess,
  claim: KeyClaim,
  request: Buffer,
  carryOut: () => Promise<JsonAnswer>,
): Promise<JsonAnswer> {
  let isKept = false;
  try {
    const answer = await carryOut();
    const { status, body } = answer;
    if (!PASSING.has(status)) {
      const now = Date.now();
      await store.keepAnswer({ key: claim.key, request, status, body, answeredAt: now }, now - KEPT_MS);
      isKept = true;
    }
    return answer;
  } finally {
    // Where that fails, the claim ends by itself.
    if (!isKept) await store.releaseKey(claim).catch(() => undefined);
  }
}
