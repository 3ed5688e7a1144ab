/**
 * The gate: who may reply, and what becomes of their message. The order is docs/how-it-works.md, The gate.
 *
 * Contract: `transaction` says whether one may begin at all; `recipient` judges an address alone and writes nothing,
 * because Postfix probes it; `message` gives exactly one disposition per claim, in order, and an accepted one only
 * after its commit. It takes an envelope and raw bytes and knows nothing of LMTP. Asked to, it tells what each rule
 * saw. The rules themselves: recipient.ts at RCPT, judging.ts at the end of data; case.ts is what they take.
 * Failure: a broken store rejects, and the caller answers 451; nothing here turns an error into a 5yz.
 */
import { foldAddress, matchRecipient } from '../mail/address.ts';
import type { Own } from '../mail/automatic.ts';
import type { Disposition, MatchRule, SpoofCause } from '../mail/disposition.ts';
import type { Acceptance } from '../store/acceptance.ts';
import type { CallFate, Receipt, Receipts } from '../store/receipts.ts';
import { type Envelope, type Message, type MessageNames, messageOf, namesOf } from './case.ts';
import { Charges } from './charges.ts';
import { isReply, type Judgement, judgeMessage, tellRefused } from './judging.ts';
import type { MatchGround } from './matching.ts';
import {
  type Claim,
  doubtful,
  judgeRecipient,
  type RecipientOptions,
  type RecipientVerdict,
  takesWithoutToken,
  type Unmatched,
} from './recipient.ts';
import type { GateRules } from './rules.ts';
import type { End, Trail } from './trail.ts';

/** A disposition with the message's own id, by which people find it in Postfix's log and in ours, and its spam verdict. */
export type Verdict = Disposition &
  MessageNames & {
    /** Undefined where no filter was asked. */
    readonly spam?: 'yes' | 'no' | 'unchecked' | undefined;
    readonly spamScore?: number | undefined;
    /** Of a reply without a token: the rule that found it, whose it is, and where it goes. */
    readonly matched?: { readonly by: MatchRule; readonly user: string; readonly thread: string } | undefined;
  };

/** The options of the gate, by which it decides. */
export interface GateOptions extends RecipientOptions, Omit<GateRules, 'own'> {
  readonly queue: Acceptance;
  /** Takes the receipts of messages that no item is made of; needed by sources that give any. */
  readonly receipts?: Receipts | undefined;
  /** Who was sent what; needed where replies without a token are matched. */
  readonly notified?: MatchGround['notified'] | undefined;
  /** How our own mail is recognised beside its reply addresses. */
  readonly notices?: { readonly from: readonly string[]; readonly loopTokens: readonly string[] } | undefined;
  /** Tells whether the store has too little space left to take more. */
  readonly isSpaceLow: () => boolean;
  /** Why the store can promise nothing any more, if so. */
  readonly storeLoss?: (() => string | undefined) | undefined;
  /** Tells whether nobody reads the log, so that no verdict could be seen. */
  readonly isLogStalled: () => boolean;
}

/** The gate. Whoever gives it a trail gets a finding from every rule that was reached. */
export interface Gate {
  /** Says why no transaction may begin now, if none may. Nothing is transferred then that could not be kept. */
  transaction(): Disposition | undefined;
  /** Judges a recipient from its address alone; no side effect on the store. */
  recipient(address: string, trail?: Trail): Promise<RecipientVerdict>;
  /** Tells whether an address takes mail without a token. */
  takesWithoutToken(address: string): boolean;
  /** Judges a message for one claim, without committing. */
  judge(envelope: Envelope, claim: Claim | Unmatched, raw: Uint8Array, trail?: Trail): Promise<Judgement>;
  /**
   * Judges a message for every claim and commits what is accepted; may take `raw`'s memory over. A receipt is written
   * in the same commit, unless the message has to come again for some claim.
   */
  message(
    envelope: Envelope,
    claims: readonly (Claim | Unmatched)[],
    raw: Uint8Array,
    receipt?: Receipt,
  ): Promise<readonly Verdict[]>;
  /**
   * Refuses a message for every claim of which only the header was read; tells its author where the rules for a reply
   * pass them, and writes its receipt.
   */
  refuse(
    envelope: Envelope,
    claims: readonly (Claim | Unmatched)[],
    header: Uint8Array,
    refusal: Disposition,
    receipt: Receipt,
  ): Promise<readonly Verdict[]>;
  /** Writes the receipt of a message that was for nobody. */
  pass(receipt: Receipt): Promise<CallFate>;
}

