/** The form of what the directory takes in: names of users, and addresses that they write from. */
import { foldDomain, splitAddress } from '../mail/address.ts';
import { parseRcpt } from '../mail/envelope.ts';
import { isPrintable } from '../system/printable.ts';
import type { Config } from './config.ts';

const MAX_NAME_OCTETS = 255;

/** Says why nobody can be called so; undefined for a good name. */
export function nameProblem(name: string): string | undefined {
  const isGood =
    name !== '' && name.trim() === name && isPrintable(name) && Buffer.byteLength(name) <= MAX_NAME_OCTETS;
  return isGood
    ? undefined
    : `expected 1 to ${MAX_NAME_OCTETS} octets without control characters or spaces around them`;
}

/** Says why an address cannot be one that a user writes from; undefined for a good one. */
export function addressProblem({ reply }: Pick<Config, 'reply'>, address: string): string | undefined {
  const parsed = parseRcpt(`TO:<${address}>`);
  const parts = splitAddress(address);
  if (!parsed.ok || parsed.value !== address || parts === undefined || !isPrintable(address))
    return 'is not a mail address; expected one such as alice@example.com';
  if (reply.domain.map(foldDomain).includes(foldDomain(parts.domain)))
    return 'is in reply.domain; expected the address the user writes from';
  return undefined;
}
