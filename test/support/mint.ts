// Reply addresses minted in the test's own process, for tests that need many or odd ones.

import { randomBytes } from 'node:crypto';
import { formatReplyAddress } from '../../src/mail/address.ts';
import { mintBoundToken, mintSealedToken, userKey } from '../../src/mail/token.ts';
import type { Directory, User } from '../../src/store/directory.ts';

/** The form of every reply address in the tests. */
export const FORM = { prefix: 'reply+', domain: 'reply.example.org' } as const;

/** Adds a user with one registered address and a random salt. */
export async function addUser(directory: Directory, name: string): Promise<User> {
  const addresses = [`${name}@example.com`];
  const user = await directory.addUser({ name, addresses, salt: randomBytes(32), now: Date.now() });
  if (user === undefined) throw new Error(`the name ${name} is taken`);
  return user;
}

/** What an address is minted for; `repliedTo` in Unix seconds. */
export interface Minting {
  readonly pepper: Uint8Array;
  readonly salt: Uint8Array;
  readonly userNumber: number;
  readonly thread: string;
  readonly repliedTo: number;
}

/** Mints a sealed reply address. */
export async function mintSealed(directory: Directory, minting: Minting): Promise<string> {
  const { userNumber, thread: locator, repliedTo } = minting;
  const threadNumber = await directory.threadNumber(locator);
  const key = userKey(minting.pepper, minting.salt);
  return formatReplyAddress(FORM, mintSealedToken(key, { userNumber, threadNumber, repliedTo, locator }));
}

/** A bound reply address with the Message-ID that it is bound to, without angle brackets. */
export interface BoundAddress {
  readonly address: string;
  readonly messageId: string;
}

/** Mints a bound reply address. */
export function mintBound(minting: Minting): BoundAddress {
  const { userNumber, thread, repliedTo } = minting;
  const messageId = `${thread}/${repliedTo}@${FORM.domain}`;
  const key = userKey(minting.pepper, minting.salt);
  const token = mintBoundToken(key, { userNumber, nonce: randomBytes(4), messageId });
  return { address: formatReplyAddress(FORM, token), messageId };
}
