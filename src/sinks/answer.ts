/**
 * What an HTTP answer, or the want of one, means for a post: the outcome table of docs/http-interface.md.
 *
 * Contract: pure. The status line decides, and of a 2xx whether the rest is an answer to a post: a page for people, or
 * JSON that denies its success, is none. Otherwise the answer's text only explains. Everything unknown is
 * deferred, so that a platform's mistake costs time and never mail. Diagnostics are one line of printable
 * characters with at most {@link MAX_QUOTED_CHARS} of the platform's own.
 * Standards: RFC 9110 §10.2.3 (Retry-After), §5.6.7 (HTTP-date); RFC 6585; RFC 8470 (425);
 * draft-ietf-httpapi-ratelimit-headers (RateLimit, and the forms before it).
 */
import { STATUS_CODES } from 'node:http';
import type { Outcome } from './sink.ts';

/** Characters of a platform's answer that a diagnostic quotes. */
export const MAX_QUOTED_CHARS = 200;

/** The longest Retry-After that is believed: a day. The retry schedule has a bound of its own below it. */
export const MAX_RETRY_AFTER_MS = 24 * 3600 * 1000;

/** An HTTP answer as far as it matters; `text` is the beginning of its body. */
export interface HttpAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly location: string | undefined;
  readonly contentType?: string | undefined;
  /** The header as it came. */
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The same octet by octet, in the place of `text`, where it was asked for. */
  readonly octets?: Buffer;
  /** Tells whether the body ended as it should, and is all in `text`. */
  readonly isWhole?: boolean;
}

/**
 * The meaning of an answer: a post; try again later; a sink that is set up wrong, here or there; a refusal of this post
 * alone.
 */
export type Meaning = 'posted' | 'busy' | 'broken' | 'refused';

/**
 * Gives the outcome of an attempt that was answered; `now` in milliseconds since the epoch, `meaning` what the platform
 * means by its status where that is known better.
 */
export function judgeAnswer(
  answer: HttpAnswer,
  now: number,
  meaning: Meaning = meaningOf(answer.status),
): Outcome {
  const diagnostic = describeAnswer(answer);
  const { status } = answer;
  switch (meaning) {
    case 'posted': {
      const denial = denialOf(answer);
      if (denial === undefined) return { kind: 'posted', diagnostic, status };
      return { kind: 'deferred', diagnostic: `${denial}: ${diagnostic}`, status, broken: true };
    }
    case 'busy':
      return { kind: 'deferred', diagnostic, status, ...pause(answer, now) };
    case 'broken':
      return { kind: 'deferred', diagnostic, status, broken: true, ...pause(answer, now) };
    case 'refused':
      return { kind: 'failed', diagnostic, status };
  }
}

/** Gives the outcome of an attempt that ended without a status line: network, timeout, TLS, or no HTTP at all. */
export function judgeError(error: unknown): Outcome {
  return { kind: 'deferred', diagnostic: describeError(error) };
}

/** Gives the meaning of a status where nothing more is known of the platform. */
export function meaningOf(status: number): Meaning {
  if (status >= 200 && status < 300) return 'posted';
  if (status === 401 || status === 403 || status === 404) return 'broken';
  if (status >= 300 && status < 400) return 'broken';
  if (status === 408 || status === 425 || status === 429) return 'busy';
  return status >= 400 && status < 500 ? 'refused' : 'busy';
}

/** A page by its declared type, and by its first characters whatever the type. */
const PAGE_TYPE = /^\s*(?:text\/html|application\/xhtml\+xml)\s*(?:;|$)/i;
const PAGE = /^[\s\uFEFF]*(?:<\?xml[^>]*>\s*|<!--(?:(?!-->)[^])*-->\s*)*<(?:!doctype\s+html|html)\b/i;

/** A tag: frameworks declare a bare "ok" as text/html, and that is no page. */
const TAG = /<[a-z!/?]/i;

/** Characters in which a page shows that it is one. */
const PAGE_CHARS = 4096;

/** Names what keeps a 2xx from being the answer to a post. */
function denialOf({ contentType = '', text }: HttpAnswer): string | undefined {
  const head = text.slice(0, PAGE_CHARS);
  if (PAGE.test(head) || (PAGE_TYPE.test(contentType) && TAG.test(head)))
    return 'an HTML page is no answer to a post (a login page, or another URL than sink.url should name?)';
  return deniesSuccess(text) ? 'the answer denies its success' : undefined;
}

