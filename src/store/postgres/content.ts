/**
 * The raw messages in PostgreSQL, in parts.
 *
 * Contract: a small message is read with one question, a large one a few parts at a time, so that it is in memory once. The
 * driver takes answers for text; base64 is read back in less than half the time of PostgreSQL's own form of bytes.
 */
import type { Contents } from '../item.ts';
import { PART_BYTES } from './accept-sql.ts';
import type { Ground } from './ground.ts';

/** Parts that are read at a time: others wait on the same connection. */
const PARTS_AT_A_TIME = 4;

const FIRST = `SELECT bytes, encode(raw, 'base64') AS raw FROM item JOIN content USING (item_number)
  WHERE id = $1 AND part = 0`;
const NEXT = `SELECT encode(raw, 'base64') AS raw FROM item JOIN content USING (item_number)
  WHERE id = $1 AND part >= $2 AND part < $2 + ${PARTS_AT_A_TIME} ORDER BY part`;

/** The message of an item of one part, as {@link readWhole} takes it. */
export const WHOLE_OF_SMALL = `(SELECT encode(raw, 'base64') FROM content
  WHERE content.item_number = item.item_number AND part = 0)`;

/** Reads a message of one part; undefined where it has not so many bytes. */
export function readWhole(bytes: number, raw: string): Buffer | undefined {
  const whole = Buffer.allocUnsafeSlow(bytes);
  return whole.write(raw, 'base64') === bytes ? whole : undefined;
}

/** A part of a message. */
interface Part {
  readonly raw: string;
}

/** Gives the port. */
export function contentPort({ database }: Ground): Contents {
  const { reads } = database;
  return {
    content: async (id) => {
      const first = await reads.first<Part & { bytes: number }>(FIRST, [id]);
      if (first === undefined) return undefined;
      const whole = Buffer.allocUnsafeSlow(first.bytes);
      let at = whole.write(first.raw, 'base64');
      for (let part = 1; at < whole.length; part += PARTS_AT_A_TIME) {
        for (const { raw } of await reads.rows<Part>(NEXT, [id, part])) at += whole.write(raw, at, 'base64');
        // Between two questions the item may have been dropped: then it has no content any more.
        if (at !== Math.min(whole.length, (part + PARTS_AT_A_TIME) * PART_BYTES)) return undefined;
      }
      return whole;
    },
  };
}
