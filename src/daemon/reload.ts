/**
 * Reload: a new configuration for a daemon that goes on serving.
 *
 * Contract: everything is read and opened before anything changes, so that a configuration is taken whole or refused
 * whole; one reload at a time, in the order in which they were asked for. Each change is one log line, and so is each
 * problem of a refused one. What would void the reply addresses that are out is refused unless its operator says so.
 * Failure: whatever is wrong, the daemon goes on with what it has.
 */

import type { Log } from '../observe/log.ts';
import type { Sink } from '../sinks/sink.ts';
import {
  changedSettings,
  type Reload,
  type Reloaded,
  type SettingChange,
  settingsInEffect,
  voidingChanges,
} from '../site/changes.ts';
import { readSetup, type Settings } from '../site/settings.ts';
import { errorText } from '../system/error-text.ts';

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

/** Gives the function that reloads. */
export function createReload({ path, settings, take, log }: ReloadOptions): Reload {
  let inEffect = settings;
  const reload = async (mayVoid: boolean): Promise<Reloaded> => {
    const read = await readSetup(path, (reason) => {
      log('sink_fault', { reason });
    });
    if (!read.ok) return read;
    const changes = changedSettings(inEffect, read.settings);
    const voiding = mayVoid ? [] : voidingChanges(changes);
    if (voiding.length > 0) {
      await read.sink.close();
      return { ok: false, problems: voiding.map(whyVoid) };
    }
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
  return (mayVoid) => {
    const reloaded = last
      .then(() => reload(mayVoid))
      .catch((error: unknown): Reloaded => {
        return { ok: false, problems: [errorText(error)] };
      });
    last = reloaded.then((result) => {
      tell(log, path, result);
    });
    return reloaded;
  };
}

function whyVoid({ key, from, to, isFileOnly }: SettingChange): string {
  const what = isFileOnly
    ? 'what stands in the file is another'
    : `${from ?? 'what it was'} becomes ${to ?? 'another'}`;
  return `${key}: ${what}, and every reply address that is out would be refused for good; "mailgw-ctl reload --yes" takes it`;
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
