/**
 * The rules at RCPT: what an address says by itself.
 *
 * Contract: nothing is written, because Postfix probes addresses; the proof is computed for unknown users too, so
 * that the answer takes as long; age comes after the proof, because only a genuine holder may learn of it.
 * Failure: a broken store rejects.
 */
import { foldAddress, matchRecipient, type RecipientMatch, type ReplyAddressForm } from '../mail/address.ts';
import type { Disposition, MatchRule, NoSuchAddressReason } from '../mail/disposition.ts';
import { addressMaxAgeMs } from '../mail/probe.ts';
import { containerOf } from '../mail/reserved.ts';
import {
  judgeAge,
  parseToken,
  SALT_BYTES,
  type SealedToken,
  type Token,
  userKey,
  verifyBoundAddress,
  verifySealedToken,
} from '../mail/token.ts';
import type { Directory, User } from '../store/directory.ts';
import type { Restore, Restores } from '../store/restores.ts';
import { type Rates, rateLimited } from './rates.ts';
import { endAt, type Rule, sawAge, type Trail } from './trail.ts';

/** The place where a verified reply goes; `repliedTo` in Unix seconds. */
export interface Target {
  readonly locator: string;
  readonly repliedTo: number;
  /** The thread's number, where the address says it. */
  readonly threadNumber?: number | undefined;
  /** The locator that the address was made for, where the thread has another one now. */
  readonly formerly?: string | undefined;
}

/** The proof that the user may reply: a token, and those of the user's keys that made it. */
interface TokenProof {
  readonly kind: 'token';
  readonly token: Token;
  readonly keys: readonly Buffer[];
}

/** The proof of a reply without a token: it is to a notification that this very user was sent (matching.ts). */
interface MatchProof {
  readonly kind: 'matched';
  readonly by: MatchRule;
  /** The threads that it may be to, by their locators of today, the likeliest first; several are for the operator. */
  readonly threads: readonly string[];
}

/** A recipient that is somebody's: the user, what proves it, and where it goes if the address alone says so. */
export interface Claim {
  readonly user: User;
  readonly proof: TokenProof | MatchProof;
  readonly target: Target | undefined;
}

/** A recipient that takes mail without a token: whose it is shows the message. */
export interface Unmatched {
  readonly address: string;
  readonly user?: undefined;
  readonly target?: undefined;
}

/** How replies without a token are matched. */
export interface MatchingRules {
  /** The rules that are tried. */
  readonly by: readonly MatchRule[];
  /** The addresses that such replies are written to. */
  readonly addresses: readonly string[];
  /** How long after a notification its Subject counts, in milliseconds. */
  readonly withinMs: number;
}

/** The verdict on a recipient at RCPT. */
export type RecipientVerdict =
  | { readonly kind: 'claim'; readonly claim: Claim }
  | { readonly kind: 'unmatched'; readonly claim: Unmatched }
  | { readonly kind: 'refused'; readonly disposition: Disposition };

/**
 * The reason why no address can be judged: another pepper than the store's, under which no proof holds, or a store
 * that is lost.
 */
export interface Doubt {
  readonly reason: 'pepper' | 'store';
  /** In words. */
  readonly why: string;
}

