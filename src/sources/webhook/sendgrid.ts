/**
 * SendGrid's Inbound Parse with "POST the raw, full MIME message" and a security policy that signs.
 *
 * Contract: ECDSA over P-256 and SHA-256 covers the timestamp and the body as it came. There is no id of a call: what was
 * taken is known by its digest. SendGrid tries again for 3 days, of which its documentation does not say whether each
 * attempt is signed anew, and so the timestamp may be as old as that; it promises so only after a 5xx, and so whatever has
 * to come again is answered 503.
 * Read: twilio.com/docs/sendgrid, "Securing your Inbound Parse Webhooks" and "Inbound Email Parse Webhook" (fields, retries).
 */
import { createPublicKey, createVerify, type KeyObject } from 'node:crypto';
import { readForm, textOf } from './form.ts';
import { memberOf, readJson, textsOf } from './json.ts';
import {
  type Call,
  type Given,
  type OpenProvider,
  onlyField,
  type Refusal,
  refuse,
  STATUSES,
  type Verified,
} from './provider.ts';
import { readTextSecrets } from './secrets.ts';
import { decodeBase64, judgeTimestamp } from './signature.ts';

/** The retries' 3 days, and one more; below the time for which digests are remembered. */
const MOST_AGE_MS = 4 * 86_400_000;

const SIGNATURE = 'x-twilio-email-event-webhook-signature';
const TIMESTAMP = 'x-twilio-email-event-webhook-timestamp';

const ENVELOPE_BYTES = 64 * 1024;

const NO_MIME =
  'the raw message is missing: set "POST the raw, full MIME message" for this host under Inbound Parse';

/** Opens SendGrid. */
export const open: OpenProvider = (config, { key, mostBytes }) => {
  const read = readTextSecrets(config, key, keyProblem);
  if (!read.ok) return read;
  const keys = read.secrets.flatMap((text) => readKey(text) ?? []);
  return {
    ok: true,
    provider: {
      statuses: { ...STATUSES, untimely: 503, malformed: 503, unusable: 503 },
      judgeHeader: (call) => {
        const read = readFields(call);
        return 'kind' in read ? read : undefined;
      },
      verify: (call) => verify(call, keys, mostBytes),
    },
  };
};

const keyProblem = (text: string): string | undefined =>
  readKey(text) === undefined ? 'is no public key of the curve P-256, in base64 on one line' : undefined;

/** Reads a key: SubjectPublicKeyInfo in base64, as SendGrid shows it, or in PEM. */
function readKey(text: string): KeyObject | undefined {
  try {
    const key = text.startsWith('-----BEGIN PUBLIC KEY-----')
      ? createPublicKey(text)
      : createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : undefined;
  } catch {
    return undefined;
  }
}

/** Reads the two fields that a signature is in. */
function readFields(
  call: Pick<Call, 'fields'>,
): { readonly signature: Buffer; readonly timestamp: string } | Refusal {
  const [given, timestamp] = [onlyField(call, SIGNATURE), onlyField(call, TIMESTAMP)];
  if (given === undefined || timestamp === undefined)
    return refuse('forged', `${SIGNATURE} or ${TIMESTAMP} is missing, or comes twice`);
  const signature = decodeBase64(given);
  if (signature === undefined) return refuse('forged', `${SIGNATURE} is no base64`);
  // The body begins right behind it: nothing of the one may be read as the other.
  if (!/^\d{10}$/.test(timestamp)) return refuse('forged', `${TIMESTAMP} is no number of seconds`);
  return { signature, timestamp };
}

async function verify(
  call: Call,
  keys: readonly KeyObject[],
  mostBytes: () => number,
): Promise<Verified | Refusal> {
  const read = readFields(call);
  if ('kind' in read) return read;
  const verifiers = keys.map((key) => ({ key, verifier: createVerify('sha256').update(read.timestamp) }));
  for await (const piece of call.body.read()) {
    for (const { verifier } of verifiers) verifier.update(piece);
  }
  if (!verifiers.some(({ key, verifier }) => verifier.verify(key, read.signature)))
    return refuse('forged', 'the signature is of no key of this source');
  const untimely = judgeTimestamp(read.timestamp, call.at, MOST_AGE_MS);
  return untimely ?? { kind: 'verified', give: () => give(call, mostBytes()) };
}

async function give(call: Call, mostBytes: number): Promise<Given> {
  const form = await readForm(call, { email: mostBytes, envelope: ENVELOPE_BYTES });
  if (!form.ok) return refuse('malformed', form.problem);
  const mime = form.fields.get('email');
  if (mime === undefined) return refuse('unusable', NO_MIME);
  const envelope = readJson(textOf(form.fields, 'envelope') ?? '');
  const from = memberOf(envelope, 'from');
  return {
    kind: 'mail',
    raw: mime.bytes,
    isTooBig: mime.isCut,
    recipients: textsOf(memberOf(envelope, 'to')),
    reversePath: typeof from === 'string' ? from : undefined,
    id: undefined,
  };
}
