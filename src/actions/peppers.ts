/**
 * The installation's secret, and which one the store's addresses rest on.
 *
 * Contract: a pepper leaves this file as a fingerprint only, by which two outputs can be compared.
 */
import { pepperFingerprint } from '../mail/token.ts';
import { showPepper } from '../site/pepper.ts';
import type { SecretSession } from '../site/session.ts';

/** A pepper by fingerprint; `acceptedAt` is undefined for one that only a file has. */
export interface ShownPepper {
  readonly fingerprint: string;
  readonly isInForce: boolean;
  readonly isInFile: boolean;
  readonly acceptedAt: number | undefined;
}

/** Lists the peppers that addresses were minted under, and those in the files. */
export async function listPeppers({ peppers, store }: SecretSession): Promise<readonly ShownPepper[]> {
  const own = new Set(peppers.map(({ bytes }) => showPepper(pepperFingerprint(bytes))));
  const accepted = await store.peppers();
  const known = accepted.map(({ fingerprint, acceptedAt }, index) => ({
    fingerprint: showPepper(fingerprint),
    isInForce: index === accepted.length - 1,
    isInFile: own.has(showPepper(fingerprint)),
    acceptedAt,
  }));
  const only = [...own].filter((fingerprint) => !known.some((each) => each.fingerprint === fingerprint));
  return [
    ...known,
    ...only.map((fingerprint) => ({ fingerprint, isInForce: false, isInFile: true, acceptedAt: undefined })),
  ];
}
