/**
 * Raw mail under Standard Webhooks: for a worker at Cloudflare, for Postal, and for scripts.
 *
 * Contract: the body is the message itself as message/rfc822, and is what is signed. The envelope stands in header fields:
 * `X-Mailgw-Envelope-From`, and `X-Mailgw-Envelope-To`, of which there may be several, or a list with commas.
 * Standards: Standard Webhooks 1.0.0.
 * Limits: the fields of the envelope are not signed; a call that comes again with others is refused as another message.
 */
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
import { readSigningSecrets } from './secrets.ts';
import { judgeStandard, judgeStandardHeader } from './signature.ts';

const PREFIX = 'webhook';
const FROM = 'x-mailgw-envelope-from';
const TO = 'x-mailgw-envelope-to';

/** Opens it. */
export const open: OpenProvider = (config, { key, mostBytes }) => {
  const read = readSigningSecrets(config, key);
  if (!read.ok) return read;
  return {
    ok: true,
    provider: {
      statuses: STATUSES,
      judgeHeader: (call) => judgeStandardHeader(call, PREFIX),
      verify: (call) => verify(call, read.secrets, mostBytes),
    },
  };
};

async function verify(
  call: Call,
  secrets: readonly Uint8Array[],
  mostBytes: () => number,
): Promise<Verified | Refusal> {
  const judged = await judgeStandard(call, PREFIX, secrets);
  if (judged.kind !== 'genuine') return judged;
  return { kind: 'verified', give: () => give(call, judged.id, mostBytes()) };
}

async function give(call: Call, id: string, mostBytes: number): Promise<Given> {
  const type = onlyField(call, 'content-type') ?? '';
  if (!/^message\/rfc822\s*(?:;|$)/i.test(type))
    return refuse('malformed', 'the content type is not message/rfc822');
  if ((call.fields.get(FROM) ?? []).length > 1) return refuse('malformed', `${FROM} comes twice`);
  const isTooBig = call.body.bytes > mostBytes;
  const raw = await call.body.whole();
  return {
    kind: 'mail',
    raw: isTooBig ? raw.subarray(0, mostBytes) : raw,
    isTooBig,
    recipients: (call.fields.get(TO) ?? []).flatMap(listOf),
    reversePath: onlyField(call, FROM)
      ?.trim()
      .replace(/^<(.*)>$/, '$1'),
    id,
  };
}

function listOf(value: string): readonly string[] {
  const each = value.split(',').map((address) => address.trim().replace(/^<(.*)>$/, '$1'));
  return each.filter((address) => address !== '');
}
