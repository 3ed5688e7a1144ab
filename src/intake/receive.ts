/**
 * The gate: who may reply, and what becomes of their message. The order is ARCHITECTURE.md §5.
 *
 * Contract: `transaction` says whether one may begin at all; `recipient` judges an address alone and writes nothing,
 * because Postfix probes it; `message` gives exactly one disposition per claim, in order, and an accepted one only
 * after its commit. It takes an envelope and raw bytes and knows nothing of LMTP.
 * Failure: a broken store rejects, and the caller answers 451; nothing here turns an error into a 5yz.
 */
import { foldAddress, matchRecipient, type RecipientMatch, type ReplyAddressForm } from '../mail/address.ts';
import { judgeSender } from '../mail/authentication.ts';
import { classifyMessage, type Own } from '../mail/automatic.ts';
import type { Disposition, HoldReason, NoSuchAddressReason } from '../mail/disposition.ts';
import { fingerprint } from '../mail/fingerprint.ts';
import { type Header, type HeaderScan, headerValue, headerValues, scanHeader } from '../mail/header.ts';
import { type Mailbox, senderOf } from '../mail/mailbox.ts';
import { messageIdCandidates, normaliseMessageId, parseThreadMessageId } from '../mail/message-id.ts';
import {
  judgeAge,
  parseToken,
  SALT_BYTES,
  type SealedToken,
  type Token,
  userKey,
  verifyBoundAddress,
  verifyBoundReply,
  verifySealedToken,
} from '../mail/token.ts';
import type { Authentication, Directory, NewItem, Queue, User } from '../queue/queue.ts';
import { counted, type RateLimit, type Rates } from './rates.ts';

/** A transaction's sender: the reverse-path without brackets, `''` for the null one. */
export interface Envelope {
  readonly reversePath: string;
}

/** Where a verified reply goes; `repliedTo` in Unix seconds. */
interface Target {
  readonly locator: string;
  readonly repliedTo: number;
}

/** A recipient that passed RCPT: the user, the keys that made the token, and for a sealed one its target. */
export interface Claim {
  readonly user: User;
  readonly token: Token;
  readonly keys: readonly Buffer[];
  readonly target: Target | undefined;
}

/** The verdict on a recipient at RCPT. */
export type RecipientVerdict =
  | { readonly kind: 'claim'; readonly claim: Claim }
  | { readonly kind: 'refused'; readonly disposition: Disposition };

/** The verdict on one claim at the end of data: an item to commit, or an end without one. */
export type Judgement =
  | { readonly kind: 'item'; readonly item: NewItem }
  | { readonly kind: 'end'; readonly disposition: Disposition };

/** A disposition with the message's own id, by which people find it in Postfix's log and in ours. */
export type Verdict = Disposition & { readonly messageId?: string };

/** What the gate decides by. */
export interface GateOptions {
  readonly form: ReplyAddressForm;
  readonly pepper: Uint8Array;
  readonly maxAgeMs: number;
  readonly senderPolicy: Authentication['policy'];
  /** Needed unless the policy is `off`. */
  readonly authservId: string | undefined;
  readonly directory: Directory;
  readonly queue: Pick<Queue, 'accept'>;
  /** Undefined when no rate is limited, and for tools, which look and take nothing. */
  readonly rates?: Pick<Rates, 'reached' | 'take' | 'giveBack'> | undefined;
  /** Whether the store has too little space left to take more. */
  readonly isSpaceLow: () => boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A fresh item id. */
  readonly newId: () => string;
}

/** The gate. */
export interface Gate {
  /** Why no transaction may begin now, if none may: nothing is transferred then that could not be kept. */
  transaction(): Disposition | undefined;
  /** Judges a recipient from its address alone; no side effect on the store. */
  recipient(address: string): Promise<RecipientVerdict>;
  /** Judges a message for one claim, without committing. */
  judge(envelope: Envelope, claim: Claim, raw: Uint8Array): Judgement;
  /** Judges a message for every claim and commits what is accepted; may take `raw`'s memory over. */
  message(envelope: Envelope, claims: readonly Claim[], raw: Uint8Array): Promise<readonly Verdict[]>;
}

