/** What everything in the daemon stands on: the store, the site with its sinks, and the space that is left. */
import { dirname } from 'node:path';
import type { Log } from '../observe/log.ts';
import type { Settings } from '../site/settings.ts';
import { closeSinks, lanesOf, openSinks, type SiteSink } from '../site/sinks.ts';
import { Site } from '../site/site.ts';
import type { StoreWatch } from '../site/store-watch.ts';
import { type DiskSpace, openDiskSpace } from '../store/sqlite/disk-space.ts';
import type { Store } from '../store/store.ts';
import { EXIT } from '../system/exit-status.ts';
import type { Beginning } from './beginning.ts';
import type { Life } from './life.ts';
import type { Observation } from './observation.ts';
import { StartError } from './start-error.ts';

/** The ground: what is there before anything works. */
export interface Ground extends Observation {
  readonly life: Life;
  readonly store: Store;
  readonly site: Site;
  /** Gives the sinks in force. */
  readonly sinks: () => readonly SiteSink[];
  readonly space: DiskSpace;
  readonly news: StoreWatch;
}

/** Opens the ground. */
export async function openGround(
  { settings, opening, news }: Beginning,
  observation: Observation,
  life: Life,
): Promise<Ground> {
  const { log, follow } = observation;
  const site = new Site({ settings, sinks: await openFirstSinks(settings, log) });
  const [store, space] = await Promise.all([opening, watchSpace(site, log)]);
  life.ends(() => store.close());
  life.ends(() => site.close());
  life.ends(space.close);
  site.part({
    reads: ['log'],
    open: (setup) => {
      follow(setup.settings.config.log);
    },
  });
  const sinks = site.part<readonly SiteSink[]>({
    reads: 'everything', // a site's own may read what no setting names
    open: (setup) => setup.sinks,
    warm: (opened) => {
      for (const { sink } of opened) sink.warm?.();
    },
    close: closeSinks,
  });
  await store.setLanes(lanesOf(settings.config), Date.now());
  return { ...observation, life, store, site, sinks, space, news };
}

async function openFirstSinks({ config }: Settings, log: Log): Promise<readonly SiteSink[]> {
  const loaded = await openSinks(config, (reason) => {
    log('sink_fault', { reason });
  });
  if (!loaded.ok) throw new StartError(EXIT.configuration, loaded.problems);
  return loaded.sinks;
}

/** Watches the space of a store that lies here. A database has its own, and says itself when that is full. */
async function watchSpace(site: Site, log: Log): Promise<DiskSpace> {
  const { path, url } = site.config.store;
  if (url !== undefined) return { isLow: () => false, take: () => undefined, close: () => undefined };
  return await openDiskSpace({
    directory: dirname(path),
    lowWaterBytes: () => site.config.store.lowWaterBytes,
    onChange: (isLow, freeBytes, lowWaterBytes) => {
      log(isLow ? 'space_low' : 'space_back', { free_bytes: freeBytes, low_water_bytes: lowWaterBytes });
    },
  });
}
