/**
 * The directory as a port: users with their addresses and salts, and the threads.
 *
 * Contract and failure as of store.ts. All times are integer milliseconds since the epoch.
 */
import type { AddressMerge } from '../mail/address-list.ts';

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
  /** In the order in which they were given: notifications go to the first. */
  readonly addresses: readonly string[];
  readonly salts: readonly Salt[];
}

/** How long a user who was removed can be restored. */
export const RESTORABLE_MS = 30 * 86_400_000;

/** A user who was removed. */
export interface RemovedUser {
  readonly number: number;
  readonly name: string;
  readonly removedAt: number;
  readonly addresses: readonly string[];
}

/** The result of a restoration, or why it did nothing. */
export type Restoration =
  | {
      readonly kind: 'restored';
      readonly user: User;
      /** Replies that were held because their user was gone, and are ready again. */
      readonly released: number;
      /** Addresses that somebody else has registered by now, and who: they were left out. */
      readonly leftOut: readonly { readonly address: string; readonly user: string }[];
    }
  /** No such user was removed, or too long ago. */
  | { readonly kind: 'unknown' }
  /** Somebody else has the name by now. */
  | { readonly kind: 'name-taken'; readonly by: number };

/** The state that a user is to have; what is left out stays, or is none and enabled for a new one. */
export interface WantedUser {
  readonly name: string;
  readonly addresses?: readonly string[] | undefined;
  readonly enabled?: boolean | undefined;
  /** The salt of a new user. */
  readonly salt: Uint8Array;
}

/** The change that brought a user to the state that was wanted. */
export type UserChange = 'created' | 'changed' | 'unchanged';

/** A user as the platform names them: what it says is no order, and takes nothing from anybody. */
export interface NamedUser {
  readonly name: string;
  readonly addresses: readonly string[];
  /** Where the addresses go among those that the user has already. */
  readonly merge: AddressMerge;
  /** The salt of a new user. */
  readonly salt: Uint8Array;
}

/** The change that came of a user whom the platform named, or why there was none. */
export type NamedChange =
  | { readonly kind: UserChange }
  /** Another user of ours has the address. */
  | { readonly kind: 'taken'; readonly address: string; readonly by: string }
  /** A user of the name was removed, and not erased: only an operator brings them back. */
  | { readonly kind: 'removed'; readonly removedAt: number };

/** The result of giving a user another name, or why it did nothing. */
export type Renaming =
  | { readonly kind: 'renamed'; readonly user: User }
  /** No user has the name. */
  | { readonly kind: 'unknown' }
  /** Somebody else has the new name. */
  | { readonly kind: 'taken'; readonly by: number }
  /** Somebody who was removed had the new name, and can come back until the store forgets them. */
  | { readonly kind: 'removed'; readonly by: number; readonly removedAt: number };

/** The result of giving a thread another locator, or why it did nothing. */
export type ThreadRenaming =
  | {
      readonly kind: 'renamed';
      readonly number: number;
      /** Whether the store knew the thread; of bound addresses alone it does not. */
      readonly wasKnown: boolean;
      /** Replies of the thread that are not posted yet, and go to the new place. */
      readonly open: number;
    }
  /** Another thread has the new locator. */
  | { readonly kind: 'taken'; readonly by: number };

/** The users as whoever has a name or a number looks them up. */
export interface Users {
  /** Finds the user with this number. */
  userByNumber(number: number): Promise<User | undefined>;
  /** Finds the user with this name. */
  userByName(name: string): Promise<User | undefined>;
}

/** Users, salts and threads. */
export interface Directory extends Users {
  /** Lists the users who have registered an address; with `ignore` a plus tag makes no other address. */
  usersByAddress(address: string, plusTags: 'compare' | 'ignore'): Promise<readonly User[]>;
  /** Lists all users by name. */
  listUsers(): Promise<readonly User[]>;
  /** Lists so many users with numbers below `before`, the newest first. */
  usersBefore(before: number, limit: number): Promise<readonly User[]>;
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
  /** Brings users to the states that are wanted, in order and in one transaction; says of each what that changed. */
  putUsers(users: readonly WantedUser[], now: number): Promise<readonly UserChange[]>;
  /**
   * Takes in users whom the platform names, in order and in one transaction. Never an address that another user has,
   * compared as `plusTags` says, and nobody who was removed; who is disabled stays disabled.
   */
  takeUsers(
    users: readonly NamedUser[],
    plusTags: 'compare' | 'ignore',
    now: number,
  ): Promise<readonly NamedChange[]>;
  /** Gives a user another name; number, salts and addresses stay, and what waits for them follows. */
  renameUser(from: string, to: string, now: number): Promise<Renaming>;
  /** Removes a user, which voids all their addresses until they are restored; false when there is none. */
  removeUser(name: string, now: number): Promise<boolean>;
  /** Erases a user by number, removed already or not, with addresses and salts; false when there is none. */
  eraseUser(number: number): Promise<boolean>;
  /** Restores a user who was removed by number: the same salts and addresses, and what was held for want of them. */
  restoreUser(number: number, now: number): Promise<Restoration>;
  /** Lists the users who were removed and not erased, the last one first. */
  removedUsers(): Promise<readonly RemovedUser[]>;
  /** Gives a user a new salt; the previous one verifies until `graceEndsAt`, or no longer at all. */
  rotateSalt(name: string, salt: Uint8Array, now: number, graceEndsAt: number | undefined): Promise<boolean>;
  /** Finds the locator of a thread number. */
  threadByNumber(number: number): Promise<string | undefined>;
  /** Lists the locators that a thread has and had, the current one first: tokens are sealed with the one of their day. */
  locatorsOf(number: number): Promise<readonly string[]>;
  /** Gives the current locator of the thread that had this one at the time of a post. */
  locatorNow(locator: string, repliedToAt: number): Promise<string>;
  /** Gives a thread another locator; what is known of it follows, in the order of arrival. */
  renameThread(from: string, to: string, now: number): Promise<ThreadRenaming>;
  /** Gives the number of a thread; makes one when the locator is new. */
  threadNumber(locator: string): Promise<number>;
  /** Gives the numbers of threads in their order, and makes those of new locators, in one commit. */
  threadNumbers(locators: readonly string[]): Promise<readonly number[]>;
}
