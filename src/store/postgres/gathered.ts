/**
 * Questions of one turn that are asked together.
 *
 * Contract: what sessions and deliveries ask alike in one turn of the event loop is one statement, since a statement costs both
 * sides more than its row; a question that is alone is asked by itself. Answers stand in the order of the questions.
 * Failure: where the statement fails, so does each question.
 */

/** Questions of one statement, at most. */
const MOST = 100;

/** A question with whom to tell. */
interface Waiting<Key, Found> {
  readonly key: Key;
  readonly resolve: (found: Found) => void;
  readonly reject: (error: unknown) => void;
}

/** The two ways to ask. */
export interface Asking<Key, Found> {
  /** Asks one question by itself. */
  readonly one: (key: Key) => Promise<Found>;
  /** Gives an answer for each of them. */
  readonly several: (keys: readonly Key[]) => Promise<readonly Found[]>;
}

/** Makes a question of which those of one turn are asked together. */
export function gathered<Key, Found>({ one, several }: Asking<Key, Found>): (key: Key) => Promise<Found> {
  const waiting: Waiting<Key, Found>[] = [];
  const askAll = async (batch: readonly Waiting<Key, Found>[]): Promise<void> => {
    try {
      const [first] = batch;
      const keys = batch.map(({ key }) => key);
      const found = first !== undefined && batch.length === 1 ? [await one(first.key)] : await several(keys);
      if (found.length !== batch.length)
        throw new Error(`${found.length} answers to ${batch.length} questions`);
      // The lengths are alike, and an answer may be undefined.
      found.forEach((each, at) => batch[at]?.resolve(each));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };
  const flush = (): void => {
    while (waiting.length > 0) void askAll(waiting.splice(0, MOST));
  };
  return (key) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ key, resolve, reject });
    });
}

/**
 * Gives the rows of questions, a parameter for each column, in order and numbered from 1 on. How many there are is hidden from
 * the planner by the subselects: it would make a plan for each call, which costs more than the call.
 */
export function questions(...types: readonly string[]): string {
  const columns = types.map((type, index) => `(SELECT $${index + 1}::${type}[])`);
  return `unnest(${columns.join(', ')}) WITH ORDINALITY`;
}

/** Sorts rows to the questions that they answer, by the places of these from 1 on. */
export function byPlace<Row extends { readonly place: number }>(
  count: number,
  rows: readonly Row[],
): Row[][] {
  const sorted = Array.from({ length: count }, (): Row[] => []);
  for (const row of rows) sorted[row.place - 1]?.push(row);
  return sorted;
}
