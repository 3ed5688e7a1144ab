/**
 * Reload: a new configuration for a daemon that goes on serving.
 *
 * Contract: everything is read and opened before anything changes, so that a configuration is taken whole or refused
 * whole; one reload at a time, in the order in which they were asked for. Each change is one log line, and so is each
 * problem of a refused one.
 * Failure: whatever is wrong, the daemon goes on with what it has.
 */
import type { Sink } from './delivery/sink.ts';
import { errorText } from './error-text.ts';
import type { Log } from './log.ts';
import { changedSettings, type SettingChange, settingsInEffect } from './setting-changes.ts';
import { readSetup, type Settings } from './setup.ts';

/** What became of a new configuration. */
export type Reloaded =
  | { readonly ok: true; readonly changes: readonly SettingChange[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** What a reload works with. */
export interface ReloadOptions {
  /** The path of the configuration. */
  readonly path: string;
  /** The settings that the daemon started with. */
  readonly settings: Settings;
  /** Makes the daemon go on with new settings; what may fail comes before the first change. */
  readonly take: (settings: Settings, sink: Sink) => Promise<void>;
  readonly log: Log;
}

/** Gives the function that reloads; it never rejects. */
export function createReload({ path, settings, take, log }: ReloadOptions): () => Promise<Reloaded> {
  let inEffect = settings;
  const reload = async (): Promise<Reloaded> => {
    const read = await readSetup(path, (reason) => {
      log('sink_fault', { reason });
    });
    if (!read.ok) return read;
    const changes = changedSettings(inEffect, read.settings);
    const next = settingsInEffect(inEffect, read.settings);
    try {
      await take(next, read.sink);
    } catch (error) {
      await read.sink.close();
      throw error;
    }
    inEffect = next;
    return { ok: true, changes };
  };
  let last: Promise<unknown> = Promise.resolve();
  return () => {
    const reloaded = last.then(reload).catch((error: unknown): Reloaded => {
      return { ok: false, problems: [errorText(error)] };
    });
    last = reloaded.then((result) => {
      tell(log, path, result);
    });
    return reloaded;
  };
}

function tell(log: Log, path: string, result: Reloaded): void {
  if (!result.ok) {
    log('reload_refused', { config: path, problems: result.problems.length });
    for (const problem of result.problems) log('setting_refused', { problem });
    return;
  }
  for (const { key, from, to, isFileOnly, needsRestart } of result.changes) {
    log('setting_changed', {
      key,
      from,
      to,
      what: isFileOnly ? 'what stands in the file' : undefined,
      effect: needsRestart ? 'after a restart' : 'now',
    });
  }
  log('reloaded', { config: path, changes: result.changes.length });
}
