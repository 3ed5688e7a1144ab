/**
 * What the daemon takes from its configuration and from the files that this names; read alike at a start and a reload.
 *
 * Contract: everything is read anew each time, secrets included, and nothing is kept open but the sinks. Problems are
 * one line each, and come all in one go.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { valueIn } from '../config/config.ts';
import { isNewerThanCredential, type NamedPeppers, readPeppers, secretPlace } from '../config/secret-file.ts';
import { loadNoticeTexts, type NoticeTexts } from '../notices/texts.ts';
import { sinkFiles } from '../sinks/catalogue.ts';
import type { OnFault } from '../sinks/sink-kind.ts';
import { distrust } from '../system/trusted-file.ts';
import type { Config, Configured } from './config.ts';
import { loadConfig } from './config.ts';
import { closeSinks, openSinks, type SiteSink } from './sinks.ts';
import { storeFileProblems } from './store-place.ts';
import { ROWS } from './table.ts';
import { tableFiles } from './table-rows.ts';

/** The configuration, and what stands in the files that it names. */
export interface Settings extends Configured {
  readonly peppers: NamedPeppers;
  readonly texts: NoticeTexts;
  /** Digests of files by the key that names them, to see that one changed. */
  readonly digests: ReadonlyMap<string, string>;
  /** Keys whose secret is a credential that is older than its file: the new one is read at the next start. */
  readonly stale: ReadonlySet<string>;
}

/** The settings, or every problem that they have; `config` is there when only other files are at fault. */
export type SettingsRead =
  | { readonly ok: true; readonly settings: Settings }
  | { readonly ok: false; readonly problems: readonly string[]; readonly config?: Config };

/** Reads everything but the sinks' own files. */
export function readSettings(path: string): SettingsRead {
  const loaded = loadConfig(path);
  if (!loaded.ok) return loaded;
  const { config, written } = loaded;
  const peppers = readPeppers(config);
  const texts = loadNoticeTexts(config.notice.texts, config.notice.language);
  const others = [...distrustedPlaces(path, config), ...storeFileProblems(config)];
  if (peppers.ok && texts.ok && others.length === 0) {
    const files = namedFiles(config);
    const digests = new Map(files.map(([key, paths]) => [key, paths.map(digestOf).join(' ')]));
    const stale = new Set(files.filter(([, paths]) => paths.some(isNewerThanCredential)).map(([key]) => key));
    const settings = { config, written, peppers: peppers.peppers, texts: texts.texts, digests, stale };
    return { ok: true, settings };
  }
  const problems = [...others, ...(peppers.ok ? [] : peppers.problems), ...(texts.ok ? [] : texts.problems)];
  return { ok: false, problems, config };
}

/** Lists what others than root and the daemon may alter of what it believes; the sink looks after its own files. */
export function distrustedPlaces(path: string, { store, notice }: Config): string[] {
  const places: readonly (readonly [string, string | undefined])[] = [
    ['the configuration', path],
    ['store.path', dirname(store.path)],
    ['notice.texts', notice.texts],
  ];
  return places.flatMap(([name, place]) => {
    const problem = place === undefined ? undefined : distrust(resolve(place), 'believed');
    return problem === undefined ? [] : [`${name}: ${problem}`];
  });
}

/** The settings, and the sinks that were opened with them. */
export interface Setup {
  readonly settings: Settings;
  readonly sinks: readonly SiteSink[];
}

/** The setup, or every problem that it has. */
export type SetupRead =
  | ({ readonly ok: true } & Setup)
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads everything and opens the sinks. */
export async function readSetup(path: string, onFault?: OnFault): Promise<SetupRead> {
  const read = readSettings(path);
  const config = read.ok ? read.settings.config : read.config;
  const opened = config === undefined ? undefined : await openSinks(config, onFault);
  if (read.ok && opened?.ok === true) return { ok: true, settings: read.settings, sinks: opened.sinks };
  if (opened?.ok === true) await closeSinks(opened.sinks);
  const ofSinks = opened?.ok === false ? opened.problems : [];
  return { ok: false, problems: [...(read.ok ? [] : read.problems), ...ofSinks] };
}

/** Gives the files that keys name. */
function namedFiles(config: Config): (readonly [key: string, paths: readonly string[]])[] {
  const named = ROWS.filter(({ setting }) => setting.names !== undefined).map((row) => {
    const paths = [valueIn(config, row)].flat();
    return [row.key, paths.filter((path) => typeof path === 'string')] as const;
  });
  const files = config.sinks.flatMap(({ key, options }) => sinkFiles(options, key));
  return [...named, ...[...files, ...tableFiles(config)].map(({ key, paths }) => [key, paths] as const)];
}

/** Gives a digest of what is read at a path; empty where nothing can be, and whoever needs it says so. */
function digestOf(path: string): string {
  try {
    if (statSync(path).isDirectory()) {
      return readdirSync(path)
        .sort()
        .map((name) => `${name} ${digestOf(join(path, name))}`)
        .join(' ');
    }
    return createHash('sha256')
      .update(readFileSync(secretPlace(path)))
      .digest('hex');
  } catch {
    return '';
  }
}
