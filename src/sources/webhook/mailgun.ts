/**
 * Mailgun's route with `forward()`: a form with the raw message, posted to a URL that ends in "mime".
 *
 * Contract: the signature covers the timestamp and the token, and never the message. So a token is good for one message:
 * it is the id of the call, and is consumed with its receipt. A retry comes with the token of the first attempt, up to 8 hours
 * later, and so the timestamp may be as old as that. Fields other than those three are read only of a genuine call.
 * Read: documentation.mailgun.com, "Receive HTTP" (fields, codes, schedule of retries) and "Securing Webhooks"; that retries
 * are signed as the first attempt was: PostHog/posthog#103057, and beyondcode/laravel-mailbox#93 for queues on Mailgun's side.
 */
import { createHmac } from 'node:crypto';
import { type FieldValue, readForm, textOf } from './form.ts';
import {
  type Call,
  type Given,
  type OpenProvider,
  type Refusal,
  refuse,
  STATUSES,
  type Verified,
} from './provider.ts';
import { readTextSecrets } from './secrets.ts';
import { isSame, judgeTimestamp } from './signature.ts';

/** The retries' 8 hours, and what an attempt waits at Mailgun; below the time for which tokens are remembered. */
const MOST_AGE_MS = 12 * 3_600_000;

/** What is signed, and the signature: a token has 50 characters, the signature 64. */
const SIGNED = { timestamp: 16, token: 128, signature: 128 } as const;

const ADDRESSES_BYTES = 64 * 1024;

const NO_MIME =
  'the raw message is missing: let the route forward to the URL of this source, which ends in "mime"';

/** Opens Mailgun. */
export const open: OpenProvider = (config, { key, mostBytes }) => {
  const read = readTextSecrets(config, key);
  if (!read.ok) return read;
  const { secrets } = read;
  return {
    ok: true,
    provider: {
      statuses: { ...STATUSES, forged: 406 },
      verify: (call) => verify(call, secrets, mostBytes),
    },
  };
};

async function verify(
  call: Call,
  secrets: readonly string[],
  mostBytes: () => number,
): Promise<Verified | Refusal> {
  const form = await readForm(call, SIGNED);
  if (!form.ok) return refuse('forged', form.problem);
  const [timestamp, token, signature] = ['timestamp', 'token', 'signature'].map((name) =>
    textOf(form.fields, name),
  );
  if (timestamp === undefined || token === undefined || signature === undefined)
    return refuse('forged', 'timestamp, token or signature is missing');
  // Digits before letters: nothing can move between the two that are signed as one.
  if (!/^\d{1,12}$/.test(timestamp) || !/^[0-9a-z]{16,100}$/i.test(token))
    return refuse('forged', 'timestamp or token is of another form');
  const matches = secrets.filter((secret) => {
    const expected = createHmac('sha256', secret).update(timestamp).update(token).digest('hex');
    return isSame(expected, signature);
  });
  if (matches.length === 0) return refuse('forged', 'the signature is of no key of this source');
  const untimely = judgeTimestamp(timestamp, call.at, MOST_AGE_MS);
  // The border between digits and a token that begins with one could be moved: the two are one id.
  return untimely ?? { kind: 'verified', give: () => give(call, `${timestamp}${token}`, mostBytes()) };
}

async function give(call: Call, id: string, mostBytes: number): Promise<Given> {
  const form = await readForm(call, {
    'body-mime': mostBytes,
    recipient: ADDRESSES_BYTES,
    sender: ADDRESSES_BYTES,
  });
  if (!form.ok) return refuse('malformed', form.problem);
  const mime: FieldValue | undefined = form.fields.get('body-mime');
  if (mime === undefined) return refuse('unusable', NO_MIME);
  const recipients = (textOf(form.fields, 'recipient') ?? '').split(',').map((each) => each.trim());
  return {
    kind: 'mail',
    raw: mime.bytes,
    isTooBig: mime.isCut,
    recipients: recipients.filter((each) => each !== ''),
    reversePath: textOf(form.fields, 'sender')?.trim(),
    id,
  };
}
