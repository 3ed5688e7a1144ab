/**
 * The writer at a port: natural group commit. In a daemon it has a thread of its own, in a tool the one that there is.
 *
 * Contract: a batch is whatever arrived while the last one was being committed; no timer delays it. What becomes of one
 * is up to writer.ts.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { freeMemory } from '../../system/memory.ts';
import type { StoreErrorKind } from '../store-error.ts';
import { explain, guarded } from './explain.ts';
import { voidLeases } from './items.ts';
import { recallNotices } from './notices.ts';
import { recallNotifications } from './notifications.ts';
import type { Operations } from './operations.ts';
import { checkIntegrity, ensureStore, examineWithLog, openConnection, removeDrafts } from './schema.ts';
import { forgetSinkStatus } from './sink-status.ts';
import { type Request, Writer, type WriterData, type WriterNews } from './writer.ts';

/** The first word of the writer: that it serves, and with which operations; or why it cannot. */
export type WriterHello =
  | { readonly ready: true; readonly operations: readonly (keyof Operations)[] }
  | { readonly ready: false; readonly kind: StoreErrorKind; readonly message: string };

/** How often the files are looked at; a commit that promises something looks as well. */
const LOOK_MS = 1000;

/** A batch ends when it holds this many bytes, so that one commit never writes without bound. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

/** How long a write waits for another process's transaction; this thread may block, the main one may not. */
const BUSY_TIMEOUT_MS = 5000;

/** Frees the memory of a message that is in the store now, or refused: this thread may be idle for long after it. */
function freeMessage({ name, args }: Request): void {
  if (name === 'accept') freeMemory(args[1] as Uint8Array);
}

/**
 * Takes what is waiting at the port, up to the batch's bound, and tells whether the store is to be closed after it.
 */
function drain(port: MessagePort, first: readonly Request[]): { batch: Request[]; closing: boolean } {
  const batch = [...first];
  let bytes = batch.reduce((sum, request) => sum + request.bytes, 0);
  while (bytes < MAX_BATCH_BYTES) {
    const next = receiveMessageOnPort(port) as { message: readonly Request[] | 'close' } | undefined;
    if (next === undefined) break;
    if (next.message === 'close') return { batch, closing: true };
    for (const request of next.message) {
      batch.push(request);
      bytes += request.bytes;
    }
  }
  return { batch, closing: false };
}

function open(start: WriterData, tell: (news: WriterNews) => void): Writer {
  const { path, daemon, now } = start;
  if (daemon) removeDrafts(path);
  const isExamined = daemon && examineWithLog(path);
  ensureStore(path);
  const database = openConnection(path, { readonly: false, busyTimeoutMs: BUSY_TIMEOUT_MS });
  try {
    if (daemon) {
      if (!isExamined) checkIntegrity(database, path);
      guarded(path, () => {
        voidLeases(database, now);
        recallNotices(database, now);
        recallNotifications(database, now);
        forgetSinkStatus(database);
      });
    }
    return new Writer(database, start, tell);
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Opens the store, says at the port whether that went well, and carries out what is asked there. */
export function serve(port: MessagePort, start: WriterData): void {
  const hello = (message: WriterHello): void => {
    port.postMessage(message);
  };
  let writer: Writer;
  try {
    writer = open(start, (news) => {
      port.postMessage(news);
    });
  } catch (error) {
    const { kind, message } = explain(start.path, error);
    hello({ ready: false, kind, message });
    port.close();
    return;
  }
  const watch = start.daemon
    ? setInterval(() => {
        writer.look();
      }, LOOK_MS)
    : undefined;
  port.on('message', (message: readonly Request[] | 'close') => {
    const { batch, closing } = message === 'close' ? { batch: [], closing: true } : drain(port, message);
    if (batch.length > 0) {
      port.postMessage(writer.run(batch));
      for (const request of batch) freeMessage(request);
    }
    if (!closing) return;
    clearInterval(watch);
    writer.close();
    port.close();
  });
  hello({ ready: true, operations: writer.operations });
  writer.keepLogSize();
}
