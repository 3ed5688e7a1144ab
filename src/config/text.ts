/**
 * The configuration as TOML text: what `init` writes and what `config show` prints.
 *
 * Contract: both come from the table of settings, so that no key is missing and no default is stated twice; what
 * is written here, `readConfig` reads back as the same values.
 */

import { printableJson } from '../system/printable.ts';
import { type Config, tomlKey } from './config.ts';
import type { Endpoint, Setting } from './kinds.ts';
import { SETTINGS } from './table.ts';

const LINE_CHARS = 100;

/** One setting as the file has it; `text` is a TOML value. */
export interface SettingLine {
  readonly section: string;
  readonly key: string;
  readonly text: string;
  readonly isDefault: boolean;
  readonly doc: string;
}

/** Every setting of a configuration but the sink's, in the order of the table. */
export function settingLines(config: Config): SettingLine[] {
  const lines: SettingLine[] = [];
  for (const [section, settings] of Object.entries(SETTINGS)) {
    const values: Readonly<Record<string, unknown>> = config[section as keyof typeof SETTINGS];
    for (const [property, { fallback, doc, read }] of Object.entries<Setting<unknown>>(settings)) {
      const given = settingText(property, values[property]);
      const standard = read(fallback);
      const isDefault = standard.ok && settingText(property, standard.value) === given;
      const text = isDefault ? tomlValue(fallback) : given;
      lines.push({ section, key: tomlKey(property), text, isDefault, doc });
    }
  }
  return lines;
}

/** A commented configuration with every setting; those not in `values` (by `section.key`) stand as comments. */
export function commentedConfig(
  values: Readonly<Record<string, string | number>>,
  sink: readonly string[],
): string {
  const lines = [
    '# mailgw: the configuration. Every setting stands here; one behind "#" has the default that it shows.',
    '# After a change: mailgw-ctl config check',
  ];
  for (const [section, settings] of Object.entries(SETTINGS)) {
    lines.push('', `[${section}]`);
    for (const [property, { expects, fallback, doc }] of Object.entries(settings)) {
      const key = tomlKey(property);
      const value = values[`${section}.${key}`];
      lines.push(...comment(`${doc} Takes ${expects}.`));
      lines.push(value === undefined ? `#${key} = ${tomlValue(fallback)}` : `${key} = ${tomlValue(value)}`);
    }
  }
  return `${[...lines, '', '[sink]', ...sink].join('\n')}\n`;
}

/** A text as comment lines of the file. */
export function comment(text: string): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line.length + word.length + 3 > LINE_CHARS) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line) => `# ${line}`);
}

/** A value of the configuration in the words of the file: `90d` for milliseconds, `25MiB` for bytes. */
function settingText(property: string, value: unknown): string {
  if (value === undefined) return '""';
  if (typeof value === 'number') {
    if (property.endsWith('Ms')) return tomlValue(inUnits(value, DURATIONS));
    if (property.endsWith('Bytes')) return tomlValue(inUnits(value, SIZES));
    if (property === 'mode') return tomlValue(`0${value.toString(8).padStart(3, '0')}`);
  }
  if (isEndpoint(value)) return tomlValue(endpointText(value));
  if (isRate(value)) return tomlValue(`${value.count}/${PER[value.perMs] ?? `${value.perMs}ms`}`);
  return tomlValue(value);
}

const DURATIONS: readonly (readonly [number, string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
  [1, 'ms'],
];
const SIZES: readonly (readonly [number, string])[] = [
  [1024 ** 3, 'GiB'],
  [1024 ** 2, 'MiB'],
  [1024, 'KiB'],
  [1, 'B'],
];
const PER: Readonly<Record<number, string>> = { 1000: 's', 60_000: 'min', 3_600_000: 'h', 86_400_000: 'd' };

/** The number in the largest unit that leaves no remainder. */
function inUnits(value: number, units: readonly (readonly [number, string])[]): string {
  const [size, unit] = units.find(([size]) => value !== 0 && value % size === 0) ?? units.at(-1) ?? [1, ''];
  return `${value / size}${unit}`;
}

function isRate(value: unknown): value is { count: number; perMs: number } {
  return typeof value === 'object' && value !== null && 'count' in value && 'perMs' in value;
}

function isEndpoint(value: unknown): value is Endpoint {
  return typeof value === 'object' && value !== null && ('path' in value || 'port' in value);
}

/** A listener as the file names it. */
export function endpointText(endpoint: Endpoint): string {
  if ('path' in endpoint) return `unix:${endpoint.path}`;
  const { host, port } = endpoint;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A value as TOML writes it, tables inline. */
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

/** A key as TOML writes it. */
export function tomlKeyText(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : printableJson(key);
}
