/**
 * The problems that a route can answer, with when each comes: what the document says, and what tests hold answers to.
 *
 * Contract: those that any request may meet follow from the route's other columns; a route declares what comes of its own
 * work. What is in neither is a fault of the table, and the test that meets it fails.
 */
import { KINDS, type ProblemKind } from './problem.ts';
import type { Route } from './route.ts';

type Problems = Readonly<Partial<Record<ProblemKind, string>>>;

/** Lists the problems of a route in the order of their statuses. */
export function problemsOf(route: Route): readonly (readonly [ProblemKind, string])[] {
  const own: Problems = route.problems ?? {};
  const known: Problems = { ...ofAccess(route), ...ofBody(route), ...ofAny() };
  return Object.entries({ ...known, ...own, ...ofKey(route) })
    .map(([kind, doc]) => [kind as ProblemKind, doc] as const)
    .toSorted(([one], [other]) => KINDS[one].status - KINDS[other].status);
}

/** Gives those of a request without a token that is good for it; whoever needs none asks for nothing of the store. */
function ofAccess({ scope }: Route): Problems {
  return scope === 'none' ? {} : take('unauthorized', 'forbidden', 'rate-limited', 'unavailable');
}

/** Gives those of a body, which is read wherever the method may have one. */
function ofBody({ method, takesMessage, params }: Route): Problems {
  const hasBody = method !== 'GET';
  return {
    ...(params !== undefined || (hasBody && takesMessage !== true) ? take('malformed') : {}),
    ...(hasBody ? take('too-large', 'unsupported-media-type') : {}),
  };
}

/** Gives those of an Idempotency-Key, beside what the route says of its own. */
function ofKey({ idempotent, problems }: Route): Problems {
  if (idempotent !== 'answer') return {};
  const busy = 'A request under this Idempotency-Key is still being carried out.';
  return { conflict: problems?.conflict === undefined ? busy : `${problems.conflict} ${busy}` };
}

/** Gives those of any request: each may have a parameter that nobody documented. */
const ofAny = (): Problems => take('invalid', 'internal');

function take(...kinds: readonly ProblemKind[]): Problems {
  return Object.fromEntries(kinds.map((kind) => [kind, KINDS[kind].doc]));
}
