/** The fingerprints of peppers in SQLite: a row for each time that one was put in force, and none is ever removed. */
import type { AcceptedPepper, Peppers } from '../peppers.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** Prepares the statement on a writing connection. */
export function preparePeppers(database: Database): AtOnce<Peppers, 'acceptPepper'> {
  const insert = database.prepare<[Uint8Array, number, number]>(
    `INSERT INTO pepper (fingerprint, accepted_at)
     SELECT ?, ? WHERE ? = 0 OR NOT EXISTS (SELECT 1 FROM pepper)`,
  );
  return {
    acceptPepper: (fingerprint, now, onlyFirst) => {
      insert.run(fingerprint, now, Number(onlyFirst));
    },
  };
}

/** Prepares the read. */
export function preparePepperViews(database: Database): AtOnce<Peppers, 'peppers'> {
  const all = database.prepare<[], AcceptedPepper>(
    'SELECT fingerprint, accepted_at AS acceptedAt FROM pepper ORDER BY pepper_number',
  );
  return { peppers: () => all.all() };
}
