/**
 * Threads that got another locator, in SQLite: what is out under a former one is followed to the current one.
 *
 * Contract: where several threads had one locator in turn, the post's time says
 * which of them is meant: the one that gave it up first after the post. A post later than that is of the thread that has
 * the locator now, or, where none has, of the last one that had it.
 */
import type { Directory } from '../directory.ts';
import type { NewItem } from '../item.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** Prepares the reads. */
export function prepareThreadViews(database: Database): AtOnce<Directory, 'locatorsOf' | 'locatorNow'> {
  const current = database
    .prepare<[number], string>('SELECT locator FROM thread WHERE thread_number = ?')
    .pluck();
  const former = database
    .prepare<[number], string>(
      'SELECT locator FROM former_locator WHERE thread_number = ? ORDER BY renamed_at DESC',
    )
    .pluck();
  return {
    locatorsOf: (number) => {
      const locator = current.get(number);
      return locator === undefined ? [] : [locator, ...former.all(number)];
    },
    locatorNow: prepareLocatorNow(database),
  };
}

function prepareLocatorNow(database: Database): AtOnce<Directory>['locatorNow'] {
  const givenUp = database.prepare<[string], { locator: string; renamedAt: number }>(
    `SELECT thread.locator AS locator, renamed_at AS renamedAt FROM former_locator JOIN thread USING (thread_number)
     WHERE former_locator.locator = ? ORDER BY renamed_at`,
  );
  const has = database.prepare<[string], 1>('SELECT 1 FROM thread WHERE locator = ?');
  return (locator, repliedToAt) => {
    const renamings = givenUp.all(locator);
    const after = renamings.find(({ renamedAt }) => renamedAt > repliedToAt);
    if (after !== undefined) return after.locator;
    return has.get(locator) === undefined ? (renamings.at(-1)?.locator ?? locator) : locator;
  };
}

/** Prepares the look at where a new item goes now: its thread may have been renamed since it was judged. */
export function prepareFollow(database: Database): (item: NewItem) => string {
  const byNumber = database
    .prepare<[number], string>('SELECT locator FROM thread WHERE thread_number = ?')
    .pluck();
  const locatorNow = prepareLocatorNow(database);
  return ({ thread, threadNumber, repliedToAt }) =>
    threadNumber === undefined ? locatorNow(thread, repliedToAt) : (byNumber.get(threadNumber) ?? thread);
}
