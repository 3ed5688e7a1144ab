// What every fault test stands on: a configured daemon that does not run yet, users with threads, and a ledger.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { Daemon, type Settings, writeConfig } from '../support/daemon.ts';
import { addUser, mintSealed } from '../support/mint.ts';
import { repositoryRoot } from '../support/process.ts';
import type { Scratch } from '../support/scratch.ts';
import { Ledger } from './ledger.ts';

/** A reply address and where its posts must arrive. */
export interface Recipient {
  readonly address: string;
  readonly user: string;
  readonly thread: string;
}

/** An installation whose daemon the test starts, stops and kills. */
export interface FaultSite {
  readonly scratch: Scratch;
  readonly ledger: Ledger;
  readonly daemon: Daemon;
  /** Path of the store. */
  readonly store: string;
  /** Every user's address in every thread. */
  readonly recipients: readonly Recipient[];
}

/** What a test may choose. */
export interface SiteOptions {
  readonly settings?: Settings;
  readonly environment?: NodeJS.ProcessEnv;
  readonly users?: number;
  readonly threads?: number;
  /** The daemon's time, if it is not ours; the posts that are answered are two days older. */
  readonly now?: number;
}

/** The program under test. */
export const MAILGWD = join(repositoryRoot, 'bin', 'mailgwd');

/** Short enough that a round sees retries. */
const BRIEF = { retry_first: '50ms', retry_longest: '200ms', stop_timeout: '5s' } as const;

/** Writes a configuration and a store; starts nothing but the ledger. */
export async function makeSite(scratch: Scratch, options: SiteOptions = {}): Promise<FaultSite> {
  const { settings = {}, environment = {}, users = 1, threads = 1, now = Date.now() } = options;
  const ledger = await Ledger.open(scratch);
  const socket = scratch.path('lmtp.sock');
  const given = settings.store?.path;
  const store = typeof given === 'string' ? given : scratch.path('mailgw.db');
  const delivery = { ...BRIEF, ...settings.delivery };
  const config = writeConfig(scratch, socket, { sink: ledger.sink, settings: { ...settings, delivery } });
  const daemon = new Daemon(socket, config, scratch.path('mailgwd.log'), environment);
  scratch.defer(() => daemon.kill9());
  const recipients: Recipient[] = [];
  await withStore(store, async (directory) => {
    const pepper = Buffer.from(readFileSync(scratch.path('pepper'), 'utf8'), 'base64');
    const repliedTo = Math.floor(now / 1000) - 2 * 86_400;
    for (let n = 1; n <= users; n++) {
      const { number: userNumber, name: user, salts } = await addUser(directory, `user${n}`);
      for (let thread = 1; thread <= threads; thread++) {
        const minting = {
          pepper,
          salt: salts[0]!.salt,
          userNumber,
          thread: `test/thread/${thread}`,
          repliedTo,
        };
        recipients.push({ address: await mintSealed(directory, minting), user, thread: minting.thread });
      }
    }
  });
  return { scratch, ledger, daemon, store, recipients };
}

/** Works on the store as mailgw-ctl does, and leaves it: an open connection would change what a crash leaves. */
export async function withStore<T>(path: string, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await openSqliteStore({ path, mode: 'tool' });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
