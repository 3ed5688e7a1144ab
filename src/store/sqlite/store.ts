/**
 * The store in SQLite: the face of all ports on the main thread.
 *
 * Contract: every write goes to the writer, which batches them, on a thread of its own in a daemon; reads use a connection
 * of their own here. One daemon per store: a lock that dies with its process refuses a second one. Tools open the same
 * store beside a running daemon.
 * Failure: a request that the store cannot carry out rejects; when the writer itself dies all do, and `onBroken`
 * is told once. A full disk is a value, because it has a reply of its own.
 */
import { mkdirSync } from 'node:fs';
import type { Server } from 'node:net';
import { dirname } from 'node:path';
import type { OutgoingMail } from '../../mail/outgoing.ts';
import { errorText } from '../../system/error-text.ts';
import type { Store } from '../store.ts';
import { StoreError } from '../store-error.ts';
import { ALONE } from './alone.ts';
import { checkPlace } from './explain.ts';
import { reads, writes } from './face.ts';
import { requireNotMoved } from './moved-mark.ts';
import { claimStore } from './one-daemon.ts';
import { adoptable, adoptRescued } from './rescue.ts';
import { type Database, lockStore, openConnection } from './schema.ts';
import { prepareViews } from './views.ts';
import type { WriterNews } from './writer.ts';
import { WriteError, WriterThread } from './writer-thread.ts';

export { StoreError } from '../store-error.ts';

/** How long a read may wait for a lock: it blocks the event loop. */
const READ_BUSY_TIMEOUT_MS = 50;

/** The options of a store; a tool takes no lock and leaves leases alone. */
export interface StoreOptions {
  readonly path: string;
  readonly mode: 'daemon' | 'tool';
  /** Whether posted items keep their content until they are pruned; by default it goes at once. */
  readonly keepContent?: boolean | undefined;
  /** Memory of commit-measures.ts in which the writer measures its commits. */
  readonly measures?: SharedArrayBuffer | undefined;
  /** Told once when the writer's thread died: nothing can be stored any more. */
  readonly onBroken?: ((error: Error) => void) | undefined;
  /** Told when the store's files were moved or removed, and then what became of what was in them. */
  readonly onNews?: ((news: StoreNews) => void) | undefined;
}

/** An incident with a store's files while a daemon has it open, or had. */
export type StoreNews = WriterNews | { readonly news: 'adopted'; readonly from: string };

/** Opens the store at `path`, making or migrating it as needed; rejects with {@link StoreError}. */
export async function openSqliteStore(options: StoreOptions): Promise<Store> {
  makeDirectory(options.path);
  checkPlace(options.path);
  const lock = options.mode === 'daemon' ? lockStore(options.path) : undefined;
  let claim: Server | undefined;
  try {
    const { path, mode, keepContent = false, measures } = options;
    const { onBroken = () => undefined, onNews = () => undefined } = options;
    if (mode === 'tool') leaveToDaemon(path);
    const adopted = mode === 'daemon' ? adoptRescued(path, Date.now()) : undefined;
    if (adopted !== undefined) onNews({ news: 'adopted', from: adopted });
    claim = mode === 'daemon' ? await claimStore(path) : undefined;
    if (mode === 'daemon') requireNotMoved(path);
    const data = { path, daemon: mode === 'daemon', keepContent, now: Date.now(), measures };
    const listeners = { onBroken, onNews };
    const writer = await (data.daemon
      ? WriterThread.start(data, listeners)
      : WriterThread.startHere(data, listeners));
    try {
      const reader = openConnection(options.path, { readonly: true, busyTimeoutMs: READ_BUSY_TIMEOUT_MS });
      claim ??= mode === 'daemon' ? await claimStore(path) : undefined; // a new store has a name only now
      return createStore(writer, reader, [claim, lock]);
    } catch (error) {
      await writer.close();
      throw error;
    }
  } catch (error) {
    claim?.close();
    lock?.close();
    throw error;
  }
}

/** Throws where a tool would make a store in the place of one that mailgwd has saved. */
function leaveToDaemon(path: string): void {
  const copy = adoptable(path, Date.now());
  if (copy === undefined) return;
  throw new StoreError(
    'unusable',
    `${path} was removed while mailgwd had it open, and ${copy} has what was in it; restart mailgwd, which takes that, or move it away for a new store`,
  );
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  } catch (error) {
    throw new StoreError(
      'no-directory',
      `${dirname(path)} cannot be made: ${errorText(error)}; make it, owned by the user of mailgwd`,
    );
  }
}

/** Weighs a mail in a batch, roughly. */
const weightOf = ({ text, html }: OutgoingMail): number => text.length + (html?.length ?? 0);

/** Puts the store together; `held` are closed behind everything else. */
function createStore(
  writer: WriterThread,
  reader: Database,
  held: readonly ({ close(): unknown } | undefined)[],
): Store {
  return {
    ...reads(prepareViews(reader)),
    ...writes(writer),
    ...ALONE,
    accept: (items, raw, lease, receipt) => writer.accept(items, raw, lease, receipt),
    addNotification: (notification) =>
      writer.call('addNotification', [notification], weightOf(notification.mail)),
    addNotice: (notice) => writer.call('addNotice', [notice], notice.original?.byteLength),
    ping: async (sign) => {
      await writer.call('ping', []).catch((error: unknown) => {
        if (sign?.mustWrite === true || !(error instanceof WriteError)) throw error;
      });
    },
    close: async () => {
      // The last connection to close moves the WAL into the database, which a reading one cannot.
      reader.close();
      await writer.close();
      for (const each of held) each?.close();
    },
  };
}
