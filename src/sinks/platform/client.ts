/**
 * The client of a platform's HTTP interface: requests below its address, answers with their JSON, and what they mean.
 *
 * Contract: `ask` gives whatever was answered; `demand` gives what was asked for, and throws {@link NoPost} with the outcome
 * where the platform refused, asked for time, or answered what its interface never answers. Both reject where nothing
 * was answered. The key is hidden in every text that an answer brings.
 * Limits: an answer is read to a mebibyte, and one that is longer or breaks off has no JSON.
 */
import type { Readable } from 'node:stream';
import {
  type HttpAnswer,
  judgeAnswer,
  judgeError,
  MAX_RETRY_AFTER_MS,
  type Meaning,
  meaningOf,
  quotedLine,
} from '../answer.ts';
import { type HttpDeadlines, openHttpClient } from '../http-exchange.ts';
import { NoPost } from '../no-post.ts';
import type { Examination, Outcome } from '../sink.ts';
import type { PlatformOptions } from './options.ts';

const DEADLINES: HttpDeadlines = { connectMs: 10_000, headersMs: 120_000, answerMs: 10_000 };

const ANSWER_BYTES = 1024 * 1024;

/** A request to a platform; one with a body is a POST unless it says otherwise. */
export interface PlatformRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** Below the platform's address; each part of it encoded ({@link pathOf}). */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body: a value as JSON, fields of a form, or bytes with their type. */
  readonly json?: unknown;
  readonly form?: Readonly<Record<string, string>>;
  readonly content?: Content;
  /** Bytes of the answer that are read; default a mebibyte. */
  readonly answerBytes?: number;
}

/** A body that is neither JSON nor a form. */
export interface Content {
  readonly type: string;
  readonly bytes: number;
  /** Makes it anew for every request. */
  readonly body: () => Buffer | Readable;
}

/** An answer; `json` is undefined where the body is none, or is not whole. */
export interface PlatformAnswer extends HttpAnswer {
  readonly json: unknown;
}

/** The meaning of an answer, as far as a platform's own statuses say more than HTTP; undefined is HTTP's. */
export type Means = (answer: PlatformAnswer) => Meaning | undefined;

/** A client of one platform. */
export interface PlatformClient {
  /** Makes a request and gives what was answered. */
  ask(request: PlatformRequest, signal: AbortSignal): Promise<PlatformAnswer>;
  /** Makes a request and gives its answer where it is a 2xx with JSON or without a body. */
  demand(request: PlatformRequest, signal: AbortSignal): Promise<PlatformAnswer>;
  /** Gives the outcome that an answer means. */
  judge(answer: PlatformAnswer): Outcome;
  /** Examines the platform by a request that changes nothing. */
  examine(request: PlatformRequest, read: ReadExamination, signal: AbortSignal): Promise<Examination>;
  /** Closes its connections; a request under way ends without an answer. */
  close(): Promise<void>;
}

/** Whom posts appear as, and what is missing, if something is. */
export type Examined = Pick<Examination, 'postsAs' | 'lack'>;

/** Reads the answer to an examination. */
export type ReadExamination = (answer: PlatformAnswer) => Examined;

/** Says what keeps posts from being made, and what to do about it; `postsAs` where posts would still appear as somebody. */
export function lacks(what: string, fix: string, postsAs = 'nobody'): Examined {
  return { postsAs, lack: { what, fix } };
}

/** What a client takes from outside, and from its platform. */
export interface ClientEnvironment {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly deadlines?: HttpDeadlines;
  /** The fields that prove who we are, in every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** What is hidden in every answer; the key and the fields where it says nothing. */
  readonly secrets?: readonly string[];
  readonly means?: Means;
  /** Gives how long an answer asks to be left alone, in milliseconds, where its body says so and its header does not. */
  readonly pauseIn?: (json: unknown) => number | undefined;
}

/** Opens a client; it connects with its first request. */
export function openPlatformClient(
  options: Pick<PlatformOptions, 'url' | 'token' | 'ca'>,
  environment: ClientEnvironment,
): PlatformClient {
  const { deadlines = DEADLINES, headers } = environment;
  const { url, ca } = options;
  const client = openHttpClient(url, ca, deadlines);
  const hide = hideKey(environment.secrets ?? [options.token, ...Object.values(headers)]);
  const [base = ''] = url.path.split('?');

  const ask = async (request: PlatformRequest, signal: AbortSignal): Promise<PlatformAnswer> => {
    const { method, path, query } = request;
    const body = bodyOf(request);
    const search = query === undefined ? '' : `?${new URLSearchParams(query).toString()}`;
    const answer = await client.exchange(
      {
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        path: base.replace(/\/+$/, '') + path + search,
        headers: {
          accept: 'application/json',
          'user-agent': 'mailgw',
          ...(body === undefined ? {} : { 'content-type': body.type, 'content-length': String(body.bytes) }),
          ...headers,
          ...request.headers,
        },
        body: body?.body() ?? null,
        answerBytes: request.answerBytes ?? ANSWER_BYTES,
      },
      signal,
    );
    const text = hideKey([request.headers?.authorization ?? ''])(hide(answer.text));
    return { ...answer, text, json: answer.isWhole === true ? jsonOf(text) : undefined };
  };

  const judge = judgeOf(environment);

  return {
    ask,
    judge,
    demand: async (request, signal) => {
      const answer = await ask(request, signal);
      const outcome = judge(answer);
      if (outcome.kind !== 'posted') throw new NoPost(outcome);
      return answer;
    },
    examine: async (request, read, signal) => {
      try {
        const answer = await ask(request, signal);
        const { diagnostic } = judge(answer);
        return { status: answer.status, diagnostic, ...read(answer) };
      } catch (error) {
        const { diagnostic } = outcomeOf(error);
        return { status: undefined, diagnostic, postsAs: 'not known before it answers' };
      }
    },
    close: () => client.close(),
  };
}

