// Several daemons on one PostgreSQL, as the hosts of a site: each with its own configuration, socket and name, all of them
// with one pepper, one platform and one database.
//
// Contract: makeFleet makes them and their users; nothing runs yet but the ledger. What becomes of the store in the end is
// examined by the rules that no constraint holds (assertSound).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import { Daemon, type Settings, writeConfig } from '../support/daemon.ts';
import { addUser, mintSealed } from '../support/mint.ts';
import type { Postgres } from '../support/postgres.ts';
import { testScratch } from '../support/scratch.ts';
import { Ledger } from './ledger.ts';
import { assertDelivered } from './promise.ts';
import { Chance, failedRound } from './rounds.ts';
import { Senders } from './senders.ts';
import type { Recipient } from './site.ts';

/** Several hosts, whose daemons the test starts, stops and kills. */
export interface Fleet {
  readonly ledger: Ledger;
  readonly daemons: readonly Daemon[];
  readonly sockets: readonly string[];
  readonly recipients: readonly Recipient[];
  /** The name of the database. */
  readonly database: string;
}

/** What a test may choose. */
export interface FleetOptions {
  readonly hosts?: number;
  readonly users?: number;
  readonly threads?: number;
  readonly settings?: Settings;
  /** Gives the URL by which a host reaches the database; over the Unix socket by default. */
  readonly urlOf?: (host: number, database: string) => string;
  /** The address of the platform. */
  readonly platform?: string;
  /** Gives the command that a host's daemon runs within. */
  readonly within?: (host: number) => readonly string[];
}

/** Threads are few and posted one reply at a time, by daemons that share two processors with everything else. */
const PATIENCE_MS = 240_000;

/** Short enough that a round sees retries. */
const BRIEF = { retry_first: '50ms', retry_longest: '200ms', stop_timeout: '5s' } as const;

/** Writes the configurations and makes the users; starts nothing but the ledger. */
export async function makeFleet(
  t: TestContext,
  server: Postgres,
  options: FleetOptions = {},
): Promise<Fleet> {
  const { hosts = 3, users = 3, threads = 4, settings = {}, urlOf, platform, within } = options;
  const database = await server.database();
  const ledger = await Ledger.open(testScratch(t), platform);
  const daemons: Daemon[] = [];
  let pepperFile = '';
  for (let host = 0; host < hosts; host++) {
    const own = testScratch(t);
    const socket = own.path('lmtp.sock');
    const url = urlOf?.(host, database) ?? server.url(database);
    const config = writeConfig(own, socket, {
      sink: ledger.sink,
      settings: {
        ...settings,
        delivery: { ...BRIEF, ...settings.delivery },
        store: { path: own.path('mailgw.db'), url, host: `host${host + 1}`, ...settings.store },
        ...(pepperFile === '' ? {} : { reply: { pepper_file: pepperFile } }),
      },
    });
    pepperFile ||= own.path('pepper');
    const daemon = new Daemon(socket, config, own.path('mailgwd.log'), {}, within?.(host));
    own.defer(() => daemon.kill9());
    daemons.push(daemon);
  }
  const recipients = await makeRecipients(server.url(database), pepperFile, users, threads);
  return { ledger, daemons, sockets: daemons.map(({ socket }) => socket), recipients, database };
}

async function makeRecipients(
  url: string,
  pepperFile: string,
  users: number,
  threads: number,
): Promise<readonly Recipient[]> {
  const store = await openPostgresStore({ url, mode: 'tool' });
  try {
    const pepper = Buffer.from(readFileSync(pepperFile, 'utf8'), 'base64');
    const repliedTo = Math.floor(Date.now() / 1000) - 2 * 86_400;
    const recipients: Recipient[] = [];
    for (let n = 1; n <= users; n++) {
      const { number: userNumber, name: user, salts } = await addUser(store, `user${n}`);
      for (let at = 1; at <= threads; at++) {
        const thread = `test/thread/${at}`;
        const address = await mintSealed(store, {
          pepper,
          salt: salts[0]!.salt,
          userNumber,
          thread,
          repliedTo,
        });
        recipients.push({ address, user, thread });
      }
    }
    return recipients;
  } finally {
    await store.close();
  }
}

/** Starts the daemons, sends all the time, does what is to be done, and holds the promises against platform and store. */
export async function underLoad(
  t: TestContext,
  server: () => Postgres,
  fleet: Fleet,
  fault: (senders: Senders, chance: Chance) => Promise<void>,
): Promise<void> {
  const chance = new Chance();
  for (const daemon of fleet.daemons) await daemon.start();
  const senders = new Senders({ socket: fleet.sockets, recipients: fleet.recipients, chance, senders: 6 });
  senders.start();
  try {
    await fault(senders, chance);
    await senders.drain();
    await assertDelivered(senders, fleet.ledger, PATIENCE_MS);
    assert.deepEqual(senders.wrongs, []);
    for (const daemon of fleet.daemons) assert.equal(await daemon.stop(), 'exit 0');
    await assertSound(server(), fleet);
  } catch (problem) {
    throw failedRound(problem, `seed ${chance.seed}`);
  } finally {
    await senders.abandon();
  }
  t.diagnostic(
    `${senders.accepted.length} accepted, ${senders.unanswered} cut off, ${fleet.ledger.requests} requests`,
  );
}

/** What no constraint holds, each as a query that finds its offenders. */
const RULES = [
  `SELECT 'thread ' || thread || ' has ' || count(*) FILTER (WHERE head) || ' heads' FROM item
     WHERE state IN ('ready','waiting','leased') GROUP BY thread HAVING count(*) FILTER (WHERE head) <> 1`,
  `SELECT 'item ' || id || ' is head, though it is ' || state FROM item WHERE head AND state IN ('held','posted','failed')`,
  `SELECT 'item ' || id || ' is ' || state FROM item WHERE state <> 'posted'`,
  `SELECT 'message ' || message_id || ' for ' || user_name || ' in ' || thread || ' is there ' || count(*) || ' times' FROM item
     GROUP BY message_id, user_name, thread HAVING count(*) > 1`,
  `SELECT 'item ' || id || ' has no fingerprint' FROM item WHERE id NOT IN (SELECT item_id FROM dedupe)`,
  `SELECT 'fingerprint of ' || item_id || ' has no item' FROM dedupe WHERE item_id NOT IN (SELECT id FROM item)`,
] as const;

/** Everything is posted, and the rows keep the rules among each other. */
async function assertSound(server: Postgres, { database }: Fleet): Promise<void> {
  for (const rule of RULES) assert.equal(await server.sql(rule, database), '');
}
