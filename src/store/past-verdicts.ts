/** The verdicts of the last days by which a recipient got nothing, as a port. Contract and failure as of store.ts. */
import type { PastVerdict } from '../observe/past-verdicts.ts';
import type { Nullable } from './item-view.ts';

/** How long they are kept. */
export const PAST_VERDICT_MS = 7 * 86_400_000;

/** How many are kept, the newest. */
export const MOST_PAST_VERDICTS = 100_000;

/** Most out-of-date ones that one call removes. */
export const MOST_FORGOTTEN = 2000;

/** A verdict that is kept, with its number: later ones have greater numbers. */
export interface NumberedVerdict extends PastVerdict {
  readonly number: number;
}

/** The fields by which verdicts are asked for. */
export const WANTED_FIELDS = [
  'verdict',
  'reason',
  'address',
  'user',
  'thread',
  'fromDomain',
  'messageId',
  'queueId',
] as const satisfies readonly (keyof PastVerdict)[];

/** What verdicts are wanted: those that agree with every field that is there. */
type Wanted = { readonly [Field in (typeof WANTED_FIELDS)[number]]?: PastVerdict[Field] | undefined };

/** Which ones are asked for. */
export interface PastVerdictQuery extends Wanted {
  /** Given at that time or later. */
  readonly since: number;
  /** Of smaller numbers alone: the number of the last one that the caller has. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** The port. */
export interface PastVerdicts {
  /**
   * Adds verdicts, and removes a bounded number of those that are older than {@link PAST_VERDICT_MS} at `now`, or beyond
   * the newest {@link MOST_PAST_VERDICTS}. Needs no fsync of its own.
   */
  addPastVerdicts(verdicts: readonly PastVerdict[], now: number): Promise<void>;
  /** Gives those that are asked for, the newest first. */
  pastVerdicts(query: PastVerdictQuery): Promise<readonly NumberedVerdict[]>;
}

/** The fields of a verdict that a store keeps, by the names of its columns; the optional ones last. */
export const PAST_VERDICT_COLUMNS = {
  at: 'at',
  verdict: 'verdict',
  reason: 'reason',
  session: 'session',
  detail: 'detail',
  cause: 'cause',
  address: 'address',
  user: 'user_name',
  thread: 'thread',
  fromDomain: 'from_domain',
  messageId: 'message_id',
  queueId: 'queue_id',
} as const satisfies Record<keyof PastVerdict, string>;

/** Leaves out what a row does not say. */
export function saidOf(row: Nullable<NumberedVerdict>): NumberedVerdict {
  const { number, at, verdict, reason, session, ...others } = row;
  const said = Object.entries(others).filter(([, value]) => value !== null);
  return { number, at, verdict, reason, session, ...Object.fromEntries(said) };
}
