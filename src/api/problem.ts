/**
 * What the HTTP interface answers when it cannot do what it was asked (RFC 9457).
 *
 * Contract: `type` names the kind for programs, `detail` says it in a sentence, and `errors` names each field that is at
 * fault by a JSON Pointer into the body, or by the name of a parameter.
 */

import { EXIT, Fault, InputFault, type InputKind } from '../actions/fault.ts';
import { ContentFault } from '../actions/notify.ts';
import { isStoreFailure } from '../store/store-error.ts';
import { errorText } from '../system/error-text.ts';

/** The kinds of problem: the status of each, and when it comes. No two have one status. */
export const KINDS = {
  malformed: { status: 400, doc: 'The path cannot be decoded, or the body is no JSON in UTF-8.' },
  unauthorized: { status: 401, doc: 'There is no token, or an unknown or revoked one.' },
  forbidden: { status: 403, doc: 'The token is not good for this; `WWW-Authenticate` names the scope.' },
  'not-found': { status: 404, doc: 'There is no such path, user, item, notification or source.' },
  'method-not-allowed': { status: 405, doc: 'The path has other methods; `Allow` names them.' },
  conflict: { status: 409, doc: 'It does not apply to what is there.' },
  'too-large': { status: 413, doc: 'The body is larger than `api.max_body`.' },
  'unsupported-media-type': { status: 415, doc: 'The body is of another type.' },
  invalid: {
    status: 422,
    doc: 'A field cannot be what it is, or names nothing; `errors[]` says which.',
  },
  'rate-limited': { status: 429, doc: 'The token asked more often than `api.rate`: wait for `Retry-After`.' },
  internal: { status: 500, doc: 'A fault of ours; the log says more.' },
  unavailable: { status: 503, doc: 'Something that is needed cannot be asked now.' },
} as const;

/** One kind of problem. */
export type ProblemKind = keyof typeof KINDS;

/** Gives the `type` of a kind. */
export const typeOf = <K extends ProblemKind>(kind: K) => `urn:mailgw:problem:${kind}` as const;

/** Gives the `title` of a kind. */
export function titleOf(kind: ProblemKind): string {
  const words = kind.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A field that is at fault. */
export interface FieldError {
  /** A JSON Pointer into the body (RFC 6901), or the name of a parameter. */
  readonly pointer: string;
  readonly detail: string;
}

/** A problem as it is answered. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  /** How a command ends for it; on the daemon's own socket only. */
  readonly exit?: { readonly status: Fault['status']; readonly problems: readonly string[] };
}

/** Ends a request with a problem. */
export class ProblemError extends Error {
  readonly problem: Problem;
  /** Header fields that go with it. */
  readonly fields: Readonly<Record<string, string>>;

  constructor(problem: Problem, fields: Readonly<Record<string, string>> = {}) {
    super(problem.detail);
    this.problem = problem;
    this.fields = fields;
  }
}

/** Makes a problem. */
export function problem(kind: ProblemKind, detail: string, errors: readonly FieldError[] = []): Problem {
  const { status } = KINDS[kind];
  return { type: typeOf(kind), title: titleOf(kind), status, detail, ...errorsOf(kind, detail, errors) };
}

/** Gives the fields at fault; what is invalid as a whole has the pointer of the whole (RFC 6901 §5). */
function errorsOf(kind: ProblemKind, detail: string, errors: readonly FieldError[]): Pick<Problem, 'errors'> {
  if (errors.length > 0) return { errors };
  return kind === 'invalid' ? { errors: [{ pointer: '', detail }] } : {};
}

/** Makes the error that ends a request with a problem. */
export const refuse = (...given: Parameters<typeof problem>): ProblemError =>
  new ProblemError(problem(...given));

const INPUT: Readonly<Record<InputKind, ProblemKind>> = {
  invalid: 'invalid',
  unknown: 'invalid',
  conflict: 'conflict',
};

/** What a request has beside its body, where a field is named by its name alone. */
export interface ParameterNames {
  readonly params?: { readonly properties: object } | undefined;
  readonly query?: { readonly properties: object } | undefined;
  /** The pointers of fields that an action calls otherwise. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** Says why an action could not be done. What it could not find is not found where the path has parameters. */
export function problemOf(error: unknown, names: ParameterNames = {}): Problem {
  if (error instanceof ProblemError) return error.problem;
  if (error instanceof InputFault) {
    const detail = withoutDashes(error.message);
    if (names.params !== undefined && error.kind === 'unknown') return problem('not-found', detail);
    return problem(INPUT[error.kind], detail, [{ pointer: pointerOf(error.field, names), detail }]);
  }
  if (error instanceof ContentFault) {
    const errors = error.errors.map(({ path, problem: detail }) => ({
      pointer: `/${path.join('/')}`,
      detail,
    }));
    return problem('invalid', withoutDashes(error.message), errors);
  }
  if (error instanceof Fault) {
    const detail = withoutDashes(error.message);
    return problem(
      error.status === EXIT.badInput || error.status === EXIT.usage ? 'invalid' : 'unavailable',
      detail,
    );
  }
  if (isStoreFailure(error)) return problem('unavailable', `the store cannot do it now: ${errorText(error)}`);
  return problem('internal', `the request failed: ${errorText(error)}`);
}

function pointerOf(field: string, { params, query, fields = {} }: ParameterNames): string {
  const isParameter = [params, query].some((each) => Object.hasOwn(each?.properties ?? {}, field));
  return fields[field] ?? (isParameter ? field : `/${field}`);
}

/** Adds how a command ends for it. */
export function withExit(given: Problem, error: unknown): Problem {
  if (!(error instanceof Fault)) return given;
  return { ...given, exit: { status: error.status, problems: error.problems } };
}

/** A fault names an option of the command line, where JSON has a field. */
function withoutDashes(text: string): string {
  return text.replace(/^--/, '').replace(/[\p{Cc}\p{Cf}]/gu, ' ');
}
