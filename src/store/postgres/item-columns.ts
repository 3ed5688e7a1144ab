/** The columns of an item as PostgreSQL has them. */
import type { ItemView } from '../item.ts';
import { columnsBy, type ItemColumns } from '../item-columns.ts';
import { type Nullable, toItemView, VIEW_FIELDS } from '../item-view.ts';
import type { DatabaseClock } from './clock.ts';

/** An item's row as reads give it; `dueAt` and `leaseUntil` are the database's clock. */
export type ItemRow = ItemColumns<boolean>;

/** Gives the list of a SELECT that reads these fields. */
export const columnsOf = columnsBy('user_name');

/** The list of a SELECT that reads what the operator sees. */
export const VIEW = columnsOf(VIEW_FIELDS);

/** Gives an item as the operator sees it, by this host's clock. */
export function viewOf(row: Nullable<ItemView>, { toHost }: DatabaseClock): ItemView {
  const { dueAt, leaseUntil } = row;
  return toItemView({
    ...row,
    dueAt: dueAt === null ? null : toHost(dueAt),
    leaseUntil: leaseUntil === null ? null : toHost(leaseUntil),
  });
}
