/** The peppers that a store's addresses were minted under, as a port. Contract and failure as of store.ts. */

/** A pepper by its fingerprint; `acceptedAt` in milliseconds since the epoch. */
export interface AcceptedPepper {
  readonly fingerprint: Uint8Array;
  readonly acceptedAt: number;
}

/** The peppers of a store: never themselves, and every one that ever minted. */
export interface Peppers {
  /** Lists all that were accepted, the oldest first; the last one is in force. */
  peppers(): Promise<readonly AcceptedPepper[]>;
  /** Puts a pepper in force; with `onlyFirst` it does so only where none ever was. */
  acceptPepper(fingerprint: Uint8Array, now: number, onlyFirst: boolean): Promise<void>;
}
