/**
 * The PostgreSQL of a store: whether it lets us in and takes what is written, and how well it is.
 *
 * Contract: the process is the daemon's user by now, who it is that the database is asked about. What only root may read has
 * been read (`open`). Reads alone.
 */
import { type StoreSettings, storePlace } from '../../site/store-place.ts';
import type { DatabaseHealth } from '../../store/health.ts';
import type { Store } from '../../store/store.ts';
import { isStoreFailure, STORE_EXIT, StoreError, type StoreErrorKind } from '../../store/store-error.ts';
import { errorText } from '../../system/error-text.ts';
import { judgeDatabase } from './database-health.ts';
import { type Finding, problem } from './finding.ts';

/** Examines it. */
export async function checkDatabase(
  config: StoreSettings,
  open: () => Promise<Store>,
): Promise<readonly Finding[]> {
  const place = storePlace(config);
  try {
    const health = await readHealth(open);
    return health === undefined ? [] : judgeDatabase(place, health);
  } catch (error) {
    if (error instanceof StoreError) return [away(error.message, error.kind)];
    if (isStoreFailure(error)) return [away(`${place}: ${errorText(error)}`, 'unreachable')];
    throw error;
  }
}

async function readHealth(open: () => Promise<Store>): Promise<DatabaseHealth | undefined> {
  const store = await open();
  try {
    const health = await store.health?.();
    if (health?.isStandby === false) await store.ping({ mustWrite: true });
    return health;
  } finally {
    await store.close();
  }
}

function away(what: string, kind: StoreErrorKind): Finding {
  return problem('database.reachable', STORE_EXIT[kind], {
    what,
    why: 'mailgwd does not start, or answers all mail 451, and Postfix keeps it for five days',
    fix: FIX[kind] ?? FIX.unusable,
  });
}

const FIX: Partial<Readonly<Record<StoreErrorKind, string>>> & { readonly unusable: string } = {
  unreachable: 'systemctl status postgresql   # on the host of the database; and look at store.url',
  refused:
    'mailgw-ctl db sql   # the SQL that makes the role and the database; or look at store.password_file, and at pg_hba.conf of the server',
  'newer-schema': 'install the newer mailgw, which another host has already',
  unusable: 'look at store.url, and at the log of the server',
};