/** The options of judging addresses. */
export interface RecipientOptions {
  /** The forms of reply addresses, the one of new ones first. */
  readonly forms: readonly ReplyAddressForm[];
  /** The peppers under which proofs hold. */
  readonly peppers: readonly Uint8Array[];
  readonly maxAgeMs: number;
  readonly directory: Directory & Restores;
  /** Why no address can be judged now, if none can; without it all can. */
  readonly doubt?: (() => Doubt | undefined | Promise<Doubt | undefined>) | undefined;
  /** Undefined when no rate is limited, and for tools, which look and take nothing. */
  readonly rates?: Pick<Rates, 'reached' | 'take' | 'giveBack'> | undefined;
  /** Whether mail may start threads; it may not unless given. */
  readonly compose?: boolean | undefined;
  /** Undefined where no reply without a token is taken. */
  readonly matching?: MatchingRules | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What each reason means, in words. */
export const NO_SUCH_ADDRESS: Readonly<Record<NoSuchAddressReason, string>> = {
  syntax: 'this is no mail address',
  'other-domain': 'the domain is not reply.domain',
  'no-token': 'the local part is not reply.prefix and a token',
  'malformed-token': 'what stands after the prefix is no token',
  'unknown-user': 'the user it names does not exist, or not any more',
  'disabled-user': 'the user is disabled',
  unmatched: 'the mail has no token, and is to no notification that its author was sent',
  'compose-off': 'it starts threads, which reply.compose does not let it',
  'unknown-thread': 'the thread number it names does not exist in this store',
  forged: 'the proof does not hold: made up, altered, made elsewhere, or void since the salt was rotated',
};

/** The MAC is ours, so our clock was set back, or the platform's is fast: both pass, and a 5yz would not. */
export const NOT_YET = {
  verdict: 'deferred',
  reason: 'unknown',
  detail: 'the post lies in the future by our clock',
} as const satisfies Disposition;

/** Defers what cannot be judged: a 5yz would hit genuine addresses as well. */
export function doubtful({ reason, why: detail }: Doubt): Extract<Disposition, { verdict: 'deferred' }> {
  return { verdict: 'deferred', reason, detail };
}

/** Stands in for the salt of a user that does not exist, so that the answer takes as long. */
const NO_SALT = new Uint8Array(SALT_BYTES);

/** An address on its way through the rules at RCPT. */
interface Asked {
  readonly gate: RecipientOptions;
  readonly now: number;
  readonly trail: Trail;
}

/** Judges a recipient from its address alone. */
export async function judgeRecipient(
  gate: RecipientOptions,
  address: string,
  trail: Trail,
): Promise<RecipientVerdict> {
  const asked: Asked = { gate, now: gate.now(), trail };
  const match: RecipientMatch = matchRecipient(gate.forms, address);
  if (match.kind !== 'token' && !takesWithoutToken(gate, address))
    return refuse(asked, 'address', match.kind);
  if (match.kind !== 'token') return await judgeWithoutToken(asked, address);
  const token = parseToken(match.token);
  if (token === undefined) return refuse(asked, 'token', 'malformed-token');
  trail?.push({ rule: 'address', result: 'pass', saw: `a ${token.form} address of reply.domain` });
  const doubt = await gate.doubt?.();
  if (doubt !== undefined) return putOff(asked, 'token', doubtful(doubt));
  return judgeToken(asked, token);
}

/** Tells whether an address is one of those that replies without a token are written to. */
export function takesWithoutToken(
  { matching }: Pick<RecipientOptions, 'matching'>,
  address: string,
): boolean {
  if (matching === undefined) return false;
  const folded = foldAddress(address);
  return matching.addresses.some((each) => foldAddress(each) === folded);
}

/** Takes an address without a token for as long as the store can be believed: the message tells more. */
async function judgeWithoutToken(asked: Asked, address: string): Promise<RecipientVerdict> {
  asked.trail?.push({
    rule: 'address',
    result: 'pass',
    saw: 'one of matching.addresses: the message decides',
  });
  const doubt = await asked.gate.doubt?.();
  if (doubt !== undefined) return putOff(asked, 'address', doubtful(doubt));
  return { kind: 'unmatched', claim: { address } };
}

/** Judges a token by its user, its proof, and its age. */
async function judgeToken(asked: Asked, token: Token): Promise<RecipientVerdict> {
  const { gate, now, trail } = asked;
  // Both at once: where the store is another host each costs a way there and back.
  const [user, locators] = await Promise.all([
    gate.directory.userByNumber(token.userNumber),
    token.form === 'sealed' ? gate.directory.locatorsOf(token.threadNumber) : [],
  ]);
  const [locator] = locators;
  // Each key is tried with each name that the thread has had, whichever fits, so that the time taken tells nothing.
  const proofs = keysOf(gate.peppers, user, now).flatMap((key) =>
    (locators.length === 0 ? [''] : locators)
      .map((minted) => ({ key, minted, holds: verifyAddress(key, token, minted) }))
      .filter(({ holds }) => holds),
  );
  const keys = proofs.map(({ key }) => key);
  if (user === undefined || keys.length === 0) {
    // Asked of a forged one as well, so that the answer takes as long.
    const restored = await gate.directory.lastRestore();
    if (user === undefined) return unknown(asked, restored, 'user', token.userNumber);
    if (token.form === 'bound' || locator !== undefined) return refuse(asked, 'token', 'forged');
    return unknown(asked, restored, 'thread', token.threadNumber);
  }
  const target = token.form === 'sealed' ? sealedTarget(token, locator ?? '', proofs[0]?.minted) : undefined;
  trail?.push({ rule: 'token', result: 'pass', saw: sawProof(user, target) });
  // Age before the user's state: only a genuine holder gets here, and disabled looks like unknown.
  if (!user.enabled) return refuse(asked, 'user', 'disabled-user');
  trail?.push({ rule: 'user', result: 'pass', saw: `${user.name}, enabled` });
  if (isComposeOff(gate, target)) return refuse(asked, 'token', 'compose-off');
  const expired = target === undefined ? undefined : judgeTargetAge(asked, target);
  if (expired !== undefined) return expired;
  const limit = gate.rates?.reached(token);
  return limit === undefined
    ? { kind: 'claim', claim: { user, proof: { kind: 'token', token, keys }, target } }
    : { kind: 'refused', disposition: rateLimited(limit).disposition };
}

const isComposeOff = ({ compose }: RecipientOptions, target: Target | undefined): boolean =>
  target !== undefined && containerOf(target.locator) !== undefined && compose !== true;

function sealedTarget(
  { threadNumber, repliedTo }: SealedToken,
  locator: string,
  minted: string | undefined,
): Target {
  return { locator, repliedTo, threadNumber, formerly: minted === locator ? undefined : minted };
}

/** A recipient that is refused, for good or for now. */
type Refused = Extract<RecipientVerdict, { kind: 'refused' }>;

/** Judges the age of a sealed address; a bound one does not say it before In-Reply-To is known. */
function judgeTargetAge(asked: Asked, target: Target): Refused | undefined {
  const { gate, now, trail } = asked;
  const { repliedTo } = target;
  const limitMs = addressMaxAgeMs(target, gate.maxAgeMs);
  const age = judgeAge(repliedTo, now, limitMs);
  const saw = trail && sawAge(repliedTo, now, limitMs);
  if (age === 'valid') {
    if (saw !== undefined) trail?.push({ rule: 'age', result: 'pass', saw });
    return undefined;
  }
  const disposition = age === 'expired' ? ({ verdict: 'rejected', reason: 'expired' } as const) : NOT_YET;
  return { kind: 'refused', disposition: endAt(asked, 'age', disposition, saw).disposition };
}

function refuse(asked: Asked, rule: Rule, detail: NoSuchAddressReason): Refused {
  const disposition = { verdict: 'rejected', reason: 'no-such-address', detail } as const;
  return {
    kind: 'refused',
    disposition: endAt(asked, rule, disposition, NO_SUCH_ADDRESS[detail]).disposition,
  };
}

/** How long after a restore numbers that its backup did not know are put off: long enough to mend it. */
export const RESTORED_FOR_MS = 86_400_000;

/** Refuses a number that the store does not know; one that a restore may have lost is put off for a day. */
function unknown(
  asked: Asked,
  restored: Restore | undefined,
  kind: 'user' | 'thread',
  number: number,
): Refused {
  const { known, upTo } = restored?.[`${kind}s`] ?? { known: 0, upTo: 0 };
  const isRecent = restored !== undefined && asked.now - restored.restoredAt < RESTORED_FOR_MS;
  if (!isRecent || number <= known || number > upTo) return refuse(asked, 'token', `unknown-${kind}`);
  const backup = new Date(restored.backedUpAt).toISOString();
  const detail = `${kind} number ${number} is newer than this store's backup of ${backup}`;
  return putOff(asked, 'token', { verdict: 'deferred', reason: 'restored', detail });
}

/** Refuses for now: Postfix comes again. */
function putOff(
  asked: Asked,
  rule: Rule,
  disposition: Extract<Disposition, { verdict: 'deferred' }>,
): Refused {
  return { kind: 'refused', disposition: endAt(asked, rule, disposition).disposition };
}

function sawProof(user: User, target: Target | undefined): string {
  const thread = target === undefined ? 'In-Reply-To or References must name the thread' : target.locator;
  const formerly = target?.formerly === undefined ? '' : `, which was ${target.formerly} when it was made`;
  return `made by a salt of ${user.name} that is good now; thread: ${thread}${formerly}`;
}

/** Derives a key from each pepper and each salt that is good now; as many for a user that does not exist. */
function keysOf(peppers: readonly Uint8Array[], user: User | undefined, now: number): Buffer[] {
  const salts =
    user === undefined
      ? [NO_SALT]
      : user.salts.filter(({ endsAt }) => endsAt === undefined || endsAt > now).map(({ salt }) => salt);
  return peppers.flatMap((pepper) => salts.map((salt) => userKey(pepper, salt)));
}

function verifyAddress(key: Buffer, token: Token, locator: string): boolean {
  return token.form === 'sealed'
    ? verifySealedToken(key, token satisfies SealedToken, locator)
    : verifyBoundAddress(key, token);
}
