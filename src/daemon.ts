/**
 * mailgwd: reads the configuration, and lets the store open while everything else is loaded.
 *
 * Contract: the store's writer starts in its own thread as soon as the configuration is known to be good; the rest of
 * the daemon (serve.ts) is loaded meanwhile, which takes as long.
 * Failure: a start that fails says why in one line per problem and ends with a sysexits(3) code; in the journal those lines
 * are errors.
 */
import type { Config } from './config.ts';
import { adminSocketPath } from './control/admin.ts';
import { daemonHelp, parseDaemonOptions } from './daemon-options.ts';
import { errorText } from './error-text.ts';
import { EXIT, STORE_EXIT } from './exit-status.ts';
import { probeSocket } from './intake/unix-socket.ts';
import { lineFor } from './journal.ts';
import { commitMeasures } from './metrics.ts';
import { openSqliteStore, StoreError, type StoreNews } from './queue/sqlite.ts';
import type { Store } from './queue/store.ts';
import { inUse } from './queue/store-error.ts';
import { readSettings } from './setup.ts';
import { StartError } from './start-error.ts';
import { StoreWatch } from './store-watch.ts';
import { version } from './version.ts';

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

async function openStore(
  config: Config,
  measures: SharedArrayBuffer,
  onBroken: (error: Error) => void,
  onNews: (news: StoreNews) => void,
): Promise<Store> {
  try {
    const { path, keepContentMs } = config.store;
    const keepContent = keepContentMs > 0;
    // Whoever removed the lock may have left this one: it answers for a daemon that has the store.
    if ((await probeSocket(adminSocketPath(path))) === 'served') throw inUse(path);
    return await openSqliteStore({ path, mode: 'daemon', keepContent, measures, onBroken, onNews });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new StartError(STORE_EXIT[error.kind], [`store.path: ${error.message}`]);
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
  const opening = openStore(settings.config, commits.memory, breaks, news.hear);
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