/** Builds the gate. */
export function createGate(options: GateOptions): Gate {
  const rules: GateRules = { ...options, own: ownOf(options) };
  return {
    transaction: () => {
      const why = options.storeLoss?.();
      if (why !== undefined) return doubtful({ reason: 'store', why });
      if (options.isSpaceLow()) return { verdict: 'deferred', reason: 'storage', detail: 'space is low' };
      if (options.isLogStalled())
        return { verdict: 'deferred', reason: 'log', detail: 'nobody reads the log' };
      return undefined;
    },
    recipient: (address, trail) => judgeRecipient(options, address, trail),
    takesWithoutToken: (address) => takesWithoutToken(options, address),
    judge: async (envelope, claim, raw, trail) => {
      const message = messageOf(envelope, raw);
      const own = { ...rules, ...envelope.rules };
      const claims = await matchAll(options, own, message, [claim], trail);
      const [judgement] = await judgeMessage(own, message, claims, () => undefined, trail);
      if (judgement === undefined) throw new Error('a claim without a judgement');
      return judgement;
    },
    pass: (receipt) => pass(options, receipt),
    refuse: (...given) => refuseUnread(options, rules, ...given),
    message: async (envelope, recipients, raw, receipt) => {
      const message = messageOf(envelope, raw);
      const own = envelope.rules === undefined ? rules : { ...rules, ...envelope.rules };
      const claims = await matchAll(options, own, message, recipients, undefined);
      const charges = new Charges(options.rates, claims);
      try {
        const judgements = await judgeMessage(own, message, claims, charges.take, undefined);
        const dispositions = await commit(options, judgements, raw, receipt);
        charges.keep(dispositions);
        return dispositions.map((disposition, index) => ({
          ...disposition,
          ...namesOf(message, disposition),
          ...(own.spam && spamOf(judgements[index])),
          ...matchedOf(claims[index]),
        }));
      } finally {
        charges.giveBack();
      }
    },
  };
}

/** Refuses a message of which only the header was read. */
async function refuseUnread(
  options: GateOptions,
  rules: GateRules,
  ...[envelope, recipients, header, refusal, receipt]: Parameters<Gate['refuse']>
): Promise<readonly Verdict[]> {
  const message = messageOf(envelope, header);
  const own = { ...rules, ...envelope.rules };
  const claims = await matchAll(options, own, message, recipients, undefined);
  // Before the receipt: after a crash the message comes again, and a second notice of the day is none.
  for (const claim of claims) {
    const notice = 'kind' in claim ? undefined : tellRefused(own, message, claim);
    if (notice !== undefined) await options.authorNotices?.add(notice);
  }
  const fate = await pass(options, receipt);
  const disposition: Disposition = fate === 'new' ? refusal : { verdict: 'discarded', reason: fate };
  return claims.map((claim) => {
    const own = 'kind' in claim ? claim.disposition : disposition;
    return { ...own, ...namesOf(message, own) };
  });
}

/** Finds whose the mail is that came without a token; its code is loaded by the first one. */
async function matchAll(
  { directory, notified, now }: GateOptions,
  rules: GateRules,
  message: Message,
  recipients: readonly (Claim | Unmatched)[],
  trail: Trail,
): Promise<readonly (Claim | End)[]> {
  const claims = recipients.filter((each) => each.user !== undefined);
  if (claims.length === recipients.length) return claims;
  if (notified === undefined) throw new Error('mail without a token, and nothing to match it by');
  const { matchReply } = await import('./matching.ts');
  const ground = { rules, directory, notified, now, message, trail };
  const matched = await matchReply(ground, claims.length > 0);
  return recipients.map((each) => (each.user === undefined ? matched : each));
}

