/**
 * What a reply address means: the token taken apart, and the verdict that the gate gives it now.
 *
 * Contract: the verdict is the gate's own. Every field that can be known is given, even of an address that is
 * refused, and null where it cannot; they are claims of the token until the verdict says that its proof holds.
 */
import type { Claim } from '../intake/receive.ts';
import { formatReplyAddress, matchRecipient, TOKEN_CHARS } from '../mail/address.ts';
import type { NoSuchAddressReason } from '../mail/disposition.ts';
import { messageIdCandidates, parseThreadMessageId } from '../mail/message-id.ts';
import { judgeAge, parseToken, type Token, verifyBoundReply } from '../mail/token.ts';
import { openDryGate } from './dry-gate.ts';
import { badInput } from './fault.ts';
import type { Row } from './print.ts';
import type { SecretSession } from './session.ts';
import { isoSeconds } from './time.ts';

/** `valid`, `needs-in-reply-to` for a bound address alone, or why it is refused. */
type Verdict = 'valid' | 'needs-in-reply-to' | 'expired' | 'in-the-future' | NoSuchAddressReason;

const EXPLANATIONS: Readonly<Record<Verdict, string>> = {
  valid: 'a reply to this address is accepted now',
  'needs-in-reply-to':
    'the address is genuine; --in-reply-to tells whether a reply to that notification is too',
  expired: 'the post is older than reply.max_age',
  'in-the-future': 'the post lies in the future by our clock',
  syntax: 'this is no mail address',
  'other-domain': 'the domain is not reply.domain',
  'no-token': 'the local part is not reply.prefix and a token',
  'malformed-token': 'what stands after the prefix is no token',
  'unknown-user': 'the user it names does not exist, or not any more',
  'disabled-user': 'the user is disabled',
  'unknown-thread': 'the thread number it names does not exist in this store',
  forged: 'the proof does not hold: made up, altered, made elsewhere, or void since the salt was rotated',
};

/** Where a reply would go; `repliedTo` in Unix seconds. */
interface Target {
  readonly locator: string | undefined;
  readonly repliedTo: number;
}

/** Explains an address, or a bare token, as one row. */
export async function explainAddress(
  session: SecretSession,
  address: string,
  inReplyTo: string | undefined,
): Promise<Row> {
  const { config, store } = session;
  // A token alone, as the database of a platform may hold it, is explained as well.
  const isToken = address.length === TOKEN_CHARS && !address.includes('@');
  const whole = isToken ? formatReplyAddress(config.reply, address) : address;
  const match = matchRecipient(config.reply, whole);
  const token = match.kind === 'token' ? parseToken(match.token) : undefined;
  const user = token === undefined ? undefined : await store.userByNumber(token.userNumber);
  const sealed = await sealedTarget(session, token);
  const [verdict, target = sealed] = await judge(session, whole, sealed, inReplyTo);
  const maxAgeSeconds = Math.floor(config.reply.maxAgeMs / 1000);
  return {
    address,
    verdict,
    explanation: EXPLANATIONS[verdict],
    form: token?.form ?? null,
    user: user?.name ?? null,
    user_number: token?.userNumber ?? null,
    thread: target?.locator ?? null,
    thread_number: token?.form === 'sealed' ? token.threadNumber : null,
    replied_to: target === undefined ? null : isoSeconds(target.repliedTo),
    expires_at: target === undefined ? null : isoSeconds(target.repliedTo + maxAgeSeconds),
  };
}

/** What a sealed token says of itself. */
async function sealedTarget({ store }: SecretSession, token: Token | undefined): Promise<Target | undefined> {
  if (token?.form !== 'sealed') return undefined;
  return { locator: await store.threadByNumber(token.threadNumber), repliedTo: token.repliedTo };
}

async function judge(
  session: SecretSession,
  address: string,
  sealed: Target | undefined,
  inReplyTo: string | undefined,
): Promise<[Verdict, Target?]> {
  const recipient = await openDryGate(session).recipient(address);
  if (recipient.kind === 'claim') {
    return recipient.claim.target === undefined ? judgeBound(session, recipient.claim, inReplyTo) : ['valid'];
  }
  const { disposition } = recipient;
  if (disposition.verdict === 'rejected' && disposition.reason === 'no-such-address') {
    return [disposition.detail];
  }
  return [sealed === undefined ? 'expired' : ageOf(session, sealed.repliedTo)];
}

/** The verdict on a genuine bound address once the notification is known. */
function judgeBound(
  session: SecretSession,
  { token, keys }: Claim,
  inReplyTo: string | undefined,
): [Verdict, Target?] {
  if (token.form !== 'bound' || inReplyTo === undefined) return ['needs-in-reply-to'];
  const { domain } = session.config.reply;
  const candidates = messageIdCandidates([inReplyTo], [], domain);
  if (candidates.length === 0) {
    throw badInput(`--in-reply-to "${inReplyTo}": is not a Message-ID such as <thread/seconds@${domain}>`);
  }
  const id = candidates.find((candidate) => keys.some((key) => verifyBoundReply(key, token, candidate)));
  const target = id === undefined ? undefined : parseThreadMessageId(id, domain);
  return target === undefined ? ['forged'] : [ageOf(session, target.repliedTo), target];
}

function ageOf({ config }: SecretSession, repliedTo: number): 'valid' | 'expired' | 'in-the-future' {
  return judgeAge(repliedTo, Date.now(), config.reply.maxAgeMs);
}
