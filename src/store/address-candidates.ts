/**
 * Who may have registered an address: what a store can look up by an index, before {@link foldAddress} tells who has.
 *
 * Limits: of an internationalised domain it knows the A-labels and the lower-case U-labels.
 */
import { domainToUnicode } from 'node:url';
import { foldAddress } from '../mail/address.ts';
import type { User } from './directory.ts';

/** What addresses are looked up by; a store lowers ASCII letters alone. */
export interface Candidates {
  /** The address as somebody may have registered it, in lower case. */
  readonly forms: readonly string[];
  /** The local part before the plus tags of those who registered it with one. */
  readonly local: string;
}

/** Lists what an address may be registered as. */
export function candidatesOf(address: string, plusTags: 'compare' | 'ignore'): Candidates {
  const folded = foldAddress(address, plusTags);
  const at = folded.lastIndexOf('@');
  const local = folded.slice(0, Math.max(0, at));
  const unicode = `${local}@${domainToUnicode(folded.slice(at + 1))}`;
  return { forms: [foldAddress(address), folded, unicode], local };
}

/** Keeps the users who have registered an address. */
export function thoseWith(
  users: readonly User[],
  address: string,
  plusTags: 'compare' | 'ignore',
): readonly User[] {
  const folded = foldAddress(address, plusTags);
  return users.filter(({ addresses }) => addresses.some((own) => foldAddress(own, plusTags) === folded));
}
