/**
 * A daemon as a host of its store: it enters itself, tells the others that it lives, and takes over from those that do not.
 *
 * Contract: of one name one daemon is at work. Its own name is taken over from an earlier run only where that is dead for
 * sure: it ended in order, it ran on this machine, where only one process can have the name, or nothing was heard of it for
 * {@link HOST_TIMES}. What the earlier run had leased is given back before the store is open. A host that is stopped or was not
 * seen for so long has its leases given back by whoever notices first, so within that time and two beats.
 * Failure: {@link StoreError} where the name is taken. A beat that fails is tried again with the next; until one succeeds
 * the daemon is not present. One that finds its name with another run is told to `onBroken`: it may promise nothing more.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { claimName } from '../../system/claimed-name.ts';
import { withinDeadline } from '../../system/deadline.ts';
import { elapsedMs, LONG_AGO, type Moment, thisMoment } from '../../system/moment.ts';
import { version } from '../../system/version.ts';
import { StoreError } from '../store-error.ts';
import { DATABASE_NOW } from './clock.ts';
import type { Value } from './connection.ts';
import { giveBack } from './giving-back.ts';
import type { Ground } from './ground.ts';

/** The times of hosts, the same for all that share a store. */
export interface HostTimes {
  /** Between two signs of life. */
  readonly beatMs: number;
  /** After so long without one a host is dead. */
  readonly deadMs: number;
}

/** The times unless a test has others. */
export const HOST_TIMES: HostTimes = { beatMs: 5000, deadMs: 30_000 };

/** A daemon begins nothing of what it has leased when so much of the time has gone without an answer to a beat. */
const ABSENT_SHARE = 2 / 3;

/** The time that the last words have. */
const FAREWELL_MS = 2000;

/** The options of a host. */
export interface HostOptions {
  readonly place: string;
  readonly schemaVersion: number;
  readonly times: HostTimes;
  /** Told once, when another run has the name. */
  readonly onBroken: (error: Error) => void;
}

/** A daemon's part in the store. */
export interface Membership {
  /** Tells whether the others count on it. */
  readonly isPresent: () => boolean;
  /** Tells whether what was leased by then is still its own, for so long. */
  readonly holds: (askedAt: Moment, forMs: number) => boolean;
  /** Tells whether there were other hosts at work at the last beat. */
  readonly hasCompany: () => boolean;
  /** Says farewell: what is still leased is the others'. */
  readonly close: () => Promise<void>;
}

/** The answer to a beat. */
interface Pulse {
  readonly at: number;
  readonly mine: boolean;
  readonly company: boolean;
  /** Whether a host that is gone still holds something. */
  readonly heir: boolean;
}

const GONE = (dead: string): string => `(stopped OR seen_at <= ${DATABASE_NOW} - ${dead})`;

const ENTER = (condition: string): string =>
  `INSERT INTO host (name, run, machine, version, schema_version, started_at, clock_ms, seen_at)
   VALUES ($1, $2, $3, $4, $5, $6, $7, ${DATABASE_NOW})
   ON CONFLICT (name) DO UPDATE SET run = excluded.run, machine = excluded.machine, version = excluded.version,
     schema_version = excluded.schema_version, started_at = excluded.started_at, clock_ms = excluded.clock_ms,
     seen_at = excluded.seen_at, stopped = false
   WHERE ${condition} RETURNING name`;

const TAKE_NAME = ENTER(
  'host.stopped OR host.machine = excluded.machine OR host.seen_at <= excluded.seen_at - $8',
);

// A host that was forgotten while it slept enters itself again.
// On the connection of all lookups, which are to wait neither for a disk nor for a standby that is away.
const LAZILY = "set_config('synchronous_commit', 'off', true)";

const BEAT = `WITH mine AS (${ENTER('host.run = excluded.run')}),
  gone AS (SELECT name FROM host WHERE name <> $1 AND ${GONE('$8')})
  SELECT ${LAZILY}, ${DATABASE_NOW} AS at, EXISTS (SELECT FROM mine) AS mine,
    EXISTS (SELECT FROM host WHERE name <> $1 AND NOT ${GONE('$8')}) AS company,
    EXISTS (SELECT FROM item WHERE state = 'leased' AND lease_owner IN (SELECT name FROM gone))
      OR EXISTS (SELECT FROM sink WHERE host IN (SELECT name FROM gone)) AS heir`;

/** Enters this host; rejects with {@link StoreError} where another daemon has its name. */
export async function enterHost(ground: Ground, options: HostOptions): Promise<Membership> {
  const claim = await claimHere(ground, options.place);
  try {
    const host = new Host(ground, options, claim);
    await host.enter();
    return host;
  } catch (error) {
    claim?.close();
    throw error;
  }
}

/** Claims the name on this machine: whoever had it here before is dead. */
async function claimHere({ database, host }: Ground, place: string): Promise<Server | undefined> {
  const store = await database.reads.first<{ name: string }>(
    "SELECT current_database() || '/' || value AS name FROM flag WHERE name = 'store'",
  );
  const digest = createHash('sha256')
    .update(`${store?.name ?? place}/${host}`)
    .digest('hex');
  const claim = await claimName(`mailgw-host-${digest}`);
  if (claim === 'taken') throw taken(place, host, 'on this machine');
  return claim;
}

