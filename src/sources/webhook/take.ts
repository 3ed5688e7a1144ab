/**
 * Mail of a provider on its way to the gate.
 *
 * Contract: a call is known again by its receipt, which is committed with the items: the provider's id of it, or the digest
 * where there is none. The digest covers the message and its recipients, since some providers post one message once for
 * each of them. What is too big is refused by its header, and its receipt is kept like any other.
 */
import { createHash } from 'node:crypto';
import { type Arrived, arrive } from '../../gate/arrival.ts';
import type { TransactionShared } from '../../gate/transaction.ts';
import { scanHeader } from '../../mail/header.ts';
import { candidatesOf } from '../candidates.ts';
import { sourceRules } from '../source-rules.ts';
import type { ProvidedMail } from './provider.ts';
import type { WebhookConfig } from './settings.ts';

/** The reverse-path where nobody says it: nobody's address, and not the null one, which bounces have. */
export const UNKNOWN_PATH = 'unknown@sender.invalid';

/** Octets of a message that is too big and has no header that can be read. */
const HEAD_BYTES = 64 * 1024;

/** Recipients that are looked at, the longest address, and the longest id that is kept as it is. */
const MOST_RECIPIENTS = 200;
const ADDRESS_CHARS = 320;
const ID_CHARS = 200;

/** Takes a mail in; `at` is when its call came, in milliseconds since the epoch. */
export async function takeMail(
  shared: TransactionShared,
  config: WebhookConfig,
  mail: ProvidedMail,
  at: number,
): Promise<Arrived['kind']> {
  const recipients = mail.recipients
    .filter(({ length }) => length <= ADDRESS_CHARS)
    .slice(0, MOST_RECIPIENTS);
  // Before the gate has the message: it may take its memory over.
  const digest = digestOf(recipients, mail.raw);
  const call = idOf(mail.id, digest);
  const scan = scanHeader(mail.raw);
  const head = scan.ok ? scan.header.bodyOffset : HEAD_BYTES;
  const named = scan.ok ? candidatesOf(scan.header, config.recipientHeaders) : [];
  const { kind } = await arrive(shared, {
    session: `${config.name} ${call.slice(0, 64)}`,
    envelope: { reversePath: pathOf(mail.reversePath), rules: sourceRules(config) },
    candidates: [...recipients, ...named],
    raw: mail.isTooBig ? mail.raw.subarray(0, head) : mail.raw,
    ...(mail.isTooBig && { refusal: { verdict: 'rejected', reason: 'too-big' } }),
    receipt: { kind: 'call', source: config.name, call, digest, at },
  });
  return kind;
}

function digestOf(recipients: readonly string[], raw: Uint8Array): Buffer {
  const hash = createHash('sha256');
  for (const each of [...recipients].sort()) hash.update(`${each}\0`);
  return hash.update('\0').update(raw).digest();
}

/** Gives the id under which a call is kept; a long one by its digest. */
function idOf(id: string | undefined, digest: Buffer): string {
  if (id === undefined) return digest.toString('hex');
  return id.length <= ID_CHARS ? id : createHash('sha256').update(id).digest('hex');
}

function pathOf(given: string | undefined): string {
  if (given === undefined || given.length > ADDRESS_CHARS) return UNKNOWN_PATH;
  return given.trim().replace(/^<(.*)>$/, '$1');
}
