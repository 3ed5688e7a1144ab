// A mailbox of Dovecot's that has filled up, and a daemon that is to catch up with it.
//
// Contract: the messages are replies of alice's to threads of hers, each of its own; the queue is paused, so that what is
// taken stays in the store. Everything ends with the scratch.

import { appendFileSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { Daemon, writeConfig } from './daemon.ts';
import { type Dovecot, startDovecot } from './dovecot.ts';
import { eventually } from './eventually.ts';
import { NOBODY } from './imap-servers.ts';
import { NO_SINK } from './intake.ts';
import { replyMessage } from './message.ts';
import { addUser, mintSealed } from './mint.ts';
import type { Scratch } from './scratch.ts';

/** The name of its `[[imap]]`. */
const SOURCE = 'full';
const THREADS = 100;
const CATCH_UP_MS = 600_000;

/** What catching up took. */
export interface CaughtUp {
  /** From the start of the daemon until the last message was taken. */
  readonly takenSeconds: number;
  /** Until everything was marked in its folder as well. */
  readonly markedSeconds: number;
  /** The greatest resident memory of the daemon. */
  readonly peakBytes: number;
}

/** A full mailbox. */
export interface FullMailbox {
  readonly dovecot: Dovecot;
  readonly store: Store;
  /** Starts the daemon, and waits until nothing is left to do. */
  readonly catchUp: () => Promise<CaughtUp>;
}

/** Fills a mailbox with so many messages. */
export async function fillMailbox(scratch: Scratch, count: number): Promise<FullMailbox> {
  const dovecot = await startDovecot(scratch);
  const socket = scratch.path('lmtp.sock');
  const config = writeConfig(scratch, socket, { sink: NO_SINK });
  const passwordFile = scratch.path('imap-password');
  writeFileSync(passwordFile, dovecot.password, { mode: 0o600 });
  const lines = [
    ...[`name = "${SOURCE}"`, 'host = "127.0.0.1"', `port = ${dovecot.port}`, 'tls = "off"'],
    ...[`user = "${dovecot.user}"`, `password_file = "${passwordFile}"`, 'since = "all"'],
  ];
  appendFileSync(config, `\n[[imap]]\n${lines.join('\n')}\n`);
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'tool' });
  scratch.defer(() => store.close());
  await store.setPaused(true);
  fillMaildir(scratch.path('dovecot', 'mail', dovecot.user), await mint(store, scratch), count);
  const daemon = new Daemon(socket, config, scratch.path('mailgwd.log'), {});
  scratch.defer(async () => {
    await daemon.stop();
  });
  return { dovecot, store, catchUp: () => catchUp(daemon, store, count) };
}

/** Mints an address for each thread. */
async function mint(store: Store, scratch: Scratch): Promise<readonly string[]> {
  const pepper = Buffer.from(readFileSync(scratch.path('pepper'), 'utf8'), 'base64');
  const { number: userNumber, salts } = await addUser(store, 'alice');
  const repliedTo = Math.floor(Date.now() / 1000);
  const addresses: string[] = [];
  for (let thread = 0; thread < THREADS; thread++) {
    const minting = { pepper, salt: salts[0]!.salt, userNumber, thread: `test/${thread}`, repliedTo };
    addresses.push(await mintSealed(store, minting));
  }
  return addresses;
}

/** Writes messages into a Maildir, as a delivery does; Dovecot gives them UIDs when it looks. */
function fillMaildir(directory: string, addresses: readonly string[], count: number): void {
  for (const name of ['', 'new', 'cur', 'tmp']) {
    mkdirSync(`${directory}/${name}`, { recursive: true });
    chownSync(`${directory}/${name}`, NOBODY.uid, NOBODY.gid);
  }
  const body = 'It works now, and this is how.\n'.repeat(100);
  for (let n = 0; n < count; n++) {
    const to = addresses[n % addresses.length] ?? '';
    const file = `${directory}/new/${1_700_000_000 + n}.M${n}P1.test`;
    writeFileSync(file, replyMessage({ to, messageId: `m${n}@full.example`, body }));
    chownSync(file, NOBODY.uid, NOBODY.gid);
  }
}

async function catchUp(daemon: Daemon, store: Store, count: number): Promise<CaughtUp> {
  const begun = performance.now();
  const seconds = (): number => (performance.now() - begun) / 1000;
  await daemon.start();
  const highWater = async (): Promise<number> => (await store.mailbox(SOURCE))?.highWater ?? 0;
  let last = 0;
  const isTaken = async (): Promise<true | undefined> => {
    last = await highWater();
    return last >= count ? true : undefined;
  };
  await eventually(isTaken, () => `${last} of ${count}\n${daemon.log().slice(-2000)}`, CATCH_UP_MS);
  const takenSeconds = seconds();
  await eventually(
    async () => ((await store.openMessages(SOURCE)).length === 0 ? true : undefined),
    () => daemon.log().slice(-2000),
    CATCH_UP_MS,
  );
  return { takenSeconds, markedSeconds: seconds(), peakBytes: peakOf(daemon.pid) };
}

/** The greatest resident memory that a process ever had (proc_pid_status(5), VmHWM). */
function peakOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}
