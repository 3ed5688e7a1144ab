/**
 * A route of the HTTP interface: one value that routes, validates and documents.
 *
 * Contract: what `run` is given has passed the schemas, and what it throws becomes a problem (problem.ts).
 */
import type { ServerResponse } from 'node:http';
import type { Static, TObject, TProperties, TSchema } from 'typebox';
import type { Scope } from '../actions/tokens.ts';
import type { SecretSession } from '../site/session.ts';
import type { SourceView } from '../sources/source.ts';
import type { EventStream } from './event-stream.ts';
import type { ProblemKind } from './problem.ts';

/** What the interface sees of the daemon. */
export interface Inside {
  /** Gives what is in force now. */
  readonly session: () => SecretSession;
  readonly events: EventStream;
  /** Says that a notification waits to be sent. */
  readonly notified: () => void;
  /** Lists the sources. */
  readonly sources: () => readonly SourceView[];
  /** Has a source look for mail now; false where none does that under this name. */
  readonly sync: (name: string) => boolean;
}

/** Who asks: a token's holder, or whoever may use the daemon's own socket. */
export interface Asker {
  readonly name: string;
  readonly scopes: readonly string[];
  /** Whether it is a command on the daemon's own socket. */
  readonly isOwn?: true;
  /** Tells whether the token is good now; without it nothing can be revoked. */
  readonly isGood?: () => Promise<boolean>;
}

/** An answer of JSON, of bytes, or one that goes on. */
export type Answer =
  | { readonly status: number; readonly body: unknown; readonly fields?: Readonly<Record<string, string>> }
  | { readonly status: 200; readonly bytes: Uint8Array; readonly contentType: string }
  | {
      /** Writes the answer for as long as it goes on. */
      readonly stream: (response: ServerResponse) => void;
    };

/** A request that passed the schemas. */
export interface Asked<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly asker: Asker;
  /** Header fields by their names in lower case. */
  readonly header: (name: string) => string | undefined;
  /** The Idempotency-Key with its holder, where one was given. */
  readonly key: string | undefined;
}

/** An answer as it is documented. */
export interface AnswerDoc {
  readonly doc: string;
  /** The schema of JSON; without one the answer has another type, or no body. */
  readonly schema?: TSchema;
  readonly contentType?: string;
}

/** A route with the types that its schemas have. */
export interface RouteSpec<P extends TProperties, Q extends TProperties, B extends TSchema> {
  /** Its name in OpenAPI. */
  readonly operation: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** The path as OpenAPI writes one: `/v1/users/{name}`. */
  readonly path: string;
  /** The parameter at the end of the path may hold slashes. */
  readonly isWhole?: true;
  /** What the asker's token must be good for; `none` for everybody, `ticket` also for a ticket in the query. */
  readonly scope: Scope | 'none';
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: TObject<P>;
  readonly query?: TObject<Q>;
  readonly body?: B;
  /** What the body is checked with, where that is less than what is documented; `run` checks the rest. */
  readonly check?: TSchema;
  /** The body is a message as it is, and not JSON. */
  readonly takesMessage?: true;
  /** It makes something, and takes an Idempotency-Key: `answer` where the answer is kept, `own` where the route sees to it. */
  readonly idempotent?: 'answer' | 'own';
  readonly answers: Readonly<Record<number, AnswerDoc>>;
  /** The problems that come of what is asked, and when; those of any request are known (route-problems.ts). */
  readonly problems?: Readonly<Partial<Record<ProblemKind, string>>>;
  /** The pointers of fields that its action calls otherwise. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Carries the request out. */
  readonly run: (
    inside: Inside,
    asked: Asked<Static<TObject<P>>, Static<TObject<Q>>, Static<B>>,
  ) => Answer | Promise<Answer>;
}

/** A route. */
export type Route = Omit<RouteSpec<TProperties, TProperties, TSchema>, 'run'> & {
  /** Carries the request out. */
  readonly run: (inside: Inside, asked: Asked<never, never, never>) => Answer | Promise<Answer>;
};

/** Tells whether a path is a route's. */
export function isPathOf({ path, isWhole }: Pick<Route, 'path' | 'isWhole'>, given: string): boolean {
  const last = isWhole === true ? '.+' : '[^/]+';
  return new RegExp(`^${path.replaceAll(/\{\w+\}$/g, last).replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(given);
}

/** Declares a route. */
export function route<
  P extends TProperties = TProperties,
  Q extends TProperties = TProperties,
  B extends TSchema = TSchema,
>(spec: RouteSpec<P, Q, B>): Route {
  return spec;
}
