/**
 * mailgwd: reads the configuration, and lets the store open while everything else is loaded.
 *
 * Contract: the store's writer starts in its own thread as soon as the configuration is known to be good; the rest of
 * the daemon (serve.ts) is loaded meanwhile, which takes as long.
 * Failure: a start that fails says why in one line per problem and ends with a sysexits(3) code; in the journal those lines
 * are errors.
 */

import { adminSocketPath } from '../api/admin.ts';
import { commitMeasures } from '../observe/commit-measures.ts';
import { lineFor } from '../observe/journal.ts';
import type { Config } from '../site/config.ts';
import { readSettings } from '../site/settings.ts';
import { openDaemonStore, type StoreHooks } from '../site/store.ts';
import { storeKey } from '../site/store-place.ts';
import { StoreWatch } from '../site/store-watch.ts';
import type { Store } from '../store/store.ts';
import { inUse, STORE_EXIT, StoreError } from '../store/store-error.ts';
import { errorText } from '../system/error-text.ts';
import { EXIT } from '../system/exit-status.ts';
import { probeSocket } from '../system/unix-socket.ts';
import { version } from '../system/version.ts';
import { daemonHelp, parseDaemonOptions } from './options.ts';
import { StartError } from './start-error.ts';

function readCommandLine(): string {
  try {
    const { config, shows } = parseDaemonOptions();
    if (shows !== undefined) {
      process.stdout.write(shows === 'help' ? daemonHelp() : `${version()}\n`);
      process.exit(0);
    }
    return config;
  } catch (error) {
    throw new StartError(EXIT.usage, [`${errorText(error)}; usage: mailgwd [--config FILE]`]);
  }
}

async function openStore(config: Config, hooks: StoreHooks): Promise<Store> {
  try {
    const { path } = config.store;
    // Whoever removed the lock may have left this one: it answers for a daemon that has the store.
    if ((await probeSocket(adminSocketPath(path))) === 'served') throw inUse(path);
    return await openDaemonStore(config, hooks);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new StartError(STORE_EXIT[error.kind], [`${storeKey(config)}: ${error.message}`]);
  }
}

async function start(): Promise<void> {
  const path = readCommandLine();
  process.on('SIGHUP', () => undefined); // nothing to reload yet, and no reason to end
  const read = readSettings(path);
  if (!read.ok) throw new StartError(EXIT.configuration, read.problems);
  const { settings } = read;
  const commits = commitMeasures();
  let breaks: (error: Error) => void = () => undefined;
  const broken = new Promise<Error>((resolve) => {
    breaks = resolve;
  });
  const news = new StoreWatch();
  const opening = openStore(settings.config, {
    measures: commits.memory,
    onBroken: breaks,
    onNews: news.hear,
  });
  opening.catch(() => undefined); // awaited below, when the rest is loaded
  const { serve } = await import('./serve.ts');
  await serve({ path, settings, opening, commits, broken, news });
}

start().catch((error: unknown) => {
  const { stderr } = process;
  for (const line of errorText(error).split('\n')) {
    stderr.write(`${lineFor(stderr.fd, 'error', `mailgwd: ${line}`)}\n`);
  }
  process.exit(error instanceof StartError ? error.exitCode : EXIT.internal);
});
