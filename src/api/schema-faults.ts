/** What does not fit a schema, as a problem that names each field. */
import { type FieldError, type Problem, problem } from './problem.ts';

/** A fault as validators of JSON Schema tell one. */
export interface SchemaFault {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params?: unknown;
  readonly message?: string;
}

/** Most fields that one problem names. */
const MOST_NAMED = 50;

/** Makes the problem of these faults; in a body a field is named by its JSON Pointer, in a query by its name. */
export function faultsOf(faults: readonly SchemaFault[], isBody = true): Problem {
  const errors = faults.slice(0, MOST_NAMED).flatMap((fault) => fieldErrors(fault, isBody));
  const [first] = errors;
  const where = first?.pointer.replace(/^\//, '') ?? '';
  return problem(
    'invalid',
    `${where === '' ? 'the request' : where}: ${first?.detail ?? 'is not valid'}`,
    errors,
  );
}

function fieldErrors({ instancePath, keyword, params, message }: SchemaFault, isBody: boolean): FieldError[] {
  const given = (params ?? {}) as Readonly<Record<string, unknown>>;
  const at = (member?: unknown): string => {
    const place = typeof member === 'string' ? `${instancePath}/${member}` : instancePath;
    return isBody ? place : place.replace(/^\//, '');
  };
  const each = (members: unknown, detail: string): FieldError[] =>
    (Array.isArray(members) ? members : [members]).map((member) => ({ pointer: at(member), detail }));
  switch (keyword) {
    case 'required':
      return each(given.missingProperty ?? given.requiredProperties, 'is missing');
    case 'additionalProperties':
      return each(given.additionalProperty ?? given.additionalProperties, 'is unknown here');
    case 'enum':
      return each(undefined, `must be one of ${JSON.stringify(given.allowedValues)}`);
    default:
      return each(undefined, message ?? 'is not valid');
  }
}