/** Makes the reader of a platform's answers. */
function judgeOf({ now, means = () => undefined, pauseIn = () => undefined }: ClientEnvironment) {
  return (answer: PlatformAnswer): Outcome => {
    const outcome = judgeAnswer(answer, now(), means(answer) ?? meaningHere(answer));
    if (outcome.kind !== 'deferred' || outcome.retryAfterMs !== undefined) return outcome;
    const asked = pauseIn(answer.json);
    return asked === undefined ? outcome : { ...outcome, retryAfterMs: Math.min(asked, MAX_RETRY_AFTER_MS) };
  };
}

/** Gives the outcome of whatever ended an attempt: {@link NoPost} has its own, all else is an answer that did not come. */
export function outcomeOf(error: unknown): Outcome {
  return error instanceof NoPost ? error.outcome : judgeError(error);
}

/** Refuses a post for good, for a reason of its own. */
export function refuse(diagnostic: string): NoPost {
  return new NoPost({ kind: 'failed', diagnostic: quotedLine(diagnostic) });
}

/** Puts a post off because the platform's answer is none of its interface: an operator has to look. */
export function unexpected(answer: PlatformAnswer, what: string): NoPost {
  const { status, text } = answer;
  const diagnostic = `${quotedLine(what)}: ${quotedLine(`${status} ${text}`)}`;
  // What broke off on its way says nothing about the platform.
  return new NoPost({ kind: 'deferred', broken: answer.isWhole !== false, diagnostic, status });
}

/** Gives an answer that came whole; one that broke off blames nobody, and is asked for again. */
export function wholeOf(answer: PlatformAnswer): PlatformAnswer {
  if (answer.isWhole === true) return answer;
  throw new Error('the answer was cut short');
}

/** Runs a delivery, and gives an outcome whatever happens. */
export async function settled(run: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await run();
  } catch (error) {
    return outcomeOf(error);
  }
}

/** Runs a look for a post that may be there already; whatever ends it ends the attempt with an outcome. */
export async function sought(look: () => Promise<boolean>): Promise<boolean> {
  try {
    return await look();
  } catch (error) {
    throw new NoPost(outcomeOf(error));
  }
}

/** Writes a path of parts, each encoded. */
export function pathOf(...parts: readonly (string | number)[]): string {
  return parts.map((part) => `/${encodeURIComponent(part)}`).join('');
}

/** Gives a member of a JSON object; undefined where there is none, or no object. */
export function member(value: unknown, ...names: readonly string[]): unknown {
  return names.reduce<unknown>(
    (found, name) =>
      typeof found === 'object' && found !== null && Object.hasOwn(found, name)
        ? (found as Readonly<Record<string, unknown>>)[name]
        : undefined,
    value,
  );
}

/** Gives the members of a JSON list; none where it is no list. */
export function members(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/**
 * Gives the list that an answer has at a member, or is; throws where there is none. A list that is missing is no list without
 * members: "there is no such post" would post it again.
 */
export function listIn(answer: PlatformAnswer, ...names: readonly string[]): readonly unknown[] {
  const list = member(wholeOf(answer).json, ...names);
  if (!Array.isArray(list)) throw unexpected(answer, `no list ${names.join('.')} in the answer`);
  return members(list);
}

/**
 * Gives what a status means where the platform says nothing else: a key that is not taken is an operator's matter, a thread
 * that is not there its author's, and a page that speaks no JSON is not the platform's interface.
 */
function meaningHere({ status, json, text }: PlatformAnswer): Meaning | undefined {
  switch (status) {
    case 403:
    case 404:
      return json === undefined && text.trim() !== '' ? 'broken' : 'refused';
    case 409:
      return 'busy';
    default:
      return meaningOf(status);
  }
}

function bodyOf({ json, form, content }: PlatformRequest): Content | undefined {
  if (content !== undefined) return content;
  const text =
    json === undefined ? form && new URLSearchParams({ ...form }).toString() : JSON.stringify(json);
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text);
  const type = json === undefined ? 'application/x-www-form-urlencoded' : 'application/json';
  return { type, bytes: bytes.length, body: () => bytes };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Hides what proves who we are in a text: a platform that echoes it must not bring it into our log. */
function hideKey(secrets: readonly string[]): (text: string) => string {
  const spellings = secrets
    .flatMap((secret) => [secret, ...secret.split(/[\s:]+/)])
    .filter((secret) => secret.length >= 8);
  return (text) => spellings.reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text);
}
