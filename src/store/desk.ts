/** The operator's desk as a port: items listed, counted and acted upon. Contract and failure as of store.ts. */
import type { ItemState, ItemView } from './item.ts';

/** The choice of items to list, oldest first unless `newestFirst` says otherwise. */
export interface ItemFilter {
  /** A beginning of the id. */
  readonly startsWith?: string | undefined;
  readonly state?: ItemState | readonly ItemState[] | undefined;
  readonly user?: string | undefined;
  readonly thread?: string | undefined;
  /** Only items of this lane. */
  readonly lane?: string | undefined;
  /** Received since then. */
  readonly since?: number | undefined;
  /** Settled since then. */
  readonly settledSince?: number | undefined;
  /** Only those whose message is there, which a posted one's may not be. */
  readonly hasContent?: true | undefined;
  readonly limit?: number | undefined;
  /** Only the item of this Message-ID, without brackets. */
  readonly messageId?: string | undefined;
  /** Only items whose id sorts below this one: those received before it. */
  readonly before?: string | undefined;
  readonly newestFirst?: true | undefined;
}

/** Items of one state and one age: `age` is the index of the first bound that they were received after. */
export interface AgeCount {
  readonly state: ItemState;
  readonly age: number;
  readonly count: number;
  readonly bytes: number;
}

/** The result of an operator's action: the item's new state, or why the action does not apply. */
export type OperatorResult =
  | { readonly kind: 'done'; readonly id: string; readonly state: ItemState | 'dropped' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'not-applicable'; readonly state: ItemState }
  /** Its user was removed: nobody may post as whoever has the name now. */
  | { readonly kind: 'no-user'; readonly user: string }
  /** It was posted, and its message is not kept any more. */
  | { readonly kind: 'no-content' }
  /** The reply is there as another item, whose state is undefined once it is gone; this one stays what it `was`. */
  | {
      readonly kind: 'duplicate';
      readonly was: ItemState;
      readonly of: string;
      readonly state: ItemState | undefined;
    };

/** An operator's action on one item. */
export type OperatorAction = 'retry' | 'hold' | 'release' | 'drop';

/** The operator's desk: actions on items. */
export interface Desk {
  /** Lists items matching a filter. */
  list(filter: ItemFilter): Promise<readonly ItemView[]>;
  /** Lists the ids of all items matching a filter. */
  ids(filter: ItemFilter): Promise<readonly string[]>;
  /** Counts the matching items by state and age; `bounds` are times of receipt, newest first. */
  shape(filter: ItemFilter, bounds: readonly number[]): Promise<readonly AgeCount[]>;
  /** Finds one item by its id. */
  get(id: string): Promise<ItemView | undefined>;
  /** Applies an operator's action. */
  operate(action: OperatorAction, id: string, now: number): Promise<OperatorResult>;
  /** Stops or resumes leasing for every daemon on this store. */
  setPaused(paused: boolean): Promise<void>;
}
