/**
 * What a reply address means: the token taken apart, and the verdict that the gate gives it now.
 *
 * Contract: the verdict is the gate's own. Every field that can be known is given, even of an address that is
 * refused, and null where it cannot; they are claims of the token until the verdict says that its proof holds.
 */

import { findTarget, judgeReplyAge } from '../gate/message-rules.ts';
import { type Claim, NO_SUCH_ADDRESS } from '../gate/recipient.ts';
import type { Finding } from '../gate/trail.ts';
import { allForms, formatReplyAddress, matchRecipient, mintingForm, TOKEN_CHARS } from '../mail/address.ts';
import type { NoSuchAddressReason } from '../mail/disposition.ts';
import { messageIdCandidates } from '../mail/message-id.ts';
import { containerOf, isDigest } from '../mail/reserved.ts';
import { judgeAge, parseToken, type Token } from '../mail/token.ts';
import type { Config } from '../site/config.ts';
import type { SecretSession } from '../site/session.ts';
import { isoSeconds } from '../system/iso-time.ts';
import { openDryGate } from './dry-gate.ts';
import { invalid } from './fault.ts';

/** `valid`, `needs-in-reply-to` for a bound address alone, or why it is refused. */
type Validity =
  | 'valid'
  | 'needs-in-reply-to'
  | 'without-token'
  | 'expired'
  | 'in-the-future'
  | 'put-off'
  | NoSuchAddressReason;

const EXPLANATIONS: Readonly<Record<Validity, string>> = {
  valid: 'a reply to this address is accepted now',
  'needs-in-reply-to':
    'the address is genuine; --in-reply-to tells whether a reply to that notification is too',
  'without-token':
    'one of matching.addresses: a reply to it needs no token, and is matched by what its author was sent',
  expired: 'the post is older than reply.max_age',
  'in-the-future': 'the post lies in the future by our clock',
  'put-off': 'it cannot be judged now, and a reply is answered 451; the rules say why',
  ...NO_SUCH_ADDRESS,
};

/** The place where a reply would go; `repliedTo` in Unix seconds. */
interface Target {
  readonly locator: string | undefined;
  readonly repliedTo: number;
}

/** The meaning of an address; null where it cannot be known. Times in ISO 8601. */
type AddressMeaning = {
  readonly address: string;
  readonly verdict: Validity;
  readonly explanation: string;
  readonly form: Token['form'] | null;
  readonly user: string | null;
  readonly user_number: number | null;
  readonly thread: string | null;
  /** The posts of a digest; times in ISO 8601. */
  readonly posts:
    | readonly { readonly thread: string; readonly replied_to: string; readonly label: string }[]
    | null;
  /** The container in which a mail to it starts a thread. */
  readonly compose: string | null;
  readonly thread_number: number | null;
  readonly replied_to: string | null;
  readonly expires_at: string | null;
};

/** The meaning of an address, and what each rule at RCPT saw. */
export interface Explanation {
  readonly row: AddressMeaning;
  readonly rules: readonly Finding[];
}

/** Explains an address, or a bare token. */
export async function explainAddress(
  session: SecretSession,
  address: string,
  inReplyTo: string | undefined,
): Promise<Explanation> {
  const { config, store } = session;
  // A token alone, as the database of a platform may hold it, is explained as well.
  const isToken = address.length === TOKEN_CHARS && !address.includes('@');
  const whole = isToken ? formatReplyAddress(mintingForm(config.reply), address) : address;
  const match = matchRecipient(allForms(config.reply), whole);
  const token = match.kind === 'token' ? parseToken(match.token) : undefined;
  const user = token === undefined ? undefined : await store.userByNumber(token.userNumber);
  const sealed = await sealedTarget(session, token);
  const rules: Finding[] = [];
  const [verdict, target = sealed] = await judge(session, whole, sealed, inReplyTo, rules);
  const maxAgeSeconds = Math.floor(config.reply.maxAgeMs / 1000);
  const row = {
    address,
    verdict,
    explanation: EXPLANATIONS[verdict],
    form: token?.form ?? null,
    user: user?.name ?? null,
    user_number: token?.userNumber ?? null,
    ...(await placeOf(session, await threadNow(session, token, target))),
    thread_number: token?.form === 'sealed' ? token.threadNumber : null,
    replied_to: target === undefined ? null : isoSeconds(target.repliedTo),
    expires_at: target === undefined ? null : isoSeconds(target.repliedTo + maxAgeSeconds),
  };
  return { row, rules };
}

