/** Acceptance as a port: how verified replies enter the store. Contract and failure as of store.ts. */
import type { LeasedItem, NewItem } from './item.ts';
import type { Receipt } from './receipts.ts';

/**
 * The fate of one new item; a duplicate carries the id of the item that came first. A new copy of a dead letter is no
 * duplicate: that item is queued again, under its own id.
 */
export interface ItemAcceptance {
  readonly kind: 'queued' | 'held' | 'duplicate';
  readonly id: string;
}

/**
 * All items of one message committed together, or refused together for want of space; `leased` are those that were
 * leased with it.
 */
export type AcceptResult =
  | {
      readonly kind: 'committed';
      readonly acceptances: readonly ItemAcceptance[];
      readonly leased: readonly LeasedItem[];
    }
  | { readonly kind: 'storage-full'; readonly detail: string }
  /** By its receipt it is a call that came before: nothing was committed. */
  | { readonly kind: 'repeated' | 'replayed' };

/** The wish to lease new items with their commit: at most so many, so long, and of the lane alone that it names. */
export interface ImmediateLease {
  readonly limit: number;
  readonly leaseMs: number;
  readonly lane?: string | undefined;
}

/** The entrance of the store. */
export interface Acceptance {
  /**
   * Commits one item per recipient of a message; resolves after the commit is on disk. May take `raw`'s memory over.
   * With a wish to lease, items that a look for due ones would give now are leased by the same commit. A receipt is
   * committed with the items.
   */
  accept(
    items: readonly NewItem[],
    raw: Uint8Array,
    lease?: ImmediateLease,
    receipt?: Receipt,
  ): Promise<AcceptResult>;
}
