/**
 * The HTTP interface's own rows as a port: who may ask it, and what was answered under an Idempotency-Key.
 *
 * Contract and failure as of store.ts. A token itself is never stored: only its digest, by which it is found.
 */

/** A holder of an API token; `createdAt` in milliseconds since the epoch. */
export interface TokenHolder {
  readonly name: string;
  /** What may be asked, by the scopes' names. */
  readonly scopes: readonly string[];
  readonly createdAt: number;
}

/** An answer that is given again when the same request comes under the same key. */
export interface KeptAnswer {
  /** The holder, the route and the Idempotency-Key. */
  readonly key: string;
  /** The digest of the request. */
  readonly request: Uint8Array;
  readonly status: number;
  readonly body: string;
  readonly answeredAt: number;
}

/** A claim of a key, so that of several hosts one carries out what was asked under it. */
export interface KeyClaim {
  readonly key: string;
  /** Whose claim it is: a word that nobody else has. */
  readonly claimer: string;
}

/** After so long without an answer a claim is over: its host may be gone. */
export const CLAIM_MS = 60_000;

/** Tokens and kept answers. */
export interface ApiAccess {
  /** Adds a holder; false where the name is taken. */
  addToken(holder: TokenHolder, hash: Uint8Array): Promise<boolean>;
  /** Removes a holder's token; false where there is none. */
  removeToken(name: string): Promise<boolean>;
  /** Lists the holders by name. */
  tokens(): Promise<readonly TokenHolder[]>;
  /** Finds the holder of the token with this SHA-256. */
  tokenHolder(hash: Uint8Array): Promise<TokenHolder | undefined>;
  /**
   * Claims a key for a request, unless it was answered since `forgetBefore` or another host is at a request under it; tells
   * whether it did. The claim ends by itself.
   */
  claimKey(claim: KeyClaim, forgetBefore: number): Promise<boolean>;
  /** Gives up the claim of a key that is not answered for good. */
  releaseKey(claim: KeyClaim): Promise<void>;
  /** Keeps an answer, which ends the claim, and forgets those given before `forgetBefore`. */
  keepAnswer(answer: KeptAnswer, forgetBefore: number): Promise<void>;
  /** Finds the answer that was given under a key. */
  keptAnswer(key: string): Promise<KeptAnswer | undefined>;
}
