/**
 * The installation's secret, and which one the store's addresses rest on.
 *
 * Contract: a pepper leaves this file as a fingerprint only, by which two outputs can be compared.
 */
import { pepperFingerprint } from '../mail/token.ts';
import { showPepper } from '../site/pepper.ts';
import type { SecretSession } from '../site/session.ts';

/** A pepper by fingerprint; `acceptedAt` is undefined for one that only the file has. */
export interface ShownPepper {
  readonly fingerprint: string;
  readonly isInForce: boolean;
  readonly isInFile: boolean;
  readonly acceptedAt: number | undefined;
}

/** Lists the peppers that addresses were minted under, and the one in the file. */
export async function listPeppers({ pepper, store }: SecretSession): Promise<readonly ShownPepper[]> {
  const own = pepperFingerprint(pepper);
  const accepted = await store.peppers();
  const known = accepted.map(({ fingerprint, acceptedAt }, index) => ({
    fingerprint: showPepper(fingerprint),
    isInForce: index === accepted.length - 1,
    isInFile: own.equals(fingerprint),
    acceptedAt,
  }));
  if (known.some(({ isInFile }) => isInFile)) return known;
  const inFile = { fingerprint: showPepper(own), isInForce: false, isInFile: true, acceptedAt: undefined };
  return [...known, inFile];
}