const taken = (place: string, host: string, where: string): StoreError =>
  new StoreError(
    'locked',
    `${place}: a daemon with store.host = "${host}" is at work ${where}; give each host a name of its own`,
  );

/** Names the scope in which {@link claimName} is a proof: this kernel's life, and the network namespace. */
function machineOf(): string {
  try {
    const parts = [
      readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'),
      readlinkSync('/proc/self/ns/net'),
    ];
    return createHash('sha256').update(parts.join('\n')).digest('hex');
  } catch {
    return randomBytes(16).toString('hex');
  }
}

class Host implements Membership {
  readonly #ground: Ground;
  readonly #options: HostOptions;
  readonly #claim: Server | undefined;
  readonly #run = randomBytes(16).toString('hex');
  readonly #startedAt = Date.now();
  readonly #machine: string;
  #heardAt = LONG_AGO;
  /** Since when there was no time without an answer in which the others may have taken it for dead. */
  #presentSince = LONG_AGO;
  #hasCompany = false;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(ground: Ground, options: HostOptions, claim: Server | undefined) {
    this.#ground = ground;
    this.#options = options;
    this.#claim = claim;
    this.#machine = claim === undefined ? randomBytes(16).toString('hex') : machineOf();
  }

  readonly isPresent = (): boolean => {
    return elapsedMs(this.#heardAt) < this.#mostMs;
  };

  readonly holds = (askedAt: Moment, forMs: number): boolean =>
    this.isPresent() && askedAt.monotonic >= this.#presentSince.monotonic && elapsedMs(askedAt) < forMs;

  get #mostMs(): number {
    return this.#options.times.deadMs * ABSENT_SHARE;
  }

  readonly hasCompany = (): boolean => this.#hasCompany;

  /** Takes the name, when nobody else is at work under it, and gives back what the earlier run had. */
  async enter(): Promise<void> {
    const { host, database } = this.#ground;
    const { times, place } = this.#options;
    let firstSeenAt: number | undefined;
    while (!(await this.#takeName())) {
      const row = await database.reads.first<{ seenAt: number }>(
        'SELECT seen_at AS "seenAt" FROM host WHERE name = $1',
        [host],
      );
      firstSeenAt ??= row?.seenAt;
      if (row !== undefined && row.seenAt !== firstSeenAt) throw taken(place, host, 'on another machine');
      await sleep(Math.min(1000, times.beatMs));
    }
    await this.#beat();
    this.#arm();
  }

  #takeName(): Promise<boolean> {
    const { database, host } = this.#ground;
    return database.transact({ lock: 'shared', isDurable: true }, async (statements) => {
      if ((await statements.run(TAKE_NAME, this.#row())) === 0) return false;
      await giveBack(statements, this.#ground, [host]);
      return true;
    });
  }

  #row(): Value[] {
    const { schemaVersion, times } = this.#options;
    const { host, clock } = this.#ground;
    const clockMs = -clock.differenceMs;
    return [host, this.#run, this.#machine, version(), schemaVersion, this.#startedAt, clockMs, times.deadMs];
  }

  #arm(): void {
    if (this.#isOver) return;
    this.#timer = setTimeout(() => {
      // What fails is tried again with the next: whoever asks for the store hears of it.
      this.#beating = this.#beat().catch(() => undefined);
      void this.#beating.then(() => {
        this.#arm();
      });
    }, this.#options.times.beatMs).unref();
  }

  async #beat(): Promise<void> {
    const { database, clock } = this.#ground;
    const askedAt = thisMoment();
    const pulse = await database.reads.first<Pulse>(BEAT, this.#row());
    if (pulse === undefined) return;
    clock.hear(pulse.at, askedAt, thisMoment());
    if (!pulse.mine) {
      this.#break();
      return;
    }
    // Whoever slept for so long may be back: what it had leased before is the others'.
    if (!this.isPresent()) this.#presentSince = askedAt;
    this.#heardAt = askedAt;
    this.#hasCompany = pulse.company;
    if (pulse.heir) await this.#inherit();
  }

  /** Gives back what hosts hold that are gone; one that comes back just now waits until it is done. */
  async #inherit(): Promise<void> {
    const { database, host } = this.#ground;
    await database.transact({ lock: 'shared', isDurable: false }, async (statements) => {
      const gone = await statements.rows<{ name: string }>(
        `SELECT name FROM host WHERE name <> $1 AND ${GONE('$2')} ORDER BY name FOR UPDATE SKIP LOCKED`,
        [host, this.#options.times.deadMs],
      );
      if (gone.length > 0)
        await giveBack(
          statements,
          this.#ground,
          gone.map(({ name }) => name),
        );
    });
  }

  #break(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#heardAt = LONG_AGO;
    const { host } = this.#ground;
    this.#options.onBroken(new Error(`store.host "${host}": another daemon has taken over the name`));
  }

  readonly close = async (): Promise<void> => {
    const isBroken = this.#isOver;
    this.#isOver = true;
    clearTimeout(this.#timer);
    const { database, host } = this.#ground;
    const farewell = async (): Promise<void> => {
      await this.#beating;
      if (isBroken) return;
      await database.reads.run(
        `UPDATE host SET stopped = true, seen_at = ${DATABASE_NOW} WHERE name = $1 AND run = $2 RETURNING ${LAZILY}`,
        [host, this.#run],
      );
    };
    await withinDeadline(FAREWELL_MS, farewell).catch(() => undefined);
    this.#claim?.close();
  };
}
