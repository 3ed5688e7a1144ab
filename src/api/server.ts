/**
 * The HTTP interface on Fastify: the table of routes with access, limits and problems around it.
 *
 * Contract: each request is judged in one order: path, method, token, scope, rate, schema, Idempotency-Key. What a route
 * throws becomes a problem. On the daemon's own socket whoever may connect may ask for everything.
 * Standards: RFC 9110, RFC 9457 (problems), RFC 6750 (bearer tokens).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { hashToken, SCOPES } from '../actions/tokens.ts';
import { errorText } from '../system/error-text.ts';
import { bodyFault, takeBodies } from './bodies.ts';
import { type JsonAnswer, keyFault, Repetitions } from './idempotency.ts';
import { type Problem, ProblemError, problem, problemOf, withExit } from './problem.ts';
import { type Answer, type Asker, type Inside, isPathOf, type Route } from './route.ts';
import { createRoutes } from './routes.ts';
import { faultsOf, type SchemaFault } from './schema-faults.ts';
import { Throttle } from './throttle.ts';
import { Tickets } from './tickets.ts';

const PROBLEM_TYPE = 'application/problem+json';
const JSON_TYPE = 'application/json; charset=utf-8';

/** Time for a request to arrive as a whole. */
const REQUEST_MS = 60_000;

/** Most octets of a path's parameter: more than Node takes of a whole header. The schemas say what is too long. */
const MOST_PARAMETER_OCTETS = 65_536;

/** An Idempotency-Key. */
const KEY = /^[\x20-\x7e]{1,255}$/;

/** Whoever connects to the daemon's own socket: root, or its user. No token's holder has that name. */
const OWN: Asker = { name: '', scopes: SCOPES, isOwn: true };

/** The options of the server. */
export interface ApiOptions {
  readonly inside: Inside;
  /** Whether it is the daemon's own socket, where nobody needs a token. */
  readonly isOwn: boolean;
  /** Hears of a request that failed for a fault of ours. */
  readonly onFault: (reason: string) => void;
}

/** The interface, ready to answer requests of any server. */
export interface Api {
  /** Answers a request of a server. */
  readonly answer: (request: IncomingMessage, response: ServerResponse) => void;
  /** Ends it. */
  readonly close: () => Promise<void>;
}

/** Creates the interface. */
export async function createApi(options: ApiOptions): Promise<Api> {
  const { inside } = options;
  const tickets = new Tickets();
  const routes = createRoutes(tickets);
  const app = fastify({
    bodyLimit: inside.session().config.api.maxBodyBytes,
    requestTimeout: REQUEST_MS,
    logger: false,
    ajv: {
      customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: true },
    },
    routerOptions: { maxParamLength: MOST_PARAMETER_OCTETS },
    exposeHeadRoutes: false,
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply, toProblem(error), {});
    },
  });
  app.setSerializerCompiler(() => (value: unknown) => JSON.stringify(value));
  takeBodies(app);
  app.setErrorHandler((error, _request, reply) => {
    sendProblem(reply, toProblem(error), error instanceof ProblemError ? error.fields : {});
    if (reply.statusCode === 500) options.onFault(errorText(error));
  });
  app.setNotFoundHandler((request, reply) => {
    answerNotFound(routes, request, reply);
  });
  const door = new Door(options, tickets);
  for (const route of routes) addRoute(app, route, inside, door);
  await app.ready();
  return {
    answer: (request, response) => {
      app.routing(request, response);
    },
    close: () => app.close(),
  };
}

/** Decides who asks, and whether they may. */
class Door {
  readonly #options: ApiOptions;
  readonly #tickets: Tickets;
  readonly #throttle: Throttle;
  readonly repetitions = new Repetitions();

  constructor(options: ApiOptions, tickets: Tickets) {
    this.#options = options;
    this.#tickets = tickets;
    this.#throttle = new Throttle(() => options.inside.session().config.api.rate);
  }

