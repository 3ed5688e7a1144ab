/**
 * Threads in PostgreSQL: their numbers, and the locators that they have and had.
 *
 * Contract: which of several threads a former locator meant at the time of a post is told as in src/store/sqlite/threads.ts.
 * Numbers are given to new locators alone, and by all hosts in one order, so that none waits for another in a circle. No
 * thread gets another locator meanwhile: to rename one takes the queue's lock alone.
 */
import type { Directory } from '../directory.ts';
import type { Database, Statements } from './database.ts';
import { byPlace, gathered, questions } from './gathered.ts';
import { locatorNow } from './heads-sql.ts';

const BY_NUMBER = 'SELECT locator FROM thread WHERE thread_number = $1';

const locatorsOf = (number: string): string => `SELECT locator FROM (
    SELECT locator, 0 AS former, 0 AS renamed_at FROM thread WHERE thread_number = ${number}
    UNION ALL SELECT locator, 1, renamed_at FROM former_locator WHERE thread_number = ${number}) AS its
  ORDER BY former, renamed_at DESC`;

const LOCATORS = locatorsOf('$1');

const LOCATORS_OF_SEVERAL = `SELECT place, locator
  FROM ${questions('bigint')} AS asked (number, place), LATERAL (${locatorsOf('number')}) AS had`;

// Asked of every recipient: a function of the database would be planned anew each time.
const TODAY = `SELECT ${locatorNow('$1::text', '$2::bigint')} AS locator`;

// By their places: a text with a NUL is another one in the database.
const NUMBERS = `SELECT (SELECT thread_number FROM thread WHERE thread.locator = asked.locator) AS number
  FROM unnest($1::text[]) WITH ORDINALITY AS asked (locator, place) ORDER BY place`;

// A number is taken for every row that is tried, and there are 2^40 of them.
const NEW = `INSERT INTO thread (locator)
  SELECT locator FROM unnest($1::text[]) AS new (locator)
  WHERE NOT EXISTS (SELECT FROM thread WHERE thread.locator = new.locator)
  ORDER BY locator COLLATE "C" ON CONFLICT DO NOTHING`;

interface Locator {
  readonly locator: string;
}

/** Gives this part of the port. */
export function threads({
  reads,
  transact,
}: Pick<Database, 'reads' | 'transact'>): Pick<
  Directory,
  'threadByNumber' | 'locatorsOf' | 'locatorNow' | 'threadNumber' | 'threadNumbers'
> {
  const numbersFor = async (locators: readonly string[]): Promise<(locator: string) => number> => {
    const wanted = [...new Set(locators)];
    const known = await numbersOf(reads, wanted);
    const missing = wanted.filter((locator) => !known.has(locator));
    if (missing.length > 0)
      for (const [locator, number] of await transact(SHARED, (statements) => make(statements, missing)))
        known.set(locator, number);
    return numberIn(known);
  };
  return {
    threadByNumber: async (number) => (await reads.first<Locator>(BY_NUMBER, [number]))?.locator,
    locatorsOf: gathered<number, readonly string[]>({
      one: async (number) => (await reads.rows<Locator>(LOCATORS, [number])).map(({ locator }) => locator),
      several: async (numbers) => {
        const rows = await reads.rows<Locator & { place: number }>(LOCATORS_OF_SEVERAL, [numbers]);
        return byPlace(numbers.length, rows).map((its) => its.map(({ locator }) => locator));
      },
    }),
    locatorNow: async (locator, repliedToAt) =>
      (await reads.first<Locator>(TODAY, [locator, repliedToAt]))?.locator ?? locator,
    threadNumber: async (locator) => (await numbersFor([locator]))(locator),
    threadNumbers: async (locators) =>
      locators.length === 0 ? [] : locators.map(await numbersFor(locators)),
  };
}

/** Gives threads their numbers in a transaction, whose they are when it is committed. */
export async function numberThreads(
  statements: Statements,
  locators: readonly string[],
): Promise<(locator: string) => number> {
  return numberIn(await make(statements, [...new Set(locators)]));
}

function numberIn(known: ReadonlyMap<string, number>): (locator: string) => number {
  return (locator) => {
    const number = known.get(locator);
    if (number === undefined) throw new Error(`thread ${locator} has no number`);
    return number;
  };
}

const SHARED = { lock: 'shared', isDurable: true } as const;

/** Makes those that are still missing, and gives the numbers of all. */
async function make(statements: Statements, locators: readonly string[]): Promise<Map<string, number>> {
  const made = statements.run(NEW, [locators]);
  const [numbers] = await Promise.all([numbersOf(statements, locators), made]);
  return numbers;
}

async function numbersOf(statements: Statements, locators: readonly string[]): Promise<Map<string, number>> {
  const rows = await statements.rows<{ readonly number: number | null }>(NUMBERS, [locators]);
  const numbers = new Map<string, number>();
  for (const [place, locator] of locators.entries()) {
    const number = rows[place]?.number;
    if (number != null) numbers.set(locator, number);
  }
  return numbers;
}
