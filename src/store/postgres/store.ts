/**
 * The store in PostgreSQL: the face of all ports.
 *
 * Contract: any number of daemons on any number of hosts share one store; each keeps the promises of store.ts by the
 * database alone. Whoever is lost in the middle of something leaves nothing behind but leases, which end.
 * Failure: a request that the database cannot carry out rejects. No request makes a connection wait for ever.
 */
import { hostname } from 'node:os';
import { commitMeasures } from '../../observe/commit-measures.ts';
import type { Store } from '../store.ts';
import { StoreError } from '../store-error.ts';
import { acceptancePort } from './acceptance.ts';
import { placeOf, readAddress } from './address.ts';
import { apiAccessPort } from './api-access.ts';
import { PostgresBell } from './bell.ts';
import { bucketPort } from './buckets.ts';
import { DatabaseClock } from './clock.ts';
import type { ConnectionOptions } from './connection.ts';
import { contentPort } from './content.ts';
import { contextPort } from './contexts.ts';
import { openDatabase } from './database.ts';
import { deskPort } from './desk.ts';
import { digestPort } from './digests.ts';
import { directoryPort } from './directory.ts';
import { Entrance } from './entrance.ts';
import { explain } from './explain.ts';
import { figurePort } from './figures.ts';
import type { Ground } from './ground.ts';
import { healthPort } from './health.ts';
import { hostPort } from './host-views.ts';
import { enterHost, HOST_TIMES, type HostTimes, type Membership } from './hosts.ts';
import { inspectionPort } from './inspection.ts';
import { lanePort } from './lanes.ts';
import { leasePort } from './leases.ts';
import { mailboxPort } from './mailboxes.ts';
import { MIGRATIONS, type Migration } from './migrations.ts';
import { requireNotMoved } from './moved-mark.ts';
import { noticePort } from './notices.ts';
import { notificationPort } from './notifications.ts';
import { notifiedPort } from './notified.ts';
import { originalPort } from './originals.ts';
import { pastVerdictPort } from './past-verdicts.ts';
import { pepperPort } from './peppers.ts';
import { receiptPort } from './receipts.ts';
import { restorePort } from './restores.ts';
import { retentionPort } from './retention.ts';
import { ringing } from './ringing.ts';
import { ensureSchema, requireCompatible } from './schema.ts';
import { sinkPort } from './sink-status.ts';

/** The options of a store. */
export interface PostgresOptions {
  /** `postgresql://…`: see address.ts. */
  readonly url: string;
  readonly password?: string | undefined;
  /** A daemon takes part in the work as a host; a tool only looks and changes. */
  readonly mode: 'daemon' | 'tool';
  /** The name of this host, by default the operating system's. */
  readonly host?: string | undefined;
  readonly keepContent?: boolean | undefined;
  /** Connections for transactions, at most. */
  readonly connections?: number | undefined;
  /** Memory of commit-measures.ts in which the commits are measured that accept messages. */
  readonly measures?: SharedArrayBuffer | undefined;
  /** Other steps than those of this version, for tests of an upgrade. */
  readonly migrations?: readonly Migration[] | undefined;
  /** Other times of hosts, for tests; the same for all of a store. */
  readonly hostTimes?: HostTimes | undefined;
  /** Told once when this daemon may promise nothing more: another one has taken over the name of its host. */
  readonly onBroken?: ((error: Error) => void) | undefined;
}

const CONNECTIONS = 6;

/** How long the answer to whether a connection lives may take. */
const ANSWER_MS = 10_000;

/** How connections are made. */
type Line = Omit<ConnectionOptions, 'answerMs' | 'onEnd'>;