  /** Lets a request in, or refuses it. */
  async admit(route: Route, request: FastifyRequest): Promise<Asker> {
    if (this.#options.isOwn) return OWN;
    if (route.scope === 'none') return { name: '', scopes: [] };
    const asker = await this.#identify(route, request);
    const wait = this.#throttle.take(asker.name, performance.now());
    if (wait !== undefined) {
      const seconds = String(Math.max(1, Math.ceil(wait / 1000)));
      const detail = `${asker.name}: more requests than api.rate; try again in ${seconds} s`;
      throw new ProblemError(problem('rate-limited', detail), { 'retry-after': seconds });
    }
    if (asker.scopes.includes(route.scope)) return asker;
    throw new ProblemError(
      problem('forbidden', `the token of ${asker.name} is not good for "${route.scope}"`),
      {
        'www-authenticate': `Bearer error="insufficient_scope", scope="${route.scope}"`,
      },
    );
  }

  async #identify(route: Route, request: FastifyRequest): Promise<Asker> {
    const { ticket } = request.query as { ticket?: string };
    if (route.operation === 'followEvents' && typeof ticket === 'string') {
      const asker = this.#tickets.take(ticket);
      if (asker !== undefined && (await asker.isGood?.()) !== false) return asker;
      throw unauthorized('the ticket is used, too old, or none that was made here');
    }
    const [, token] = /^Bearer +([\x21-\x7e]{1,200})$/i.exec(request.headers.authorization ?? '') ?? [];
    if (token === undefined) throw unauthorized('expected "Authorization: Bearer TOKEN"');
    const hash = hashToken(token);
    const find = () => this.#options.inside.session().store.tokenHolder(hash);
    const holder = await find();
    if (holder === undefined) throw unauthorized('the token is unknown or revoked', 'invalid_token');
    return { ...holder, isGood: async () => (await find()) !== undefined };
  }
}

function unauthorized(detail: string, error?: string): ProblemError {
  return new ProblemError(problem('unauthorized', detail), {
    'www-authenticate': `Bearer realm="mailgw"${error === undefined ? '' : `, error="${error}"`}`,
  });
}

function addRoute(app: FastifyInstance, route: Route, inside: Inside, door: Door): void {
  const { method, path, params, query, body, check = body, isWhole } = route;
  app.route({
    method,
    url: path.replaceAll(/\{(\w+)\}/g, isWhole === true ? '*' : ':$1'),
    schema: {
      ...(params === undefined ? {} : { params }),
      querystring: query ?? { type: 'object', additionalProperties: false },
      ...(check === undefined ? {} : { body: check }),
    },
    onRequest: async (request) => {
      request.asker = await door.admit(route, request);
    },
    preValidation: (request, _reply, done) => {
      nameWhole(route, request.params as Record<string, unknown>);
      readNumbers(route, request.query as Record<string, unknown>);
      done(bodyFault(route, request.body));
    },
    handler: async (request, reply) => {
      await answer(route, inside, door, request, reply);
      return reply;
    },
  });
}

declare module 'fastify' {
  interface FastifyRequest {
    asker: Asker;
  }
}

/** Names a parameter that may hold slashes, which the router gives as `*`. */
function nameWhole({ isWhole, params }: Route, given: Record<string, unknown>): void {
  const [name] = Object.keys(params?.properties ?? {});
  if (isWhole !== true || name === undefined) return;
  given[name] = given['*'];
  delete given['*'];
}

/** Reads the numbers of a query, which come as text. */
function readNumbers({ query }: Route, given: Record<string, unknown>): void {
  for (const [name, schema] of Object.entries(query?.properties ?? {})) {
    const value = given[name];
    if (
      (schema as { type?: string }).type === 'integer' &&
      typeof value === 'string' &&
      /^-?\d{1,15}$/.test(value)
    )
      given[name] = Number(value);
  }
}

