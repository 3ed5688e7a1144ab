/**
 * The reply address of a user whom we have at hand.
 *
 * Contract: the key is the one that the gate verifies with. Failure: a word for a user who could not reply.
 */
import { formatReplyAddress, type ReplyAddressForm } from '../mail/address.ts';
import { mintSealedToken, userKey } from '../mail/token.ts';
import type { User } from '../store/directory.ts';

/** The key of a user's new addresses, or why there is none. */
export type MintingKey = { readonly key: Uint8Array } | { readonly problem: 'disabled-user' | 'no-salt' };

/** Gives the key that a user's new addresses are minted under. */
export function mintingKey({ enabled, salts }: User, pepper: Uint8Array): MintingKey {
  if (!enabled) return { problem: 'disabled-user' };
  const current = salts.find(({ endsAt }) => endsAt === undefined);
  return current === undefined ? { problem: 'no-salt' } : { key: userKey(pepper, current.salt) };
}

/** The post that an address is for; `repliedTo` in Unix seconds. */
export interface AddressedPost {
  readonly thread: string;
  readonly threadNumber: number;
  readonly repliedTo: number;
}

/** Makes the sealed reply address of a user for a post. */
export function sealedAddress(
  form: ReplyAddressForm,
  key: Uint8Array,
  { number: userNumber }: Pick<User, 'number'>,
  { thread: locator, threadNumber, repliedTo }: AddressedPost,
): string {
  return formatReplyAddress(form, mintSealedToken(key, { userNumber, threadNumber, repliedTo, locator }));
}
