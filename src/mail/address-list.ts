/** Lists of one person's addresses: one list taken into another, and the same list told. */
import { foldAddress } from './address.ts';

/** Where addresses go in a list: before those that are there, behind them, or in their place. */
export type AddressMerge = 'before' | 'behind' | 'only';

/** Takes addresses into a list; an address that is in both stands once, and is spelt as in the list that comes first. */
export function mergeAddresses(
  there: readonly string[],
  taken: readonly string[],
  merge: AddressMerge,
): readonly string[] {
  const order = { before: [...taken, ...there], behind: [...there, ...taken], only: taken }[merge];
  const found = new Map<string, string>();
  for (const address of order) {
    const folded = foldAddress(address);
    if (!found.has(folded)) found.set(folded, address);
  }
  return [...found.values()];
}

/** Tells whether two lists have the same addresses in the same order, however they are spelt. */
export function isSameAddresses(one: readonly string[], other: readonly string[]): boolean {
  return (
    one.length === other.length &&
    one.every((address, index) => foldAddress(address) === foldAddress(other[index] ?? ''))
  );
}

/** Tells whether a list, each of it once, is the one that is there, letter by letter. */
export function isSameList(wanted: readonly string[], there: readonly string[]): boolean {
  const all = [...new Set(wanted)];
  return all.length === there.length && there.every((each, index) => all[index] === each);
}
