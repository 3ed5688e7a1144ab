/**
 * The directory as a port: users with their addresses and salts, and the threads.
 *
 * Contract and failure as of the queue's (queue.ts). All times are integer milliseconds since the epoch.
 */

/** A salt; `endsAt` is undefined for the current one and the end of the grace period for a previous one. */
export interface Salt {
  readonly salt: Uint8Array;
  readonly createdAt: number;
  readonly endsAt: number | undefined;
}

/** A user with what verification needs. */
export interface User {
  readonly number: number;
  readonly name: string;
  readonly enabled: boolean;
  readonly createdAt: number;
  readonly addresses: readonly string[];
  readonly salts: readonly Salt[];
}

/** Users, salts and threads. */
export interface Directory {
  /** The user with this number. */
  userByNumber(number: number): Promise<User | undefined>;
  /** The user with this name. */
  userByName(name: string): Promise<User | undefined>;
  /** All users by name. */
  listUsers(): Promise<readonly User[]>;
  /** Adds a user; undefined when the name is taken. */
  addUser(user: {
    readonly name: string;
    readonly addresses: readonly string[];
    readonly salt: Uint8Array;
    readonly now: number;
  }): Promise<User | undefined>;
  /** Changes a user; false when there is none. */
  setUser(
    name: string,
    change: { readonly addresses?: readonly string[] | undefined; readonly enabled?: boolean | undefined },
  ): Promise<boolean>;
  /** Removes a user and their salts, which voids all their addresses; false when there is none. */
  removeUser(name: string): Promise<boolean>;
  /** Gives a user a new salt; the previous one verifies until `graceEndsAt`, or no longer at all. */
  rotateSalt(name: string, salt: Uint8Array, now: number, graceEndsAt: number | undefined): Promise<boolean>;
  /** The locator of a thread number. */
  threadByNumber(number: number): Promise<string | undefined>;
  /** The number of a thread, made when the locator is new. */
  threadNumber(locator: string): Promise<number>;
}
