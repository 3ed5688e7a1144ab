/** What a platform gave with an address, to have it back with the reply, as a port. Contract and failure as of store.ts. */

/** The address that a context belongs to: whose it is and what it answers; the time in milliseconds since the epoch. */
export interface ContextKey {
  readonly userNumber: number;
  readonly thread: string;
  readonly repliedToAt: number;
}

/** A context to be kept, as JSON, until the address expires. */
export interface NewContext extends ContextKey {
  readonly context: string;
  readonly expiresAt: number;
}

/** The contexts of addresses. */
export interface Contexts {
  /** Keeps contexts; one that the address had before is replaced. */
  setContexts(contexts: readonly NewContext[]): Promise<void>;
  /** Finds the context of an address. */
  contextOf(key: ContextKey): Promise<string | undefined>;
}
