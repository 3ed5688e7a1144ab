// The sections of the file as the pages have them: `[section]` with its keys, `[[section]]` with those of each table.
import type { Column, Setting } from '../../src/config/kinds.ts';
import { tomlKey } from '../../src/config/names.ts';
import { EACH } from '../../src/config/rows.ts';
import { SETTINGS } from '../../src/site/table.ts';

/** A section. */
export interface SettingSection {
  /** As it stands in the file. */
  readonly heading: string;
  /** Of a list of tables, what they are. */
  readonly doc: string | undefined;
  readonly keys: readonly Pick<Column, 'name' | 'setting'>[];
}

/** Every section, in the order of the table. */
export const SETTING_SECTIONS: readonly SettingSection[] = Object.entries(SETTINGS).map(
  ([section, settings]) => {
    const all = Object.entries<Setting<unknown>>(settings);
    const keys = all.map(([property, setting]) => ({ name: tomlKey(property), setting }));
    const each = new Map(all).get(EACH);
    if (each === undefined) return { heading: `[${section}]`, doc: undefined, keys };
    return { heading: `[[${section}]]`, doc: each.doc, keys: each.columns ?? [] };
  },
);
