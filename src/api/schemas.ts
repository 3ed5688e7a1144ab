/** The shapes that several routes share, as JSON Schema 2020-12; a shape with a title has a name in OpenAPI. */
import Type, { type TProperties, type TSchema } from 'typebox';
import { KINDS, type ProblemKind, titleOf, typeOf } from './problem.ts';

/** Most entries of one page of a list. */
export const MOST_LISTED = 500;
const LISTED = 100;

/** Declares an object of exactly these members. */
export const record = <P extends TProperties>(properties: P, title?: string) =>
  Type.Object(properties, { additionalProperties: false, ...(title === undefined ? {} : { title }) });

/** Declares one of these words. */
export const words = <W extends string>(...all: readonly W[]) =>
  Type.Unsafe<W>({ type: 'string', enum: [...all] });

/** Declares what may be null. */
export const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);

/** Declares text that people typed: anything but nothing. */
export const text = (description: string, maxLength = 1000) =>
  Type.String({ minLength: 1, maxLength, description });

/** Declares a time. */
export const time = (description: string) => Type.String({ format: 'date-time', description });

/** A page of a list: what to ask with. */
export const PAGE = {
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MOST_LISTED,
      description: `Most entries that are given; ${LISTED} where it is missing.`,
    }),
  ),
  cursor: cursorLike('^[0-9a-v]{24}$'),
};

/** Declares a cursor: none but those that a page gave. */
export function cursorLike(pattern: string) {
  const description = '`next_cursor` of the page before.';
  return Type.Optional(Type.String({ maxLength: 1000, pattern, description }));
}

/** A page of a list that is at hand as a whole. */
export const PAGE_OF_ALL = { ...PAGE, cursor: cursorLike('^[0-9A-Za-z_-]+$') };

/** Declares the answer of a list. */
export const pageOf = <S extends TSchema>(item: S, title: string) =>
  record(
    {
      items: Type.Array(item),
      next_cursor: nullable(Type.String({ description: 'Where the next page begins.' })),
    },
    title,
  );

/** Makes a page of entries of which one more than asked was read. */
export function page<T, S>(
  entries: readonly T[],
  limit: number | undefined,
  show: (entry: T) => S,
  cursorOf: (entry: T) => string,
): { readonly items: readonly S[]; readonly next_cursor: string | null } {
  const items = entries.slice(0, limit ?? LISTED);
  const last = items.at(-1);
  const isMore = entries.length > items.length && last !== undefined;
  return { items: items.map(show), next_cursor: isMore ? cursorOf(last) : null };
}

/** Makes a page of entries that are all at hand, in the order of their keys. */
export function pageOfAll<T, S>(
  all: readonly T[],
  { limit, cursor }: { readonly limit?: number; readonly cursor?: string },
  show: (entry: T) => S,
  keyOf: (entry: T) => string,
) {
  const after = cursor === undefined ? '' : Buffer.from(cursor, 'base64url').toString('utf8');
  const left = all
    .filter((entry) => keyOf(entry) > after)
    .toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
  return page(left, limit, show, (entry) => Buffer.from(keyOf(entry)).toString('base64url'));
}

/** Gives how many entries to read for a page: one more tells that there are more. */
export const toRead = (limit: number | undefined): number => (limit ?? LISTED) + 1;

/** The fields at fault. */
const FIELD_ERRORS = Type.Array(
  record({
    pointer: Type.String({
      description:
        'A JSON Pointer into the body, which is empty for the whole of it, or the name of a parameter.',
    }),
    detail: Type.String({ description: 'What is wrong with the field.' }),
  }),
  { minItems: 1, description: 'The fields at fault.' },
);

/** The end of a command, on the daemon's own socket. */
const EXIT_STATUS = record({ status: Type.Integer(), problems: Type.Array(Type.String()) }, 'CommandExit');

/** Declares a problem of one kind (RFC 9457); it may name fields only where they are what is wrong. */
export function problemShape(kind: ProblemKind) {
  const errors =
    kind === 'invalid'
      ? { errors: FIELD_ERRORS }
      : kind === 'conflict'
        ? { errors: Type.Optional(FIELD_ERRORS) }
        : {};
  return record(
    {
      type: Type.Literal(typeOf(kind), { description: 'The kind of problem.' }),
      title: Type.Literal(titleOf(kind)),
      status: Type.Literal(KINDS[kind].status),
      detail: Type.String({ description: 'What is wrong, in a sentence.' }),
      ...errors,
      exit: Type.Optional(EXIT_STATUS),
    },
    `${titleOf(kind).replaceAll(/ (.)/g, (_, letter: string) => letter.toUpperCase())}Problem`,
  );
}
