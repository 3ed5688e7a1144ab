/**
 * The metrics of the database that a store stands in; none of a store in a file.
 *
 * Contract: the database is asked once for a page, because all inquiries begin in one tick. A standby has samples from the
 * page after the one that it was first seen for, and none while it is away.
 */
import type { Meter } from '../observe/meter.ts';
import { CONNECTION_STATES, type DatabaseHealth, type HealthPort } from '../store/health.ts';

/** Watches it. */
export function watchDatabase(meter: Meter, store: Partial<HealthPort>): void {
  const ask = store.health?.bind(store);
  const pool = store.pool?.bind(store);
  if (ask === undefined || pool === undefined) return;
  let answering: Promise<DatabaseHealth> | undefined;
  const note = namesNoted(meter, () => read());
  const read = (): Promise<DatabaseHealth> => {
    answering ??= ask()
      .then(note)
      .finally(() => {
        answering = undefined;
      });
    return answering;
  };
  for (const state of CONNECTION_STATES)
    meter.inquire('mailgw_database_connections', { state }, async () => {
      const { connections } = await read();
      return connections.byState[state];
    });
  meter.inquire('mailgw_database_connections', { state: 'free' }, async () => {
    const { connections } = await read();
    return Math.max(0, connections.most - connections.used);
  });
  for (const state of ['lent', 'waiting'] as const)
    meter.watch('mailgw_database_pool', { state }, () => pool()[state]);
  meter.inquire('mailgw_database_longest_transaction_seconds', {}, async () => {
    const { longest } = await read();
    return (longest?.ageMs ?? 0) / 1000;
  });
  meter.inquire(
    'mailgw_database_clock_difference_seconds',
    {},
    async () => (await read()).clockAheadMs / 1000,
  );
  // Before the first page: what is there has samples on it.
  read().catch(() => undefined);
}

/** Gives a function that begins to watch what has names of the server's, when it is seen first. */
function namesNoted(
  meter: Meter,
  read: () => Promise<DatabaseHealth>,
): (health: DatabaseHealth) => DatabaseHealth {
  const [knownStandbys, knownTables] = [new Set<string>(), new Set<string>()];
  return (health) => {
    for (const { name } of health.standbys) {
      if (knownStandbys.has(name)) continue;
      knownStandbys.add(name);
      meter.inquire('mailgw_database_replication_lag_bytes', { standby: name }, async () =>
        lagOf(await read(), name),
      );
    }
    for (const { name } of health.tables) {
      if (knownTables.has(name)) continue;
      knownTables.add(name);
      meter.inquire('mailgw_database_dead_rows', { table: name }, async () => {
        const { tables } = await read();
        return tables.find((table) => table.name === name)?.deadRows;
      });
    }
    return health;
  };
}

/** Gives the lag of a standby; of several of one name the greatest. */
function lagOf({ standbys }: DatabaseHealth, name: string): number | undefined {
  const lags = standbys.flatMap((standby) => (standby.name === name ? (standby.lagBytes ?? []) : []));
  return lags.length === 0 ? undefined : Math.max(...lags);
}