/** Builds the gate. */
export function createGate(options: GateOptions): Gate {
  const own: Own = { isOwnAddress: (address) => matchRecipient(options.form, address).kind === 'token' };
  return {
    transaction: () =>
      options.isSpaceLow() ? { verdict: 'deferred', reason: 'storage', detail: 'space is low' } : undefined,
    recipient: (address) => judgeRecipient(options, address),
    judge: (envelope, claim, raw) =>
      judgeMessage(options, own, { envelope, raw, scan: scanHeader(raw) }, claim),
    message: (envelope, claims, raw) =>
      counted(options.rates, claims, async (limits) => {
        const message: Message = { envelope, raw, scan: scanHeader(raw) };
        const judgements = claims.map((claim, index): Judgement => {
          const limit = limits[index];
          return limit === undefined
            ? judgeMessage(options, own, message, claim)
            : { kind: 'end', disposition: rateLimited(limit) };
        });
        const messageId = messageIdOf(message.scan);
        const dispositions = await commit(options.queue, judgements, raw);
        return messageId === undefined
          ? dispositions
          : dispositions.map((disposition) => ({ ...disposition, messageId }));
      }),
  };
}

// ---- RCPT -------------------------------------------------------------------------------------------------------

const noSuchAddress = (detail: NoSuchAddressReason): RecipientVerdict => ({
  kind: 'refused',
  disposition: { verdict: 'rejected', reason: 'no-such-address', detail },
});

/** Stands in for the salt of a user that does not exist, so that the answer takes as long. */
const NO_SALT = new Uint8Array(SALT_BYTES);

/** The MAC is ours, so our clock was set back, or the platform's is fast: both pass, and a 5yz would not. */
const NOT_YET: Disposition = {
  verdict: 'deferred',
  reason: 'unknown',
  detail: 'the post lies in the future by our clock',
};

async function judgeRecipient(options: GateOptions, address: string): Promise<RecipientVerdict> {
  const match: RecipientMatch = matchRecipient(options.form, address);
  if (match.kind !== 'token') return noSuchAddress(match.kind);
  const token = parseToken(match.token);
  if (token === undefined) return noSuchAddress('malformed-token');
  const now = options.now();
  const user = await options.directory.userByNumber(token.userNumber);
  const locator =
    token.form === 'sealed' ? await options.directory.threadByNumber(token.threadNumber) : undefined;
  const keys = keysOf(options.pepper, user, now).filter((key) => verifyAddress(key, token, locator ?? ''));
  if (user === undefined) return noSuchAddress('unknown-user');
  if (token.form === 'sealed' && locator === undefined) return noSuchAddress('unknown-thread');
  if (keys.length === 0) return noSuchAddress('forged');
  // Age before the user's state: only a genuine holder gets here, and disabled looks like unknown.
  if (!user.enabled) return noSuchAddress('disabled-user');
  const target = token.form === 'sealed' ? { locator: locator ?? '', repliedTo: token.repliedTo } : undefined;
  if (target !== undefined) {
    const age = judgeAge(target.repliedTo, now, options.maxAgeMs);
    if (age === 'in-the-future') return { kind: 'refused', disposition: NOT_YET };
    if (age === 'expired')
      return { kind: 'refused', disposition: { verdict: 'rejected', reason: 'expired' } };
  }
  const limit = options.rates?.reached(token);
  if (limit !== undefined) return { kind: 'refused', disposition: rateLimited(limit) };
  return { kind: 'claim', claim: { user, token, keys, target } };
}

const rateLimited = (limit: RateLimit): Disposition => ({
  verdict: 'deferred',
  reason: 'rate-limited',
  detail: limit,
});

function keysOf(pepper: Uint8Array, user: User | undefined, now: number): Buffer[] {
  if (user === undefined) return [userKey(pepper, NO_SALT)];
  return user.salts
    .filter((salt) => salt.endsAt === undefined || salt.endsAt > now)
    .map((salt) => userKey(pepper, salt.salt));
}

function verifyAddress(key: Buffer, token: Token, locator: string): boolean {
  return token.form === 'sealed'
    ? verifySealedToken(key, token satisfies SealedToken, locator)
    : verifyBoundAddress(key, token);
}

// ---- End of data ------------------------------------------------------------------------------------------------

/** A message on its way through the gate; its header is scanned once, however many recipients it has. */
interface Message {
  readonly envelope: Envelope;
  readonly raw: Uint8Array;
  readonly scan: HeaderScan;
}

