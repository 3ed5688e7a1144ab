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

/** The kinds of problem with their statuses. */
const KINDS = {
  malformed: 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  conflict: 409,
  'too-large': 413,
  'unsupported-media-type': 415,
  invalid: 422,
  'rate-limited': 429,
  internal: 500,
  unavailable: 503,
} as const;

/** One kind of problem. */
export type ProblemKind = keyof typeof KINDS;

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
  const title = kind.replaceAll('-', ' ');
  return {
    type: `urn:mailgw:problem:${kind}`,
    title: title.charAt(0).toUpperCase() + title.slice(1),
    status: KINDS[kind],
    detail,
    ...(errors.length === 0 ? {} : { errors }),
  };
}

/** Makes the error that ends a request with a problem. */
export const refuse = (...given: Parameters<typeof problem>): ProblemError =>
  new ProblemError(problem(...given));

const INPUT: Readonly<Record<InputKind, ProblemKind>> = {
  invalid: 'invalid',
  unknown: 'invalid',
  conflict: 'conflict',
};

/** Says why an action could not be done; `isNamed` where the path names what it could not find. */
export function problemOf(error: unknown, isNamed = false): Problem {
  if (error instanceof ProblemError) return error.problem;
  if (error instanceof InputFault) {
    const detail = withoutDashes(error.message);
    if (isNamed && error.kind === 'unknown') return problem('not-found', detail);
    return problem(INPUT[error.kind], detail, [{ pointer: `/${error.field}`, detail }]);
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

/** Adds how a command ends for it. */
export function withExit(given: Problem, error: unknown): Problem {
  if (!(error instanceof Fault)) return given;
  return { ...given, exit: { status: error.status, problems: error.problems } };
}

/** A fault names an option of the command line, where JSON has a field. */
function withoutDashes(text: string): string {
  return text.replace(/^--/, '').replace(/[\p{Cc}\p{Cf}]/gu, ' ');
}
