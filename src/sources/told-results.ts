/**
 * The findings of a provider's filter that stand in its call, beside the message: SendGrid's fields `SPF` and `dkim`.
 *
 * Contract: they become results like those of a header, and then nothing of the header counts. Only a call whose
 * signature covers them may be read so. A signature vouches for the domain that is named, and SPF for that of the path.
 * Failure: what is not of the form is in doubt, and so the sender fails.
 * Read: twilio.com/docs/sendgrid, "Inbound Email Parse Webhook"; `{@gmail.com : pass}` in calls that people published.
 */
import {
  type AuthenticationResults,
  isSafeValue,
  type MethodResult,
} from '../mail/authentication-results.ts';

/** What a call says of the sender. */
export interface ToldFields {
  /** The result of SPF, such as `pass`. */
  readonly spf: string | undefined;
  /** The reverse-path that SPF was asked about. */
  readonly path: string | undefined;
  /** The signatures: `{@example.com : pass, @example.net : fail}`, or `none`. */
  readonly dkim: string | undefined;
}

const WORD = /^[a-z]{1,20}$/;
const ENTRY = String.raw`@[\w.-]{1,253} ?: ?[a-z]{1,20}`;
const SIGNATURES = new RegExp(`^(?:\\{${ENTRY}(?:, ?${ENTRY})*\\} ?)+$`, 'i');
const ONE = /@([\w.-]+) ?: ?([a-z]+)/gi;
const MOST_CHARS = 10_000;

/** Makes results of what a call says. */
export function toldResults({ spf, path, dkim }: ToldFields): AuthenticationResults {
  const results: MethodResult[] = [];
  const word = spf?.trim().toLowerCase() ?? 'none';
  const signed = dkim?.trim() ?? 'none';
  const isNone = signed === '' || signed === 'none';
  if (!WORD.test(word)) return inDoubt('the result of SPF is no word');
  if (path !== undefined && !isSafeValue(path)) return inDoubt('an odd character in the reverse-path');
  if (!isNone && (signed.length > MOST_CHARS || !SIGNATURES.test(signed)))
    return inDoubt('the results of signatures cannot be read');
  results.push({
    method: 'spf',
    result: word,
    properties: new Map(path === undefined ? [] : [['smtp.mailfrom', path]]),
  });
  for (const [, domain = '', result = ''] of isNone ? [] : signed.matchAll(ONE)) {
    results.push({
      method: 'dkim',
      result: result.toLowerCase(),
      properties: new Map([['header.i', `@${domain}`]]),
    });
  }
  return { authservId: '', results };
}

const inDoubt = (doubt: string): AuthenticationResults => ({ authservId: '', results: [], doubt });
