/**
 * The table of settings row by row, for all that treats one setting like another: reading, writing, comparing, pages.
 */
import type { Setting } from './kinds.ts';
import { tomlKey } from './names.ts';
import { SETTINGS } from './table.ts';

/** A row of the table and its places: section and property in Config, section and name in the file. */
export interface Row {
  readonly section: string;
  readonly property: string;
  readonly name: string;
  /** Section and name, as people write it. */
  readonly key: string;
  readonly setting: Setting<unknown>;
}

/** Every row, in the order of docs/settings.md. */
export const ROWS: readonly Row[] = Object.entries(SETTINGS).flatMap(([section, settings]) =>
  Object.entries<Setting<unknown>>(settings).map(([property, setting]) => {
    const name = tomlKey(property);
    return { section, property, name, key: `${section}.${name}`, setting };
  }),
);
