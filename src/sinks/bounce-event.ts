/**
 * What a sink is told of a notification that came back.
 *
 * Contract: what the bounce says is another system's word, and anybody who holds the reply address could have written
 * it: `registered` says whether the address is one of the user's own, and no other should be acted upon. No text in it
 * holds a token of ours. The thread is undefined where a bound address alone does not prove one, and of a digest.
 * Failure: a message that is no bounce after all gives undefined.
 */
import { foldAddress } from '../mail/address.ts';
import { parseBounce } from '../mail/bounce.ts';
import { plainLine } from '../mail/encoded-word.ts';
import { isReserved } from '../mail/reserved.ts';
import type { Users } from '../store/directory.ts';
import type { BounceKind, LeasedItem } from '../store/item.ts';

/** A bounce as a sink gets it; times in milliseconds since the epoch. */
export interface BounceEvent {
  readonly id: string;
  readonly user: string;
  readonly thread: string | undefined;
  readonly receivedAt: number;
  readonly kind: BounceKind;
  /** The address that failed, as far as the bounce names one. */
  readonly recipient: string | undefined;
  /** Whether it is one of the user's registered addresses. */
  readonly registered: boolean;
  /** `failed` or `delayed`, as in RFC 3464 §2.3.3. */
  readonly action: string | undefined;
  /** An RFC 3463 code. */
  readonly status: string | undefined;
  readonly diagnostic: string | undefined;
  readonly reportingMta: string | undefined;
}

/** Reads the bounce of an item from its message. */
export type ReadBounce = (item: LeasedItem, raw: Uint8Array) => Promise<BounceEvent | undefined>;

/** Gives the function that reads bounces; `mask` hides tokens. */
export function createReadBounce(users: Users, mask: (text: string) => string): ReadBounce {
  const clean = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : plainLine(mask(text));
  return async ({ id, user: name, userNumber, thread, receivedAt, bounce: kind }, raw) => {
    const bounce = parseBounce(raw);
    if (bounce === null || kind === undefined) return undefined;
    const user =
      userNumber === undefined ? await users.userByName(name) : await users.userByNumber(userNumber);
    const failed = bounce.recipient === undefined ? undefined : foldAddress(bounce.recipient);
    return {
      id,
      user: name,
      thread: thread === '' || isReserved(thread) ? undefined : thread,
      receivedAt,
      kind,
      recipient: clean(bounce.recipient),
      registered: user?.addresses.some((address) => foldAddress(address) === failed) ?? false,
      action: bounce.action,
      status: bounce.status,
      diagnostic: clean(bounce.diagnostic),
      reportingMta: clean(bounce.reportingMta),
    };
  };
}
