/**
 * The tables of sections that are lists, `[[imap]]` and `[[webhook]]`, key by key: for all that treats one key of one table
 * like a setting.
 *
 * Contract: a key is named `SECTION.NAME.KEY`, with the name that people gave the table.
 */
import { valueIn } from '../config/config.ts';
import type { Column, Setting } from '../config/kinds.ts';
import { EACH, type Row } from '../config/rows.ts';
import { ROWS } from './table.ts';

/** A table of a list. */
export interface NamedTable {
  /** Its name, such as `imap.support`. */
  readonly key: string;
  /** Its own keys, with the values that they have. */
  readonly columns: readonly (Column & { readonly key: string; readonly value: unknown })[];
}

/** Tells whether a row is a whole section of tables. */
export const isList = ({ property }: Row): boolean => property === EACH;

/** Lists the tables of a row that is a list. */
export function tablesOf(config: object, row: Row): readonly NamedTable[] {
  const found = valueIn(config, row);
  const tables = Array.isArray(found) ? (found as readonly Readonly<Record<string, unknown>>[]) : [];
  return tables.map((table) => {
    const key = `${row.key}.${String(table.name)}`;
    const columns = (row.setting.columns ?? []).map((column) => {
      return { ...column, key: `${key}.${column.name}`, value: table[column.property] };
    });
    return { key, columns };
  });
}

/** A file, or several, that a key of a table names. */
export interface TableFile {
  readonly key: string;
  readonly names: NonNullable<Setting<unknown>['names']>;
  readonly paths: readonly string[];
}

/** Lists the files that tables name, where they name some. */
export function tableFiles(config: object): readonly TableFile[] {
  const columns = ROWS.filter(isList).flatMap((row) =>
    tablesOf(config, row).flatMap((table) => table.columns),
  );
  return columns.flatMap(({ key, setting: { names }, value }) => {
    const paths = [value].flat().filter((path) => typeof path === 'string');
    return names === undefined || paths.length === 0 ? [] : [{ key, names, paths }];
  });
}
