/**
 * The configuration as TOML text: what `init` writes and what `config show` prints.
 *
 * Contract: both come from the table of settings, so that no key is missing and no default is stated twice; what
 * is written here, `readConfig` reads back as the same values.
 */

import { printableJson } from '../system/printable.ts';
import { type BaseConfig, valueIn } from './config.ts';
import type { Column } from './kinds.ts';
import { EACH, type Row } from './rows.ts';

const LINE_CHARS = 100;

/** A row of the table with its value as the file would have it. */
export interface SettingLine extends Row {
  readonly value: unknown;
  readonly isDefault: boolean;
}

/** Gives every setting of a configuration but the sink's, in the order of the table. */
export function settingLines(rows: readonly Row[], config: BaseConfig): SettingLine[] {
  return rows.map((row) => {
    const { read, fallback } = row.setting;
    const value = row.setting.write(valueIn(config, row));
    const standard = read(fallback);
    const isDefault = standard.ok && tomlValue(row.setting.write(standard.value)) === tomlValue(value);
    return { ...row, value: isDefault ? fallback : value, isDefault };
  });
}

/**
 * Writes a commented configuration with every setting; those not in `values` (by `section.key`) stand as comments.
 */
export function commentedConfig(
  rows: readonly Row[],
  values: Readonly<Record<string, string | number>>,
  sink: readonly string[],
): string {
  const lines = [
    '# mailgw: the configuration. Every setting stands here; one behind "#" has the default that it shows.',
    '# After a change: mailgw-ctl config check',
  ];
  for (const section of new Set(rows.map((row) => row.section))) {
    const own = rows.filter((row) => row.section === section);
    const each = own.find(({ property }) => property === EACH);
    lines.push('', each === undefined ? `[${section}]` : `#[[${section}]]`);
    for (const { name, key, setting } of each?.setting.columns?.map(asRow) ?? own) {
      const value = values[key];
      lines.push(...comment(`${setting.doc} Takes ${setting.expects}.`));
      lines.push(`${value === undefined ? '#' : ''}${name} = ${tomlValue(value ?? setting.fallback)}`);
    }
  }
  return `${[...lines, '', '[sink]', ...sink].join('\n')}\n`;
}

/** Gives a key of a list's table, which nobody sets here. */
const asRow = ({ name, setting }: Column): Pick<Row, 'name' | 'key' | 'setting'> => {
  return { name, key: '', setting };
};

/** Writes a text as comment lines of the file. */
export function comment(text: string): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line.length + word.length + 3 > LINE_CHARS) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line) => `# ${line}`);
}

/** Writes a value as TOML, tables inline. */
export function tomlValue(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return `[${value.map(tomlValue).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const pairs = Object.entries(value).map(([key, inner]) => `${tomlKeyText(key)} = ${tomlValue(inner)}`);
    return `{ ${pairs.join(', ')} }`;
  }
  // A JSON string without raw control characters is a TOML basic string.
  return printableJson(value ?? '');
}

/** Writes a key as TOML. */
export function tomlKeyText(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : printableJson(key);
}