function judgeMessage(options: GateOptions, own: Own, message: Message, claim: Claim): Judgement {
  const { envelope, raw, scan } = message;
  if (!scan.ok) return discard('malformed', scan.problem);
  const { header } = scan;
  const automatic = classifyMessage(raw, header, envelope.reversePath, own);
  if (automatic !== null && automatic.kind !== 'list') return discard(automatic.kind, automatic.reason);
  const sender = senderOf(header);
  if (!sender.ok) return discard('malformed', `From: ${sender.problem}`);
  const target = claim.target ?? boundTarget(options.form.domain, claim, header);
  if (target === undefined) return discard('forged', 'no Message-ID of ours fits the token');
  const age = judgeAge(target.repliedTo, options.now(), options.maxAgeMs);
  if (age === 'in-the-future') return { kind: 'end', disposition: NOT_YET };
  if (age === 'expired') return discard('expired');
  const { authentication, reason } = authenticate(options, claim.user, header, sender.mailbox);
  if (authentication.policy === 'strict' && authentication.result !== 'pass')
    return discard('spoofed', reason);
  const hold: HoldReason | undefined =
    automatic?.kind === 'list' && authentication.policy === 'off' ? 'list' : undefined;
  return {
    kind: 'item',
    item: newItem(options, { envelope, claim, target, header, raw, authentication, hold }),
  };
}

function discard(
  reason: Extract<Disposition, { verdict: 'discarded' }>['reason'],
  detail?: string,
): Judgement {
  return {
    kind: 'end',
    disposition: { verdict: 'discarded', reason, ...(detail === undefined ? {} : { detail }) },
  };
}

/** The target of a bound token: the id of ours, named by the reply, for which one of the keys made the token. */
function boundTarget(domain: string, claim: Claim, header: Header): Target | undefined {
  const { token } = claim;
  if (token.form !== 'bound') return undefined;
  const candidates = messageIdCandidates(
    headerValues(header, 'in-reply-to'),
    headerValues(header, 'references'),
    domain,
  );
  const id = candidates.find((candidate) =>
    claim.keys.some((key) => verifyBoundReply(key, token, candidate)),
  );
  return id === undefined ? undefined : parseThreadMessageId(id, domain);
}

/** The sender policy: From is one of the user's addresses, and our own filter vouches for it. */
function authenticate(
  { senderPolicy: policy, authservId }: GateOptions,
  user: User,
  header: Header,
  sender: Mailbox,
): { authentication: Authentication; reason: string } {
  if (policy === 'off' || authservId === undefined) {
    return { authentication: { policy, result: 'none' }, reason: 'the sender policy is off' };
  }
  const from = foldAddress(sender.address);
  if (!user.addresses.some((address) => foldAddress(address) === from)) {
    return { authentication: { policy, result: 'fail' }, reason: "From is none of the user's addresses" };
  }
  const { result, reason } = judgeSender(header, sender, { authservId });
  return { authentication: { policy, result }, reason };
}

interface Judged {
  readonly envelope: Envelope;
  readonly claim: Claim;
  readonly target: Target;
  readonly header: Header;
  readonly raw: Uint8Array;
  readonly authentication: Authentication;
  readonly hold: HoldReason | undefined;
}

function messageIdOf(scan: HeaderScan): string | undefined {
  return scan.ok ? normaliseMessageId(headerValue(scan.header, 'message-id') ?? '') : undefined;
}

function newItem(options: GateOptions, judged: Judged): NewItem {
  const { claim, target, header } = judged;
  return {
    id: options.newId(),
    user: claim.user.name,
    thread: target.locator,
    repliedToAt: target.repliedTo * 1000,
    fingerprint: fingerprint(claim.user.number, target.locator, header, judged.raw),
    messageId: messageIdOf({ ok: true, header }),
    reversePath: judged.envelope.reversePath,
    receivedAt: options.now(),
    hold: judged.hold,
    authentication: judged.authentication,
    spam: undefined,
  };
}

async function commit(
  queue: Pick<Queue, 'accept'>,
  judgements: readonly Judgement[],
  raw: Uint8Array,
): Promise<readonly Disposition[]> {
  const items = judgements.flatMap((judgement) => (judgement.kind === 'item' ? [judgement.item] : []));
  const result = items.length === 0 ? undefined : await queue.accept(items, raw);
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
    return { verdict: 'accepted', reason: acceptance.kind, id: acceptance.id };
  });
}
