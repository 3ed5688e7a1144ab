/**
 * How a call ended, and its answer.
 *
 * Contract: who is not known learns nothing but that the call is refused; a provider that is known learns why.
 * Standards: RFC 9110 §15.
 */
import type { ServerResponse } from 'node:http';
import type { NoMail, Refusal, Statuses } from './provider.ts';

/** The end of a call. */
export type Outcome =
  | Refusal
  | NoMail
  | { readonly kind: 'taken' }
  /** More calls are under way than may be at a time. */
  | { readonly kind: 'busy'; readonly reason: string }
  /** Something of ours failed. */
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'too-large' | 'slow' | 'broken-off' | 'not-post' | 'no-place' };

/** When to come again, in seconds. */
const RETRY_S = '60';

/** Answers a call; one whose connection is gone is past answering. */
export function sendAnswer(response: ServerResponse, statuses: Statuses, outcome: Outcome): void {
  if (response.destroyed || response.headersSent) return;
  const [status, text, fields = {}] = answerTo(statuses, outcome);
  const body = `${text}\n`;
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    // What was not read of a body is not read any more.
    ...(response.req.complete ? {} : { connection: 'close' }),
    ...fields,
  });
  response.end(body);
}

type Fields = Readonly<Record<string, string>>;

function answerTo(statuses: Statuses, outcome: Outcome): readonly [number, string, Fields?] {
  switch (outcome.kind) {
    case 'taken':
      return [statuses.taken, 'taken'];
    case 'no-mail':
      return [statuses.taken, outcome.reason];
    case 'forged':
    case 'untimely': {
      const status = statuses[outcome.kind];
      return [status, 'refused', status === 401 ? { 'www-authenticate': 'Signature realm="mailgw"' } : {}];
    }
    case 'malformed':
    case 'unusable':
      return [statuses[outcome.kind], outcome.reason];
    case 'later':
    case 'busy':
    case 'failed':
      return [statuses.later, 'try again later', { 'retry-after': RETRY_S }];
    case 'too-large':
      return [statuses.tooLarge, 'the body is larger than inbound.max_body'];
    case 'slow':
    case 'broken-off':
      return [408, 'the body did not arrive'];
    case 'not-post':
      return [405, 'expected POST', { allow: 'POST' }];
    case 'no-place':
      return [404, 'there is no such path'];
  }
}
