/**
 * The configuration of a site: its file, with the sinks that there are.
 *
 * Failure: problems, one line each; nothing is thrown.
 */
import { readFileSync } from 'node:fs';
import {
  type BaseConfig,
  type ConfigOf,
  type Configured as ConfiguredOf,
  type Loaded as LoadedOf,
  parseConfig,
} from '../config/config.ts';
import { SINK_FORM } from '../sinks/catalogue.ts';
import { namesTwice } from '../sources/named.ts';
import { listenProblems } from '../sources/webhook/settings.ts';
import { errorLine } from '../system/error-text.ts';
import { storeProblems } from './store-place.ts';
import { SETTINGS } from './table.ts';

/** The configuration; durations in milliseconds, sizes in bytes. sinks have their options as the file has them. */
export type Config = BaseConfig & ConfigOf<typeof SETTINGS>;

/** A configuration, and its settings by their keys as the file has them, defaults included. */
export type Configured = ConfiguredOf<Config>;

/** A configuration, or every problem that it has. */
export type Loaded = LoadedOf<Config>;

/** What to do about a file that cannot be read, by the system's code. */
const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: '; "mailgw-ctl init" writes one',
  EACCES: '; run the command as root or as the user of the daemon',
  EISDIR: '; name the file in it',
};

/** Reads and checks the file at `path`. */
export function loadConfig(path: string): Loaded {
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch (error) {
    const advice = UNREADABLE[(error as NodeJS.ErrnoException).code ?? ''] ?? '';
    return { ok: false, problems: [`${path}: cannot be read: ${errorLine(error)}${advice}`] };
  }
  return readConfig(source, path);
}

/** Checks a configuration's text; `name` stands before problems of its syntax. */
export function readConfig(source: string, name = 'configuration'): Loaded {
  const loaded = parseConfig(source, name, { settings: SETTINGS, sink: SINK_FORM });
  const problems = loaded.ok
    ? [...namesTwice(loaded.config), ...listenProblems(loaded.config), ...storeProblems(loaded.config)]
    : [];
  return problems.length === 0 ? loaded : { ok: false, problems };
}
