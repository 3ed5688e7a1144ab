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
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries<SinkSetting>(settings)) {
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
  const found = values as Partial<Record<keyof PlatformSettings, unknown>> as PlatformOptions;
  const ca = readCa(table.ca_file, values.url === undefined ? undefined : found.url);
  if (!ca.ok) problems.push(`sink.ca_file: ${ca.problem}`);
  const secret =
    values.token_file === undefined ? undefined : readSecretText('sink.token_file', found.token_file);
  if (secret?.ok === false) problems.push(secret.problem);
  const token = secret?.ok === true ? secret.text : '';
  if (secret?.ok === true && !/^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(token))
    problems.push(`sink.token_file: ${found.token_file}: does not hold a key on one line`);
  if (problems.length > 0 || !ca.ok) return { ok: false, problems };
  const policy = {
    mentions: found.mentions === 'inert',
    references: found.references === 'inert',
    commands: found.commands === 'inert',
    closing: found.closing === 'inert',
  };
  return { ok: true, options: { ...values, token, ca: ca.value, policy } as PlatformOptions<S> };
}

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
