/**
 * Reload: a new configuration for a daemon that goes on serving.
 *
 * Contract: everything is read and opened before anything changes, so that a configuration is taken whole or refused
 * whole; one reload at a time, in the order in which they were asked for. Each change is one log line, and so is each
 * problem of a refused one. What would void the reply addresses that are out is refused unless its operator says so.
 * Failure: whatever is wrong, the daemon goes on with what it has.
 */
import type { Log } from '../observe/log.ts';
import {
  changedSettings,
  type Reload,
  type Reloaded,
  settingsInEffect,
  type VoidingChange,
  voidingChanges,
} from '../site/changes.ts';
import { mayBeOut } from '../site/pepper.ts';
import { readSetup } from '../site/settings.ts';
import { closeSinks } from '../site/sinks.ts';
import type { Site } from '../site/site.ts';
import type { Peppers } from '../store/peppers.ts';
import { errorText } from '../system/error-text.ts';

/** The options of a reload. */
export interface ReloadOptions {
  /** The path of the configuration. */
  readonly path: string;
  readonly site: Site;
  /** Knows until when peppers minted. */
  readonly store: Peppers;
  /** Tells whether the daemon stops, and takes no configuration any more. */
  readonly isStopping: () => boolean;
  /** Hears that another setup is in force; resolves when nobody uses the parts before it. */
  readonly adopted: () => Promise<void>;
  readonly log: Log;
}

/** Gives the function that reloads. */
export function createReload(options: ReloadOptions): Reload {
  let last: Promise<unknown> = Promise.resolve();
  return (mayVoid) => {
    const reloaded = last
      .then(() => reload(options, mayVoid))
      .catch((error: unknown): Reloaded => {
        return { ok: false, problems: [errorText(error)] };
      });
    last = reloaded.then((result) => {
      tell(options.log, options.path, result);
    });
    return reloaded;
  };
}

async function reload(
  { path, site, store, isStopping, adopted, log }: ReloadOptions,
  mayVoid: boolean,
): Promise<Reloaded> {
  const read = await readSetup(path, (reason) => {
    log('sink_fault', { reason });
  });
  if (!read.ok) return read;
  const { settings, sinks } = read;
  const before = site.setup.settings;
  const changes = changedSettings(before, settings);
  const maxAgeMs = Math.max(before.config.reply.maxAgeMs, settings.config.reply.maxAgeMs);
  const isOut = (pepper: Uint8Array): Promise<boolean> => mayBeOut(store, pepper, maxAgeMs, Date.now());
  const voiding = mayVoid ? [] : await voidingChanges(before, settings, isOut);
  const problems = isStopping() ? ['the daemon stops'] : voiding.map(whyVoid);
  if (problems.length > 0) {
    await closeSinks(sinks);
    return { ok: false, problems };
  }
  const next = { settings: settingsInEffect(before, settings), sinks };
  const closeOld = site.change(
    next,
    changes.map(({ key }) => key),
  );
  void adopted().then(closeOld);
  return { ok: true, changes };
}

function whyVoid({ change: { key, from, to, isFileOnly }, without }: VoidingChange): string {
  const what = isFileOnly
    ? 'what stands in the file is another'
    : `${from ?? 'what it was'} becomes ${to ?? 'another'}`;
  return `${key}: ${what}, and every reply address that is out under ${without.join(', ')} would be refused for good; "mailgw-ctl reload --yes" takes it`;
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
