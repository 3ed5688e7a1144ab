/**
 * The trail of a case: what each rule of the gate saw and decided, for people who ask why.
 *
 * Contract: a rule adds one finding to the trail, whatever it decided. The daemon keeps no trail, and then nothing is
 * put into words. A rule hands on a richer value, or ends the way of its case with a disposition.
 */
import type { DiscardReason, Disposition } from '../mail/disposition.ts';
import type { NewNotice } from '../store/notices.ts';

/** The rules in the order of docs/how-it-works.md, The gate; a bound address meets `token` and `age` at the end of data. */
export type Rule =
  | 'address'
  | 'token'
  | 'match'
  | 'user'
  | 'age'
  | 'automatic'
  | 'malformed'
  | 'sender_policy'
  | 'spam'
  | 'duplicate';

/** The decision of a rule: to go on, as usual or with a mark, or one of the dispositions. */
export type Decision =
  | 'pass'
  | 'off'
  | 'flagged'
  | 'held'
  | 'duplicate'
  | Exclude<Disposition['verdict'], 'accepted'>;

/** One rule's decision, and in words what it rests on. */
export interface Finding {
  readonly rule: Rule;
  readonly result: Decision;
  readonly saw: string;
}

/** The findings of the rules, in their order; undefined where nobody asked. */
export type Trail = Finding[] | undefined;

/** Whatever has a trail. */
interface Trailed {
  readonly trail: Trail;
}

/** The end of a recipient's way through the gate. */
export interface End {
  readonly kind: 'end';
  readonly disposition: Disposition;
  /** What the author is told of it. */
  readonly notice?: NewNotice | undefined;
}

/** A disposition without an item. */
type Refusal = Exclude<Disposition, { verdict: 'accepted' }>;

/** Ends the way of a case at a rule. */
export function endAt(
  { trail }: Trailed,
  rule: Rule,
  disposition: Refusal,
  saw = disposition.detail ?? disposition.reason,
): End {
  trail?.push({ rule, result: disposition.verdict, saw });
  return { kind: 'end', disposition };
}

/** Ends the way of a case with a discard. */
export function discard(trailed: Trailed, rule: Rule, reason: DiscardReason, detail: string): End {
  return endAt(trailed, rule, { verdict: 'discarded', reason, detail });
}

const DAY_SECONDS = 86_400;

/** Puts an age into words; times in Unix seconds. */
export function sawAge(repliedTo: number, nowMs: number, maxAgeMs: number): string {
  const days = (seconds: number): string => String(Math.round((seconds / DAY_SECONDS) * 10) / 10);
  const post = `the post is of ${new Date(repliedTo * 1000).toISOString().replace('.000Z', 'Z')}`;
  return `${post}, ${days(nowMs / 1000 - repliedTo)} days ago; reply.max_age is ${days(maxAgeMs / 1000)} days`;
}
