/**
 * Postmark's inbound webhook with "Include raw email content in JSON payload" and a user and password in its URL.
 *
 * Contract: Postmark signs nothing: whoever knows the password is Postmark. It is asked for before the body is taken.
 * A mail for several recipients may come in several calls under one MessageID, which are told apart by the recipient.
 * Read: postmarkapp.com/developer, "Inbound webhook" and "Parse an email" (fields; a non-200 is tried again, 403 is not).
 * Limits: the JSON is read at once, and holds the attachments beside the raw message; the envelope's sender is not in it.
 */
import { memberOf, readJson, textIn } from './json.ts';
import {
  type Call,
  type Given,
  type OpenProvider,
  onlyField,
  type Refusal,
  refuse,
  STATUSES,
} from './provider.ts';
import { readTextSecrets, tooShort } from './secrets.ts';
import { decodeBase64, isSame } from './signature.ts';

const NO_MIME =
  'the raw message is missing: set "Include raw email content in JSON payload" of the inbound stream';

/** Opens Postmark. */
export const open: OpenProvider = (config, { key, mostBytes }) => {
  const read = readTextSecrets(config, key, passwordProblem);
  if (!read.ok) return read;
  const judgeHeader = (call: Pick<Call, 'fields'>): Refusal | undefined => judge(call, read.secrets);
  return {
    ok: true,
    provider: {
      statuses: { ...STATUSES, forged: 403 },
      judgeHeader,
      verify: (call) =>
        Promise.resolve(judgeHeader(call) ?? { kind: 'verified', give: () => give(call, mostBytes()) }),
    },
  };
};

function passwordProblem(text: string): string | undefined {
  return /^[^:\s]+:\S+$/.test(text) ? tooShort(text) : 'is not "user:password" on one line';
}

/** Judges the password (RFC 7617). */
function judge(call: Pick<Call, 'fields'>, secrets: readonly string[]): Refusal | undefined {
  const field = onlyField(call, 'authorization');
  if (field === undefined) return refuse('forged', 'the password is missing, or comes twice');
  const [, given = ''] = /^Basic +(\S+)$/i.exec(field) ?? [];
  const credentials = decodeBase64(given);
  if (credentials === undefined) return refuse('forged', 'the password is of another form');
  const matches = secrets.filter((secret) => isSame(secret, credentials));
  return matches.length > 0 ? undefined : refuse('forged', 'the password is none of this source');
}

async function give(call: Call, mostBytes: number): Promise<Given> {
  const event = readJson((await call.body.whole()).toString('utf8'));
  const id = textIn(event, 'MessageID');
  if (event === undefined || id === undefined)
    return refuse('malformed', 'the body is no JSON of an inbound message');
  const text = textIn(event, 'RawEmail');
  if (text === undefined) return refuse('unusable', NO_MIME);
  const recipient = textIn(event, 'OriginalRecipient') ?? '';
  const raw = Buffer.from(text, 'utf8');
  const blind = memberOf(event, 'BccFull');
  const others = Array.isArray(blind) ? blind.flatMap((each) => textIn(each, 'Email') ?? []) : [];
  return {
    kind: 'mail',
    raw,
    isTooBig: raw.length > mostBytes,
    recipients: [recipient, ...others].filter((each) => each !== ''),
    reversePath: undefined,
    id: `${id} ${recipient}`,
  };
}
