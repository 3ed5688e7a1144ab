// Files as a power cut would leave them: recorded writes replayed up to a moment.
//
// Contract: of every file three states are known: everything written so far; only what a sync that has ended had
// promised; and that with some of the rest, which a disk may have written in any order. Truncations count as writes.

import { readFileSync, writeFileSync } from 'node:fs';
import type { FileEvent } from './strace.ts';

/** Which of the writes that no sync has confirmed reached the disk. */
export type Unsynced = 'all' | 'none' | 'some';

type Change = Extract<FileEvent, { readonly kind: 'write' } | { readonly kind: 'truncate' }>;

/** One file under replay. */
class ReplayedFile {
  #bytes: Buffer;
  /** Changes that no ended sync covers; those before `#covered` were there when the last sync began. */
  readonly #pending: Change[] = [];
  #covered = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Takes one event of this file. */
  take(event: FileEvent): void {
    switch (event.kind) {
      case 'sync-begin':
        this.#covered = this.#pending.length;
        break;
      case 'sync-end':
        this.#bytes = this.#pending.splice(0, this.#covered).reduce(apply, this.#bytes);
        this.#covered = 0;
        break;
      case 'write':
      case 'truncate':
        this.#pending.push(event);
    }
  }

  /** The file's bytes after a cut now; `random` decides on each unsynced change. */
  after(unsynced: Unsynced, random: () => number): Buffer {
    if (unsynced === 'none') return this.#bytes;
    const arrived = this.#pending.filter(() => unsynced === 'all' || random() < 0.5);
    return arrived.reduce(apply, arrived.length === 0 ? this.#bytes : Buffer.from(this.#bytes));
  }
}

function apply(bytes: Buffer, change: Change): Buffer {
  if (change.kind === 'truncate') {
    const cut = bytes.subarray(0, change.length);
    return cut.length === change.length
      ? cut
      : Buffer.concat([cut, Buffer.alloc(change.length - cut.length)]);
  }
  if (change.offset === undefined) throw new Error(`a write without an offset to ${change.path}`);
  const end = change.offset + change.bytes.length;
  const target = end <= bytes.length ? bytes : Buffer.concat([bytes, Buffer.alloc(end - bytes.length)]);
  change.bytes.copy(target, change.offset);
  return target;
}

/** Replays the recording of some files, beginning with their bytes as they are now. */
export class Replay {
  readonly #files: ReadonlyMap<string, ReplayedFile>;

  constructor(paths: readonly string[]) {
    this.#files = new Map(paths.map((path) => [path, new ReplayedFile(Buffer.from(readFileSync(path)))]));
  }

  /** Takes one event; false when it is about another file. */
  take(event: FileEvent): boolean {
    const file = this.#files.get(event.path);
    file?.take(event);
    return file !== undefined;
  }

  /** Writes the files as a cut now would leave them, each under the name that `rename` gives. */
  write(unsynced: Unsynced, random: () => number, rename: (path: string) => string): void {
    for (const [path, file] of this.#files) writeFileSync(rename(path), file.after(unsynced, random));
  }
}
