/**
 * The table of settings row by row, for all that treats one setting like another: reading, writing, comparing, pages.
 */
import type { Setting } from './kinds.ts';
import { tomlKey } from './names.ts';

/** A row of the table and its places: section and property in Config, section and name in the file. */
export interface Row {
  readonly section: string;
  readonly property: string;
  readonly name: string;
  /** Section and name, as people write it. */
  readonly key: string;
  readonly setting: Setting<unknown>;
}

/** The property of a section that is a list of tables itself, `[[section]]` in the file. */
export const EACH = 'each';

/** A table of settings: by section, then by property. */
export type Table = Readonly<Record<string, Readonly<Record<string, Setting<unknown>>>>>;

/** Gives the rows of a table, in its order. */
export function rowsOf(table: Table): readonly Row[] {
  return Object.entries(table).flatMap(([section, settings]) =>
    Object.entries(settings).map(([property, setting]) => {
      if (property === EACH) return { section, property, name: '', key: section, setting };
      const name = tomlKey(property);
      return { section, property, name, key: `${section}.${name}`, setting };
    }),
  );
}
