/**
 * The mark of a store that was copied away: a daemon does not start on it by mistake, which would take replies that the
 * other store knows nothing of.
 *
 * Contract: `mailgw-ctl db copy` sets it when the copy is whole, and `mailgw-ctl db copy --undo` takes it away.
 */
import { isoTime } from '../system/iso-time.ts';
import { StoreError } from './store-error.ts';

/** The flag; its value is the time at which the store was copied. */
export const MOVED_FLAG = 'moved_at';

/** Makes the error of a daemon that is started on such a store. */
export function moved(place: string, at: number): StoreError {
  return new StoreError(
    'refused',
    `${place}: was copied to another store at ${isoTime(at) ?? at}; name that one in mailgw.toml, or go on with this one after all by "mailgw-ctl db copy --undo"`,
  );
}
