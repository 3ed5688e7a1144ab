// The real daemon with a paused queue, so that what it takes stays in its store to be looked at.
//
// Contract: started before the suite's first test, ended after its last; users alice and bob, each with an address.

import { readFileSync } from 'node:fs';
import { after, before } from 'node:test';
import type { ItemView } from '../../src/store/item.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { type Daemon, type Settings, startDaemon } from './daemon.ts';
import { newMessageId, replyMessage } from './message.ts';
import { addUser, mintSealed } from './mint.ts';
import { type Scratch, suiteScratch } from './scratch.ts';

/** A running daemon and a look into its store. */
export interface Intake {
  readonly daemon: Daemon;
  readonly socket: string;
  /** The daemon's store, opened beside it as mailgw-ctl does. */
  readonly store: Store;
  /** A reply address of alice's. */
  readonly alice: string;
  /** A reply address of bob's, in another thread. */
  readonly bob: string;
  readonly scratch: Scratch;
}

/** A sink for daemons that must not post: nobody listens there. */
export const NO_SINK = {
  url: 'http://127.0.0.1:9/hooks/mail',
  secret: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
} as const;

/** Starts a daemon for the suite whose body calls this; the result is for use inside tests. */
export function suiteIntake(settings: Settings | ((scratch: Scratch) => Settings) = {}): () => Intake {
  let intake: Intake | undefined;
  const scratch = suiteScratch();
  before(async () => {
    try {
      intake = await startIntake(scratch, typeof settings === 'function' ? settings(scratch) : settings);
    } catch (problem) {
      // node:test runs no `after` when `before` fails.
      await scratch.close();
      throw problem;
    }
  });
  after(() => scratch.close());
  return () => {
    if (intake === undefined) throw new Error('the daemon does not run');
    return intake;
  };
}

/** Starts a daemon that ends with the scratch. */
export async function startIntake(scratch: Scratch, settings: Settings = {}): Promise<Intake> {
  const daemon = await startDaemon(scratch, { sink: NO_SINK, settings });
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'tool' });
  scratch.defer(() => store.close());
  await store.setPaused(true);
  const pepper = Buffer.from(readFileSync(scratch.path('pepper'), 'utf8'), 'base64');
  const mint = async (name: string): Promise<string> => {
    const { number: userNumber, salts } = await addUser(store, name);
    const repliedTo = Math.floor(Date.now() / 1000);
    const thread = `test/thread/${userNumber}`;
    return await mintSealed(store, { pepper, salt: salts[0]!.salt, userNumber, thread, repliedTo });
  };
  const [alice, bob] = [await mint('alice'), await mint('bob')];
  return { daemon, socket: daemon.socket, store, alice, bob, scratch };
}

/** A reply that nobody has sent before, ready for `deliver`; `body` in lines that end in LF. */
export function freshReply(body?: string): { readonly id: string; readonly text: string } {
  const id = newMessageId();
  const text = replyMessage({ to: 'someone', messageId: id, ...(body === undefined ? {} : { body }) });
  return { id, text };
}

/** The items with this Message-ID, oldest first. */
export async function itemsOf(store: Store, messageId: string): Promise<ItemView[]> {
  return (await store.list({})).filter((item) => item.messageId === messageId);
}

/** The stored message of the one item with this Message-ID. */
export async function storedMessage(store: Store, messageId: string): Promise<Buffer> {
  const items = await itemsOf(store, messageId);
  const raw = items.length === 1 ? await store.content(items[0]!.id) : undefined;
  if (raw === undefined) throw new Error(`${items.length} items with the id ${messageId}`);
  return Buffer.from(raw);
}
