/** The way out of the platform's own notifications; its code is loaded where the site has a socket for them. */

import type { Doubts } from '../site/doubts.ts';
import { isWanted } from '../sources/listen.ts';
import type { Source } from '../sources/source.ts';
import type { Ground } from './ground.ts';

/** Opens the listener, where the site has one. */
export async function openOutbound(ground: Ground, doubts: Doubts): Promise<Source | undefined> {
  const { site, store, sinks, log, meter } = ground;
  if (!isWanted('outbound', site.config.outbound)) return undefined;
  const [{ stampPart }, outbound] = await Promise.all([
    import('../site/stamping.ts'),
    import('../sources/outbound/open.ts'),
  ]);
  const plan = site.part(stampPart({ store, sinks, doubt: doubts.doubt, log, meter }));
  return outbound.openOutbound({ config: () => site.config, log, meter, plan });
}