/** Opens the store at a URL, making or migrating its schema as needed; rejects with {@link StoreError}. */
export async function openPostgresStore(options: PostgresOptions): Promise<Store> {
  const read = readAddress(options.url);
  if (!read.ok) throw new StoreError('unusable', read.problem);
  const { address } = read;
  const place = placeOf(address);
  const host = options.host ?? hostname();
  try {
    const line = { address, password: options.password, name: `mailgw ${options.mode} ${host}` };
    const database = await openDatabase({ ...line, most: options.connections ?? CONNECTIONS });
    try {
      await ensureSchema(database.reads, { ...line, place, migrations: options.migrations });
      if (options.mode === 'daemon') await requireNotMoved(database.reads, place);
      const clock = new DatabaseClock();
      await clock.measure(database.reads);
      const ground = { database, clock, host, keepContent: options.keepContent ?? false };
      const part = await takePart(ground, place, options, line);
      try {
        // The schema may have been changed before this daemon was known to be at work.
        await requireCompatible(database.reads, (options.migrations ?? MIGRATIONS).length, place);
        return storeOn(ground, options, part);
      } catch (error) {
        await part.close();
        throw error;
      }
    } catch (error) {
      await database.close();
      throw error;
    }
  } catch (error) {
    throw explain(place, error);
  }
}

/** This process among the others on the store. */
interface Part extends Pick<Membership, 'isPresent' | 'holds' | 'close'> {
  readonly bell: PostgresBell;
}

/** Takes part in the store: a daemon as a host, a tool only to ring. */
async function takePart(
  ground: Ground,
  place: string,
  { mode, hostTimes: times = HOST_TIMES, migrations = MIGRATIONS, onBroken }: PostgresOptions,
  line: Line,
): Promise<Part> {
  const { host, database } = ground;
  const statements = database.reads;
  if (mode === 'tool') {
    const bell = new PostgresBell({ statements, line: undefined, ringer: '', hasCompany: () => true });
    return { bell, isPresent: () => true, holds: () => true, close: () => bell.close() };
  }
  const { length: schemaVersion } = migrations;
  const told = onBroken ?? ((): void => undefined);
  const membership = await enterHost(ground, { place, schemaVersion, times, onBroken: told });
  const { isPresent, holds, hasCompany } = membership;
  const listens = line.address.pooler === 'none' ? { ...line, answerMs: ANSWER_MS } : undefined;
  const bell = new PostgresBell({ statements, line: listens, ringer: host, hasCompany });
  const close = async (): Promise<void> => {
    await Promise.all([bell.close(), membership.close()]);
  };
  return { bell, isPresent, holds, close };
}

function storeOn(ground: Ground, options: PostgresOptions, part: Part): Store {
  const { bell, isPresent, holds, close } = part;
  const { database } = ground;
  const { measures } = options;
  const entrance = new Entrance(ground, measures === undefined ? undefined : commitMeasures(measures));
  const [leases, desk] = [leasePort(ground), deskPort(ground)];
  return {
    ...contentPort(ground),
    ...receiptPort(ground),
    ...leases,
    ...lanePort(ground),
    ...digestPort(ground),
    ...desk,
    ...ringing({ ...acceptancePort(entrance), ...leases, ...desk }, bell.ring),
    ...inspectionPort(ground),
    ...figurePort(ground),
    ...pastVerdictPort(ground),
    ...sinkPort(ground),
    ...directoryPort(ground),
    ...pepperPort(ground),
    ...restorePort(ground),
    ...noticePort(ground),
    ...notificationPort(ground),
    ...notifiedPort(ground),
    ...originalPort(ground),
    ...contextPort(ground),
    ...apiAccessPort(ground),
    ...bucketPort(ground),
    ...mailboxPort(ground),
    ...retentionPort(ground),
    ...healthPort(ground),
    ...hostPort(ground, options.hostTimes ?? HOST_TIMES),
    isPresent,
    holds,
    onDue: bell.onDue,
    ping: async (sign) => {
      if (sign?.mustWrite === true)
        await database.transact({ lock: 'none', isDurable: false }, (s) => s.run('SELECT 1'));
      // Nothing on this side does the writing: a database that is away is no reason to replace the daemon.
    },
    close: async () => {
      await entrance.close();
      await close();
      await database.close();
    },
  };
}