function matchedOf(claim: Claim | End | undefined): Pick<Verdict, 'matched'> {
  if (claim === undefined || 'kind' in claim || claim.proof.kind === 'token') return {};
  const { user, proof, target } = claim;
  return { matched: { by: proof.by, user: user.name, thread: target?.locator ?? '' } };
}

/** Builds the marks of our own mail: a reply address, or those of a notice. */
function ownOf({ forms, notices }: GateOptions): Own {
  const senders = notices?.from.map((each) => foldAddress(each)) ?? [];
  return {
    isOwnAddress: (address) =>
      matchRecipient(forms, address).kind === 'token' || senders.includes(foldAddress(address)),
    ...(notices === undefined ? {} : { loopTokens: notices.loopTokens }),
  };
}

function spamOf(judgement: Judgement | undefined): Pick<Verdict, 'spam' | 'spamScore'> | undefined {
  if (judgement === undefined || !isReply(judgement)) return undefined;
  const { spam } = judgement.item;
  return spam === undefined
    ? { spam: 'unchecked' }
    : { spam: spam.flagged ? 'yes' : 'no', spamScore: spam.score };
}

async function commit(
  options: Pick<GateOptions, 'queue' | 'receipts' | 'authorNotices'>,
  judgements: readonly Judgement[],
  raw: Uint8Array,
  receipt: Receipt | undefined,
): Promise<readonly Disposition[]> {
  const { queue, authorNotices } = options;
  // Before the items, which may take the memory of the message over.
  for (const judgement of judgements) {
    if (judgement.kind === 'end' && judgement.notice !== undefined)
      await authorNotices?.add(judgement.notice);
  }
  const items = judgements.flatMap((judgement) => (judgement.kind === 'item' ? [judgement.item] : []));
  // Whoever is put off comes again, with all the others.
  const signed = receipt === undefined || judgements.some(isPutOff) ? undefined : receipt;
  if (items.length === 0 && signed !== undefined) {
    const fate = await pass(options, signed);
    if (fate !== 'new') return judgements.map(() => ({ verdict: 'discarded', reason: fate }) as const);
  }
  const result = items.length === 0 ? undefined : await queue.accept(items, raw, undefined, signed);
  if (result?.kind === 'repeated' || result?.kind === 'replayed') {
    const { kind: reason } = result;
    return judgements.map(() => ({ verdict: 'discarded', reason }) as const);
  }
  const acceptances = result?.kind === 'committed' ? [...result.acceptances] : [];
  return judgements.map((judgement): Disposition => {
    if (judgement.kind === 'end') return judgement.disposition;
    if (result?.kind === 'storage-full') {
      return { verdict: 'deferred', reason: 'storage', detail: result.detail };
    }
    const acceptance = acceptances.shift();
    // A store that answers for fewer items than it was given has promised nothing.
    if (acceptance === undefined)
      return { verdict: 'deferred', reason: 'unknown', detail: 'no answer from the store' };
    const { kind: reason, id } = acceptance;
    return { verdict: 'accepted', reason, id, ...(reason === 'held' && whyHeld(judgement)) };
  });
}

const isPutOff = (judgement: Judgement): boolean =>
  judgement.kind === 'end' && judgement.disposition.verdict === 'deferred';

/** Writes a receipt by itself. */
async function pass({ receipts }: Pick<GateOptions, 'receipts'>, receipt: Receipt): Promise<CallFate> {
  if (receipts === undefined) throw new Error('a receipt without a place for it');
  if (receipt.kind === 'call') return await receipts.passCall(receipt);
  await receipts.passMessage(receipt);
  return 'new';
}

/** Says what a hold of the sender policy rests on. */
function whyHeld({ item: { holdDetail }, holdCause }: Extract<Judgement, { kind: 'item' }>): {
  detail?: string;
  cause?: SpoofCause;
} {
  return { ...(holdDetail !== undefined && { detail: holdDetail }), ...(holdCause && { cause: holdCause }) };
}
