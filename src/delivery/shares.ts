/**
 * Whose attempts may begin: a platform that hangs for one user's replies delays nobody else's.
 *
 * Contract: whoever has nothing under way may begin in any free slot. A user whose last attempt ended promptly may have
 * all slots but a few, which are kept for others; of anybody else, known to be slow or not known yet, another attempt
 * begins while they have fewer under way than slots are free. So each one who hangs leaves half of what was left.
 * A user who may not begin, and of whom nothing ends, is left out of leases until one of their attempts has ended. Pure:
 * monotonic time in milliseconds comes from outside. Every call but `takeHeld` costs the same however many there are.
 * Limits: with one slot there is nothing to share; as many users as there are slots can take them all.
 */
import type { Leased } from './attempt.ts';

/** An attempt that takes longer is slow. */
const PROMPT_MS = 500;

/** Of so many slots one is kept for those who have nothing under way. */
const SLOTS_PER_KEPT = 8;

/** Users that are remembered as prompt. */
const MOST_PROMPT = 10_000;

/** The attempts that one user has under way, and the time when they last became fewer, or more than none. */
interface Share {
  underWay: number;
  movedAt: number;
}

/** The attempts under way by user; its owner calls `begin` and `end` for every attempt. */
export class Shares {
  readonly #shares = new Map<string, Share>();
  /** Users whose last attempt ended promptly; the first are those of long ago. */
  readonly #prompt = new Set<string>();
  readonly #leftOut = new Set<string>();

  /** Lists the users of whom nothing more is to be leased now. */
  get leftOut(): ReadonlySet<string> {
    return this.#leftOut;
  }

  /** Tells whether an attempt of this user may begin, of so many slots in all while so many are free. */
  mayBegin(user: string, slots: number, free: number, now: number): boolean {
    const share = this.#shares.get(user);
    if (share === undefined) return free > 0;
    return this.#moves(user, share, now) ? free > Math.ceil(slots / SLOTS_PER_KEPT) : share.underWay < free;
  }

  /** Takes out of a list what waits for attempts of its own user's that do not end, and leaves those users out. */
  takeHeld(ahead: Leased[], slots: number, free: number, now: number): Leased[] {
    const isHeld = ({ item: { user } }: Leased): boolean => {
      const share = this.#shares.get(user);
      if (share === undefined || this.#moves(user, share, now)) return false;
      return !this.mayBegin(user, slots, free, now);
    };
    const held = ahead.filter(isHeld);
    for (const leased of held) {
      ahead.splice(ahead.indexOf(leased), 1);
      this.#leftOut.add(leased.item.user);
    }
    return held;
  }

  /** Counts an attempt that begins. */
  begin(user: string, now: number): void {
    const share = this.#shares.get(user);
    if (share === undefined) this.#shares.set(user, { underWay: 1, movedAt: now });
    else share.underWay++;
  }

  /** Counts one that ended; gives whether its user is left out no more. */
  end(user: string, beganAt: number, now: number): boolean {
    const share = this.#shares.get(user);
    if (share !== undefined) {
      share.underWay--;
      share.movedAt = now;
      if (share.underWay === 0) this.#shares.delete(user);
    }
    this.#prompt.delete(user);
    if (now - beganAt < PROMPT_MS) this.#prompt.add(user);
    if (this.#prompt.size > MOST_PROMPT) this.#forgetOldest();
    return this.#leftOut.delete(user);
  }

  /** Forgets who is prompt and who is left out: another sink may be slow for others. */
  forget(): void {
    this.#prompt.clear();
    this.#leftOut.clear();
  }

  #moves(user: string, { movedAt }: Share, now: number): boolean {
    return now - movedAt < PROMPT_MS && this.#prompt.has(user);
  }

  #forgetOldest(): void {
    for (const oldest of this.#prompt) {
      this.#prompt.delete(oldest);
      return;
    }
  }
}