/** Says where a reply would go: to a thread, to posts of a digest, or into a container. */
async function placeOf(
  { store }: SecretSession,
  locator: string | undefined,
): Promise<Pick<AddressMeaning, 'thread' | 'posts' | 'compose'>> {
  const compose = locator === undefined ? undefined : containerOf(locator);
  if (compose !== undefined) return { thread: null, posts: null, compose };
  if (locator === undefined || !isDigest(locator))
    return { thread: locator ?? null, posts: null, compose: null };
  const posts = (await store.digestPosts(locator)) ?? [];
  const shown = posts.map(({ thread, repliedToAt, label }) => {
    return { thread, replied_to: isoSeconds(repliedToAt / 1000), label };
  });
  return { thread: null, posts: shown, compose: null };
}

/** Gives the name that the thread has now. */
async function threadNow(
  { store }: SecretSession,
  token: Token | undefined,
  target: Target | undefined,
): Promise<string | undefined> {
  if (token?.form === 'sealed' || target?.locator === undefined) return target?.locator;
  return store.locatorNow(target.locator, target.repliedTo * 1000);
}

/** Reads what a sealed token says of itself. */
async function sealedTarget({ store }: SecretSession, token: Token | undefined): Promise<Target | undefined> {
  if (token?.form !== 'sealed') return undefined;
  return { locator: await store.threadByNumber(token.threadNumber), repliedTo: token.repliedTo };
}

async function judge(
  session: SecretSession,
  address: string,
  sealed: Target | undefined,
  inReplyTo: string | undefined,
  rules: Finding[],
): Promise<[Validity, Target?]> {
  const recipient = await openDryGate(session).recipient(address, rules);
  if (recipient.kind === 'claim') {
    const { claim } = recipient;
    return claim.target === undefined ? judgeBound(session, claim, inReplyTo, rules) : ['valid'];
  }
  if (recipient.kind === 'unmatched') return ['without-token'];
  const { disposition } = recipient;
  if (disposition.verdict === 'rejected' && disposition.reason === 'no-such-address') {
    return [disposition.detail];
  }
  if (disposition.verdict === 'deferred' && disposition.reason !== 'unknown') return ['put-off'];
  return [sealed === undefined ? 'expired' : ageOf(session.config, sealed.repliedTo)];
}

/** Judges a genuine bound address once the notification is known. */
function judgeBound(
  { config }: SecretSession,
  claim: Claim,
  inReplyTo: string | undefined,
  rules: Finding[],
): [Validity, Target?] {
  if (inReplyTo === undefined) return ['needs-in-reply-to'];
  const { domain: domains, maxAgeMs } = config.reply;
  if (messageIdCandidates([inReplyTo], [], domains).length === 0) {
    throw invalid(
      'in_reply_to',
      `--in-reply-to "${inReplyTo}": is not a Message-ID such as <thread/seconds@${domains[0]}>`,
    );
  }
  const header = { fields: [{ name: 'in-reply-to', value: inReplyTo }], bodyOffset: 0 };
  const asked = {
    gate: { forms: allForms(config.reply), maxAgeMs, now: Date.now },
    claim,
    header,
    trail: rules,
  };
  const found = findTarget(asked);
  if (found.kind === 'end') return ['forged'];
  const { target } = found;
  judgeReplyAge(asked, target);
  return [ageOf(config, target.repliedTo), target];
}

function ageOf({ reply }: Config, repliedTo: number): 'valid' | 'expired' | 'in-the-future' {
  return judgeAge(repliedTo, Date.now(), reply.maxAgeMs);
}
