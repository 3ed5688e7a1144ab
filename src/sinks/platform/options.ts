/**
 * The options of a platform's sink: its `[sink]` table read by its settings, and the files that these name.
 *
 * Contract: every problem is reported at once, each naming its key, the value and what was expected.
 */
import type { Setting } from '../../config/kinds.ts';
import type { SinkPolicy } from '../../reply/escape.ts';
import { readCa } from '../ca-file.ts';
import type { SinkEnvironment, SinkSetting, SinkTable } from '../sink-kind.ts';
import type { Logins, platformSettings } from './settings.ts';

/** The settings of one platform by their names in the file. */
export type PlatformSettings = ReturnType<typeof platformSettings> & Readonly<Record<string, SinkSetting>>;

type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** The options: the values of all settings by their names in the file, the key, and the certificates. */
export type PlatformOptions<S extends PlatformSettings = PlatformSettings> = {
  readonly [K in keyof S]: ValueOf<S[K]>;
} & { readonly token: string; readonly ca: string | undefined; readonly policy: SinkPolicy };

/** The options, or every problem that the table has. */
export type OptionsRead<S extends PlatformSettings> =
  | { readonly ok: true; readonly options: PlatformOptions<S> }
  | { readonly ok: false; readonly problems: readonly string[] };

/** The options that decide what is sent: all but those by which the platform is reached. */
export type TextOptions<S extends PlatformSettings = PlatformSettings> = Omit<
  PlatformOptions<S>,
  Reaching | 'token' | 'ca'
>;

type Reaching = 'url' | 'token_file' | 'ca_file';

const REACHING: readonly string[] = ['url', 'token_file', 'ca_file'] satisfies Reaching[];

/** Reads what decides what is sent, and no file; what is wrong with the rest is left to whoever opens the sink. */
export function readTextOptions<S extends PlatformSettings>(
  table: SinkTable,
  settings: S,
):
  | { readonly ok: true; readonly options: TextOptions<S> }
  | { readonly ok: false; readonly problems: readonly string[] } {
  const deciding = Object.entries<SinkSetting>(settings).filter(([key]) => !REACHING.includes(key));
  const { values, problems } = readValues(table, deciding);
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, options: { ...values, policy: policyOf(values) } as TextOptions<S> };
}

/** Reads the `[sink]` table of a platform. */
export function readPlatformOptions<S extends PlatformSettings>(
  table: SinkTable,
  settings: S,
  { readSecretText }: SinkEnvironment,
): OptionsRead<S> {
  const type = String(table.type);
  const keys = ['type', ...Object.keys(settings)];
  const unknown = Object.keys(table).filter((key) => !keys.includes(key));
  const problems = unknown.map((key) => `sink.${key}: unknown key; the ${type} sink has ${keys.join(', ')}`);
  const { values, problems: wrong } = readValues(table, Object.entries<SinkSetting>(settings));
  problems.push(...wrong);
  const found = values as PlatformOptions;
  const ca = readCa(table.ca_file, values.url === undefined ? undefined : found.url);
  if (!ca.ok) problems.push(`sink.ca_file: ${ca.problem}`);
  const secret =
    values.token_file === undefined ? undefined : readSecretText('sink.token_file', found.token_file);
  if (secret?.ok === false) problems.push(secret.problem);
  const token = secret?.ok === true ? secret.text : '';
  if (secret?.ok === true && !/^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(token))
    problems.push(`sink.token_file: ${found.token_file}: does not hold a key on one line`);
  if (problems.length > 0 || !ca.ok) return { ok: false, problems };
  const policy = policyOf(values);
  return { ok: true, options: { ...values, token, ca: ca.value, policy } as PlatformOptions<S> };
}

type Values = Readonly<Record<string, unknown>>;

/** Reads the values of settings, and every problem that they have. */
function readValues(
  table: SinkTable,
  settings: readonly (readonly [string, SinkSetting])[],
): { readonly values: Values; readonly problems: readonly string[] } {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [key, setting] of settings) {
    const given = table[key] ?? setting.fallback;
    if (given === undefined) {
      // The address says so itself; what has words for its absence may be absent.
      if (key === 'url' || setting.unset === undefined)
        problems.push(`sink.${key}: is missing; expected ${setting.expects}`);
      continue;
    }
    const read = setting.read(given);
    if (read.ok) values[key] = read.value;
    else problems.push(`sink.${key}: ${read.problem}`);
  }
  return { values, problems };
}

const policyOf = ({ mentions, references, commands, closing }: Values): SinkPolicy => ({
  mentions: mentions === 'inert',
  references: references === 'inert',
  commands: commands === 'inert',
  closing: closing === 'inert',
});

/** Gives the name of a user of ours on the platform. */
export function loginOf(map: Logins, user: string): string {
  return Object.hasOwn(map, user) ? (map[user] ?? user) : user;
}

/** Gives the user of ours who has a name on the platform. */
export function userWithLogin(map: Logins, login: string): string | undefined {
  const [mapped] = Object.entries(map).find(([, name]) => name === login) ?? [];
  // Whoever goes by another name there is not also whom that name would be here.
  return mapped ?? (Object.hasOwn(map, login) ? undefined : login);
}