/** Tells whether a text is a JSON object with success or ok false. */
function deniesSuccess(text: string): boolean {
  if (!/"(?:success|ok)"\s*:\s*false/.test(text)) return false;
  try {
    const answer = JSON.parse(text) as Readonly<Record<string, unknown>> | null;
    return answer?.success === false || answer?.ok === false;
  } catch {
    return false; // no JSON, or more than is read of it
  }
}

function pause(answer: HttpAnswer, now: number): { retryAfterMs?: number } {
  const asked = answer.retryAfter === undefined ? undefined : parseRetryAfter(answer.retryAfter, now);
  const retryAfterMs = asked ?? untilReset(answer, now);
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}

/** The fields in which platforms say when their limit on requests begins anew, and how much of it is left. */
const RESET_FIELDS = ['ratelimit-reset', 'x-ratelimit-reset', 'x-rate-limit-reset'];
const REMAINING_FIELDS = ['ratelimit-remaining', 'x-ratelimit-remaining', 'x-rate-limit-remaining'];

/** From here on a number is no longer a time to wait but a time, in seconds or in milliseconds. */
const EPOCH_SECONDS = 1e9;
const EPOCH_MS = 1e12;

/** Gives the time until a limit begins anew that this answer has run into. */
function untilReset({ status, headers = {} }: HttpAnswer, now: number): number | undefined {
  const field = (names: readonly string[]): string | undefined =>
    names.map((name) => headers[name]).find((value) => typeof value === 'string');
  if (status !== 429 && field(REMAINING_FIELDS)?.trim() !== '0') return undefined;
  const reset = field(RESET_FIELDS)?.trim() ?? /(?:^|;)\s*t=(\d+)/.exec(field(['ratelimit']) ?? '')?.[1];
  if (reset === undefined || !/^\d{1,15}(?:\.\d+)?$/.test(reset)) return undefined;
  const value = Number(reset);
  if (value < EPOCH_SECONDS) return Math.min(value * 1000, MAX_RETRY_AFTER_MS);
  return Math.min(Math.max(0, (value < EPOCH_MS ? value * 1000 : value) - now), MAX_RETRY_AFTER_MS);
}

/** Reads a Retry-After, seconds or HTTP-date, as milliseconds from `now`; `undefined` when it is neither. */
export function parseRetryAfter(value: string, now: number): number | undefined {
  const text = value.trim();
  if (/^[0-9]+$/.test(text)) return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS);
  // Date.parse alone takes "1.5" and "-3" for dates; all three forms of an HTTP-date begin with a weekday.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(text)) return undefined;
  // The asctime form names no zone, and Date.parse would read it as local time.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : Math.min(Math.max(at - now, 0), MAX_RETRY_AFTER_MS);
}

function describeAnswer(answer: HttpAnswer): string {
  const status = `${answer.status} ${STATUS_CODES[answer.status] ?? ''}`.trim();
  const location = answer.location === undefined ? '' : ` to ${quotedLine(answer.location)}`;
  const text = quotedLine(answer.text);
  return `${status}${location}${text === '' ? '' : `: ${text}`}`;
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `no answer: ${quotedLine(String(error))}`;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  // Where a name has several addresses, the error of each is inside and the outer message is empty.
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  const message = quotedLine(error.message || (inner instanceof Error ? inner.message : ''));
  const what = code === 'TimeoutError' || code.endsWith('_TIMEOUT') ? 'timeout' : 'no answer';
  return message === '' || message.includes(code)
    ? `${what}: ${message || code}`
    : `${what}: ${code}: ${message}`;
}

/** Gives one line of printable characters, at most {@link MAX_QUOTED_CHARS} of them. */
export function quotedLine(text: string): string {
  // Work is bounded first. \p{C} holds controls, bidirectional overrides and lone surrogates.
  const line = text
    .slice(0, MAX_QUOTED_CHARS * 20)
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim();
  const characters = Array.from(line);
  return characters.length <= MAX_QUOTED_CHARS
    ? line
    : `${characters.slice(0, MAX_QUOTED_CHARS - 1).join('')}…`;
}
