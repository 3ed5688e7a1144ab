/**
 * An arrival: a message that came without RCPT, from a mailbox or a provider, on its way through the gate.
 *
 * Contract: its recipients are the candidates that hold a token of ours, each once and at most {@link MOST_CLAIMS}, or,
 * where none holds one, an address that takes mail without; every
 * one of them gets one verdict, and so does a message that was for nobody. Whatever is temporary leaves the message where
 * it is, without a receipt: it has to come again. Failure: as of a transaction; nothing here rejects.
 */
import { foldAddress } from '../mail/address.ts';
import type { Disposition } from '../mail/disposition.ts';
import type { Receipt } from '../store/receipts.ts';
import { type Envelope, messageOf, namesOf } from './case.ts';
import type { Verdict } from './gate.ts';
import { Transaction, type TransactionShared } from './transaction.ts';

/** Addresses of ours that one message may be for. */
export const MOST_CLAIMS = 8;

/** A message as its source has it. */
export interface Arrival {
  /** What it is called in the log: the source, and its own name there. */
  readonly session: string;
  readonly envelope: Envelope;
  /** Addresses that it may be for, the likeliest first. */
  readonly candidates: readonly string[];
  /** The message. */
  readonly raw: Uint8Array;
  /** Why it is refused unread, if so: then `raw` is its header alone, of which its author is told where they pass. */
  readonly refusal?: Disposition | undefined;
  readonly receipt: Receipt;
}

/** What became of an arrival: `settled` is on disk with its receipt, `deferred` has to come again. */
export interface Arrived {
  readonly kind: 'settled' | 'deferred' | 'replayed';
  readonly verdicts: readonly Verdict[];
}

const NOBODYS: Disposition = { verdict: 'rejected', reason: 'no-such-address', detail: 'no-token' };

/** Takes a message in. */
export async function arrive(shared: TransactionShared, arrival: Arrival): Promise<Arrived> {
  const { session, envelope, candidates, receipt } = arrival;
  const closed = shared.gate().transaction();
  const transaction = new Transaction(shared, session, envelope);
  if (closed !== undefined) return putOff(transaction, closed);
  const refused = await judgeCandidates(transaction, candidates);
  const refusals = refused.map(({ disposition }) => disposition);
  const temporary = refusals.find(({ verdict }) => verdict === 'deferred');
  if (temporary !== undefined) return putOff(transaction, temporary);
  noteRefused(transaction, refused, arrival);
  if (transaction.recipients === 0) {
    const fate = await transaction.pass(receipt);
    if (fate === undefined) return { kind: 'deferred', verdicts: refusals };
    const verdicts = refusals.length > 0 ? refusals : [NOBODYS];
    if (refusals.length === 0) transaction.note(NOBODYS);
    return { kind: fate === 'replayed' ? 'replayed' : 'settled', verdicts };
  }
  const verdicts = await verdictsOn(transaction, arrival);
  return { kind: kindOf(verdicts), verdicts: [...refusals, ...(verdicts ?? [])] };
}

function putOff(transaction: Transaction, disposition: Disposition): Arrived {
  transaction.note(disposition);
  return { kind: 'deferred', verdicts: [disposition] };
}

/** Notes what was refused, by the names of its message. */
function noteRefused(
  transaction: Transaction,
  refused: readonly Refused[],
  { envelope, raw }: Arrival,
): void {
  if (refused.length === 0) return;
  const message = messageOf(envelope, raw);
  for (const { disposition, address } of refused)
    transaction.note({ ...disposition, ...namesOf(message, disposition) }, address);
}

/** A candidate that is refused. */
interface Refused {
  readonly address: string;
  readonly disposition: Disposition;
}

/** Judges the candidates that hold a token, or one that takes mail without; the others are somebody else's addresses. */
async function judgeCandidates(
  transaction: Transaction,
  candidates: readonly string[],
): Promise<readonly Refused[]> {
  const refused: Refused[] = [];
  let withoutToken: string | undefined;
  const seen = new Set<string>();
  for (const candidate of candidates) {
    const folded = foldAddress(candidate);
    if (seen.has(folded) || transaction.recipients >= MOST_CLAIMS) continue;
    seen.add(folded);
    if (transaction.takesWithoutToken(candidate)) {
      withoutToken ??= candidate;
      continue;
    }
    const disposition = await transaction.recipient(candidate);
    if (disposition !== undefined && !isElsewhere(disposition))
      refused.push({ address: candidate, disposition });
  }
  // What has a token is judged by that, even where it does not hold.
  if (withoutToken === undefined || transaction.recipients + refused.length > 0) return refused;
  const disposition = await transaction.recipient(withoutToken);
  return disposition === undefined ? refused : [{ address: withoutToken, disposition }];
}

/** Tells whether an address is none of ours: most are, in a mailbox that people share with replies. */
export const isElsewhere = ({ reason, detail }: Disposition): boolean =>
  reason === 'no-such-address' && (detail === 'other-domain' || detail === 'no-token' || detail === 'syntax');

async function verdictsOn(
  transaction: Transaction,
  { raw, refusal, receipt }: Arrival,
): Promise<readonly Verdict[] | undefined> {
  return refusal === undefined
    ? await transaction.message(raw, receipt)
    : await transaction.refuseUnread(raw, refusal, receipt);
}

function kindOf(verdicts: readonly Verdict[] | undefined): Arrived['kind'] {
  if (verdicts === undefined || verdicts.some(({ verdict }) => verdict === 'deferred')) return 'deferred';
  return verdicts.some(({ reason }) => reason === 'replayed') ? 'replayed' : 'settled';
}
