/** The fault of a store that cannot do its work now: the setting that names it, what is wrong, and the way out. */

import type { Session } from '../site/session.ts';
import { storeKey, storePlace } from '../site/store-place.ts';
import { describe, EXIT, Fault, systemCode } from './fault.ts';

/** Makes the fault of a failure of the store. */
export function storeFault(config: Session['config'], error: unknown): Fault {
  const { path, url } = config.store;
  const what = systemCode(error)?.startsWith('SQLITE_BUSY')
    ? `is locked by another process; "fuser -v ${path}" names it, then try again`
    : `${describe(error)}; try again`;
  const place = url === undefined ? path : storePlace(config);
  return new Fault(EXIT.unavailable, `${storeKey(config)}: ${place}: ${what}`, { cause: error });
}
