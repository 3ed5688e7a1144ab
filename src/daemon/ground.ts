/** What everything in the daemon stands on: the store, the site with its sink, and the space that is left. */
import { dirname } from 'node:path';
import type { Log } from '../observe/log.ts';
import type { Sink } from '../sinks/sink.ts';
import { openSink, type Settings } from '../site/settings.ts';
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
  /** Gives the sink in force. */
  readonly sink: () => Sink;
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
  const site = new Site({ settings, sink: await openFirstSink(settings, log) });
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
  const sink = site.part<Sink>({
    reads: 'everything', // a site's own may read what no setting names
    open: (setup) => setup.sink,
    warm: (opened) => opened.warm?.(),
    close: (opened) => opened.close(),
  });
  return { ...observation, life, store, site, sink, space, news };
}

async function openFirstSink({ config }: Settings, log: Log): Promise<Sink> {
  const loaded = await openSink(config, (reason) => {
    log('sink_fault', { reason });
  });
  if (!loaded.ok) throw new StartError(EXIT.configuration, loaded.problems);
  return loaded.sink;
}

function watchSpace(site: Site, log: Log): Promise<DiskSpace> {
  return openDiskSpace({
    directory: dirname(site.config.store.path),
    lowWaterBytes: () => site.config.store.lowWaterBytes,
    onChange: (isLow, freeBytes, lowWaterBytes) => {
      log(isLow ? 'space_low' : 'space_back', { free_bytes: freeBytes, low_water_bytes: lowWaterBytes });
    },
  });
}
