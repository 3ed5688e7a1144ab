/** Retention as a site configures it. */
import { dedupeWindowMs } from '../config/config.ts';
import type { Log } from '../observe/log.ts';
import { type RetentionPeriods, startRetention } from '../store/retention.ts';
import type { DiskSpace } from '../store/sqlite/disk-space.ts';
import type { Store } from '../store/store.ts';
import type { Config } from './config.ts';
import type { Site } from './site.ts';

/** Begins retention; gives the function that ends it. */
export function startPruning(
  site: Site,
  store: Store,
  space: Pick<DiskSpace, 'isLow'>,
  log: Log,
): () => Promise<void> {
  return startRetention({
    queue: store,
    periods: () => periodsOf(site.config),
    isSpaceLow: space.isLow,
    log,
    now: Date.now,
  });
}

function periodsOf(config: Config): RetentionPeriods {
  const { keepContentMs, keepRowsMs } = config.store;
  const { originalsBytes } = config.reply;
  return { contentMs: keepContentMs, rowsMs: keepRowsMs, dedupeMs: dedupeWindowMs(config), originalsBytes };
}
