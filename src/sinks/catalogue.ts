/** The sinks that are built in, by their type in `[sink]`, each with the table of its settings. */
import type { Setting } from '../config/kinds.ts';
import { WEBHOOK_SETTINGS } from './webhook/options.ts';

const SINK_SETTINGS: Readonly<Record<string, Readonly<Record<string, Setting<unknown>>>>> = {
  webhook: WEBHOOK_SETTINGS,
};

/** Tells whether a key of `[sink]` names a file; the key of a module, which has no table, does by ending in `_file`. */
export function namesFile(type: unknown, key: string): boolean {
  const settings = typeof type === 'string' ? SINK_SETTINGS[type] : undefined;
  return settings === undefined ? key.endsWith('_file') : settings[key]?.names !== undefined;
}
