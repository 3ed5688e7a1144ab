/**
 * The body of a call as it arrives: in memory up to a bound, and in a file of ours beyond it.
 *
 * Contract: what is read again is what came, octet by octet. The file has no name while it is written: it is gone with
 * its last reader, and with the daemon.
 * Failure: a body that is too large is not read on; one that is too slow, or whose sender goes away, is cut off with its
 * connection. A file that cannot be written rejects.
 * Limits: {@link MEMORY_BYTES} in memory for each call that is under way.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { CallBody } from './provider.ts';

/** Bytes of a body that are kept in memory. */
export const MEMORY_BYTES = 256 * 1024;

/** Bytes that are read of the file at a time. */
const PIECE_BYTES = 256 * 1024;

/** The bounds of a body. */
export interface BodyBounds {
  readonly mostBytes: number;
  /** For all of it, not between its pieces. */
  readonly withinMs: number;
  /** Where the file is written. */
  readonly directory: string;
  /** Tells whether there is too little space for files to grow: nobody has vouched for this body yet. */
  readonly isFull: () => boolean;
}

/** A body that came as a whole. */
export interface KeptBody extends CallBody {
  /** Gives back the memory or the file that it takes. */
  free(): Promise<void>;
}

/** A body, or why there is none. */
export type Received =
  | { readonly kind: 'whole'; readonly body: KeptBody }
  | { readonly kind: 'too-large' | 'slow' | 'broken-off' | 'no-space' };

/** Receives the body of a request. */
export async function receiveBody(request: IncomingMessage, bounds: BodyBounds): Promise<Received> {
  if (Number(request.headers['content-length'] ?? 0) > bounds.mostBytes) return { kind: 'too-large' };
  const spool = new Spool(bounds.directory);
  const slow = new AbortController();
  const deadline = setTimeout(() => {
    slow.abort();
    request.destroy();
  }, bounds.withinMs);
  let isKept = false;
  try {
    // Destroyed on return it would take the answer with it.
    for await (const piece of request.iterator({ destroyOnReturn: false })) {
      if (spool.bytes + (piece as Buffer).length > bounds.mostBytes) return { kind: 'too-large' };
      await spool.add(piece as Buffer);
      if (spool.bytes > MEMORY_BYTES && bounds.isFull()) return { kind: 'no-space' };
    }
    isKept = request.complete;
    return isKept ? { kind: 'whole', body: spool } : { kind: 'broken-off' };
  } catch (error) {
    if (slow.signal.aborted) return { kind: 'slow' };
    if (request.destroyed && !spool.hasFailed) return { kind: 'broken-off' };
    throw error;
  } finally {
    clearTimeout(deadline);
    if (!isKept) await spool.free();
  }
}

/** Octets in memory, and in a file once there are more. */
class Spool implements KeptBody {
  readonly #directory: string;
  #pieces: Buffer[] = [];
  #file: FileHandle | undefined;
  #bytes = 0;
  #hasFailed = false;

  constructor(directory: string) {
    this.#directory = directory;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Tells whether the file could not be written. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  async add(piece: Buffer): Promise<void> {
    this.#bytes += piece.length;
    this.#pieces.push(piece);
    if (this.#file === undefined && this.#bytes <= MEMORY_BYTES) return;
    try {
      this.#file ??= await openNameless(this.#directory);
      for (const kept of this.#pieces.splice(0)) await writeAll(this.#file, kept);
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }

  async *read(): AsyncGenerator<Uint8Array> {
    if (this.#file === undefined) {
      yield* this.#pieces;
      return;
    }
    for (let at = 0; at < this.#bytes; ) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, this.#bytes - at));
      const { bytesRead } = await this.#file.read(piece, 0, piece.length, at);
      if (bytesRead === 0) throw new Error('the body is shorter than it was');
      at += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  }

  async whole(): Promise<Buffer> {
    const whole = Buffer.allocUnsafeSlow(this.#bytes);
    let at = 0;
    for await (const piece of this.read()) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  async free(): Promise<void> {
    this.#pieces = [];
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

/** Opens a file that nobody else can open, and that is gone when it is closed. */
async function openNameless(directory: string): Promise<FileHandle> {
  const path = join(directory, `.call-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  await unlink(path);
  return file;
}

async function writeAll(file: FileHandle, piece: Buffer): Promise<void> {
  for (let at = 0; at < piece.length; ) at += (await file.write(piece, at)).bytesWritten;
}
