/**
 * The raw messages in SQLite, in parts: SQLite copies what is bound and builds the row in memory once more, so that a
 * message of 25 MiB in one row would cost its size twice over for every write and every read.
 *
 * Contract: the first part stands in `content`, where a small message is whole; the others, of the same size, in
 * `content_part`, which goes with it.
 */
import { freeMemory } from '../../system/memory.ts';
import type { Database } from './schema.ts';

/** Bytes of one part. */
export const PART_BYTES = 256 * 1024;

/** Prepares the write, to be called inside a transaction. */
export function prepareKeepContent(
  database: Database,
): (itemNumber: number | bigint, raw: Uint8Array) => void {
  const keepFirst = database.prepare<[number | bigint, Uint8Array]>(
    'INSERT INTO content (item_number, raw) VALUES (?, ?)',
  );
  const keepPart = database.prepare<[number | bigint, number, Uint8Array]>(
    'INSERT INTO content_part (item_number, part, raw) VALUES (?, ?, ?)',
  );
  return (itemNumber, raw) => {
    keepFirst.run(itemNumber, raw.subarray(0, PART_BYTES));
    for (let part = 1; part * PART_BYTES < raw.byteLength; part++) {
      keepPart.run(itemNumber, part, raw.subarray(part * PART_BYTES, (part + 1) * PART_BYTES));
    }
  };
}

interface FirstPart {
  readonly itemNumber: number;
  readonly bytes: number;
  readonly raw: Buffer;
}

/** Prepares the read by an item's id. */
export function prepareReadContent(database: Database): (id: string) => Uint8Array | undefined {
  const first = database.prepare<[string], FirstPart>(
    'SELECT item_number AS itemNumber, bytes, raw FROM item JOIN content USING (item_number) WHERE id = ?',
  );
  const part = database
    .prepare<[number, number], Buffer>('SELECT raw FROM content_part WHERE item_number = ? AND part = ?')
    .pluck();
  return (id) => {
    const found = first.get(id);
    if (found === undefined || found.raw.length === found.bytes) return found?.raw;
    const whole = Buffer.allocUnsafeSlow(found.bytes);
    let at = found.raw.copy(whole);
    for (let number = 1; at < found.bytes; number++) {
      const piece = part.get(found.itemNumber, number);
      // Between two reads the item may have been dropped: then it has no content any more.
      if (piece === undefined) return undefined;
      at += piece.copy(whole, at);
      freeMemory(piece);
    }
    return whole;
  };
}