async function answer(
  route: Route,
  inside: Inside,
  door: Door,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const key = readKey(route, request);
  const asked = {
    params: request.params,
    query: request.query,
    body: request.body,
    asker: request.asker,
    header: (name: string) => headerOf(request, name),
    key,
  };
  const run = async (): Promise<Answer> => {
    try {
      return await route.run(inside, asked as Parameters<Route['run']>[1]);
    } catch (error) {
      const given = problemOf(error, route);
      throw new ProblemError(
        request.asker.isOwn === true ? withExit(given, error) : given,
        error instanceof ProblemError ? error.fields : {},
      );
    }
  };
  if (route.idempotent === 'answer' && key !== undefined) {
    const { store } = inside.session();
    const kept = await door.repetitions.once(
      store,
      key,
      { params: request.params, body: request.body },
      async () => toJson(await run().catch(toAnswer)),
    );
    sendJson(reply, kept);
    return;
  }
  send(reply, await run());
}

/** Makes an answer of a problem, which is kept as answers are. */
function toAnswer(error: unknown): Answer {
  if (!(error instanceof ProblemError)) throw error;
  return { status: error.problem.status, body: error.problem };
}

function toJson(answer: Answer): JsonAnswer {
  if (!('body' in answer)) throw new Error('an answer under an Idempotency-Key is JSON');
  return { status: answer.status, body: JSON.stringify(answer.body) };
}

function sendJson(reply: FastifyReply, { status, body, isReplayed }: JsonAnswer): void {
  void reply
    .code(status)
    .header('content-type', status >= 400 ? PROBLEM_TYPE : JSON_TYPE)
    .headers(isReplayed === true ? { 'idempotency-replayed': 'true' } : {})
    .send(body);
}

function send(reply: FastifyReply, answer: Answer): void {
  if ('stream' in answer) {
    reply.hijack();
    answer.stream(reply.raw);
    return;
  }
  if ('bytes' in answer) {
    void reply.code(answer.status).type(answer.contentType).send(Buffer.from(answer.bytes));
    return;
  }
  const { status, body, fields = {} } = answer;
  void reply.code(status).headers(fields);
  if (body === undefined) void reply.send();
  else void reply.header('content-type', JSON_TYPE).send(JSON.stringify(body));
}

/** Reads the Idempotency-Key, with its holder and route before it. */
function readKey(route: Route, request: FastifyRequest): string | undefined {
  const given = headerOf(request, 'idempotency-key');
  if (given === undefined || route.idempotent === undefined) return undefined;
  if (!KEY.test(given)) throw keyFault('expected 1 to 255 visible characters of ASCII');
  return `${request.asker.name} ${route.operation} ${given}`;
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

function sendProblem(reply: FastifyReply, given: Problem, fields: Readonly<Record<string, string>>): void {
  void reply
    .code(given.status)
    .headers(fields)
    .header('content-type', PROBLEM_TYPE)
    .send(JSON.stringify(given));
}

/** Says what was wrong with a request that never came to its route. */
function toProblem(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  const { validation, validationContext, statusCode, message } = error as {
    validation?: readonly SchemaFault[];
    validationContext?: string;
    statusCode?: number;
    message: string;
  };
  if (validation !== undefined) {
    return faultsOf(validation, validationContext === 'body');
  }
  if (statusCode === 413) return problem('too-large', 'the body is larger than api.max_body');
  if (statusCode === 415) return problem('unsupported-media-type', 'expected application/json');
  if (statusCode !== undefined && statusCode < 500) return problem('malformed', message);
  return problemOf(error);
}

/** Says that there is no such path, or with which methods there is. */
function answerNotFound(routes: readonly Route[], request: FastifyRequest, reply: FastifyReply): void {
  const path = request.url.split('?', 1)[0] ?? '';
  const methods = routes.filter((route) => isPathOf(route, path)).map(({ method }) => method);
  if (methods.length === 0) {
    sendProblem(
      reply,
      problem('not-found', `${path}: there is no such path; /v1/openapi.json lists them`),
      {},
    );
    return;
  }
  const allow = [...new Set(methods)].join(', ');
  sendProblem(reply, problem('method-not-allowed', `${request.method} ${path}: expected ${allow}`), {
    allow,
  });
}
