/** The columns of an item as SQLite has them. */
import { columnsBy, type ItemColumns } from '../item-columns.ts';

/** An item's row as reads give it. */
export type ItemRow = ItemColumns<number>;

/** Gives the list of a SELECT that reads these fields. */
export const columnsOf = columnsBy('user');
