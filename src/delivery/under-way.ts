/**
 * The memory of attempts under way, and what of the leased items may begin within it.
 *
 * Contract: only large messages count. One may always begin; another one when all together fit. Large ones begin in
 * turn, so that none is passed by a smaller one for ever; small ones pass by those that wait. Whose share of the slots is
 * used up is passed by anyway.
 */
import type { Leased } from './attempt.ts';

/** Messages from this size on count; so many smaller ones as may be under way are no matter. */
const LARGE_BYTES = 256 * 1024;

const isLarge = ({ item }: Leased): boolean => item.bytes >= LARGE_BYTES;

/** The bytes of large messages under way. */
export class UnderWay {
  #bytes = 0;

  /** Takes what may begin next out of a list; undefined when that is nothing. */
  takeNext(
    ahead: Leased[],
    maxBytes: number,
    mayBegin: (leased: Leased) => boolean = () => true,
  ): Leased | undefined {
    const firstLarge = ahead.findIndex((leased) => isLarge(leased) && mayBegin(leased));
    const place = ahead.findIndex(
      (leased, index) =>
        mayBegin(leased) && (!isLarge(leased) || (index === firstLarge && this.#fits(leased, maxBytes))),
    );
    return place < 0 ? undefined : ahead.splice(place, 1)[0];
  }

  /** Takes every large item but the first out of a list: one that waits is enough. */
  takeSurplus(ahead: Leased[]): Leased[] {
    const surplus = ahead.filter(isLarge).slice(1);
    for (const leased of surplus) ahead.splice(ahead.indexOf(leased), 1);
    return surplus;
  }

  /** Counts an attempt that begins. */
  begin(leased: Leased): void {
    if (isLarge(leased)) this.#bytes += leased.item.bytes;
  }

  /** Counts one that ended. */
  end(leased: Leased): void {
    if (isLarge(leased)) this.#bytes -= leased.item.bytes;
  }

  #fits({ item }: Leased, maxBytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + item.bytes <= maxBytes;
  }
}

/**
 * Gives the size of the largest message that is worth a lease: none more is large while a large one waits. Undefined
 * is any.
 */
export function wantedBytes(ahead: readonly Leased[]): number | undefined {
  return ahead.some(isLarge) ? LARGE_BYTES - 1 : undefined;
}
