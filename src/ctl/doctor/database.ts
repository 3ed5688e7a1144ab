/**
 * The PostgreSQL of a store: whether it lets us in, and takes what is written.
 *
 * Contract: the process is the daemon's user by now, who it is that the database is asked about. What only root may read has
 * been read (`open`).
 */
import type { Config } from '../../site/config.ts';
import { storePlace } from '../../site/store-place.ts';
import type { Store } from '../../store/store.ts';
import { isStoreFailure, STORE_EXIT, StoreError, type StoreErrorKind } from '../../store/store-error.ts';
import { errorText } from '../../system/error-text.ts';
import { type Finding, fine, problem } from './finding.ts';

/** Examines it. */
export async function checkDatabase(config: Config, open: () => Promise<Store>): Promise<Finding> {
  const place = storePlace(config);
  try {
    const store = await open();
    try {
      await store.ping({ mustWrite: true });
    } finally {
      await store.close();
    }
    return fine('store.database', `${place}: lets this user in, and takes what is written`);
  } catch (error) {
    if (error instanceof StoreError) return away(error.message, error.kind);
    if (isStoreFailure(error)) return away(`${place}: ${errorText(error)}`, 'unreachable');
    throw error;
  }
}

function away(what: string, kind: StoreErrorKind): Finding {
  return problem('store.database', STORE_EXIT[kind], {
    what,
    why: 'mailgwd does not start, or answers all mail 451, and Postfix keeps it for five days',
    fix: FIX[kind] ?? FIX.unusable,
  });
}

const FIX: Partial<Readonly<Record<StoreErrorKind, string>>> & { readonly unusable: string } = {
  unreachable: 'systemctl status postgresql   # on the host of the database; and look at store.url',
  refused: 'look at store.password_file, at pg_hba.conf of the server, and at what the role may do',
  'newer-schema': 'install the newer mailgw, which another host has already',
  unusable: 'look at store.url, and at the log of the server',
};
