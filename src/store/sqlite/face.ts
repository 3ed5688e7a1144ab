/**
 * The face of the store: the methods of its ports, made of the statements that carry them out.
 *
 * Contract: a statement answers at once, a port's method promises the same answer. So a method is written in its port and
 * at its statement, and nowhere else: the compiler compares the two where the store is put together.
 * Failure: what a statement throws, the promise rejects with.
 */
import type { Operations } from './operations.ts';
import type { Views } from './views.ts';
import type { WriterThread } from './writer-thread.ts';

/** Statements whose answers are promised, as a port's are. */
type Promised<Methods> = {
  [K in keyof Methods]: Methods[K] extends (...args: infer Args) => infer Answer
    ? (...args: Args) => Promise<Answer>
    : never;
};

/** Statements by the names of their methods. */
type Statements = Readonly<Record<string, (...args: never[]) => unknown>>;

/** Gives the face of reads, which run on this thread. */
export function reads(views: Views): Promised<Views> {
  const statements: Statements = views;
  const promised = Object.entries(statements).map(([name, read]): [string, unknown] => [
    name,
    (...args: never[]) =>
      new Promise((resolve) => {
        resolve(read(...args));
      }),
  ]);
  return Object.fromEntries(promised) as Promised<Views>;
}

/** Gives the face of writes, which run on the writer's thread. */
export function writes(writer: WriterThread): Promised<Operations> {
  const promised = writer.operations.map((name): [string, unknown] => [
    name,
    (...args: unknown[]) => writer.ask(name, args),
  ]);
  return Object.fromEntries(promised) as Promised<Operations>;
}
