/**
 * The bodies of requests: JSON in UTF-8, a message as it is, or none.
 *
 * Contract: JSON is read strictly: no other encoding, and no member that would reach an object's prototype.
 */
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { type ProblemError, refuse } from './problem.ts';
import type { Route } from './route.ts';

/** Most members that a problem names. */
const MOST_NAMED = 50;

/** Has a server read bodies. */
export function takeBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    // Octets of another encoding would be read as marks of doubt, and name another thread.
    else if (!isUtf8(body)) done(refuse('malformed', 'the body is not in UTF-8'));
    else void parse(request, body.toString('utf8'), done);
  });
  app.addContentTypeParser('message/rfc822', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
}

/** Says what is wrong with the kind of a body; the route's schema says the rest. */
export function bodyFault({ takesMessage, body }: Route, given: unknown): ProblemError | undefined {
  const isMessage = given instanceof Uint8Array;
  if (takesMessage === true)
    return isMessage ? undefined : refuse('unsupported-media-type', 'expected a message as message/rfc822');
  if (isMessage) return refuse('unsupported-media-type', 'expected application/json');
  return body === undefined && given !== undefined ? unasked(given) : undefined;
}

/** Refuses each member of a body that a route does not ask for. */
function unasked(given: unknown): ProblemError | undefined {
  const detail = 'is unknown here; expected no body';
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return refuse('invalid', `the body: ${detail}`);
  const errors = Object.keys(given)
    .slice(0, MOST_NAMED)
    .map((name) => ({ pointer: `/${name}`, detail }));
  return errors.length === 0 ? undefined : refuse('invalid', `the body: ${detail}`, errors);
}
