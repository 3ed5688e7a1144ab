/**
 * Bounces of our own notifications: mail with the null reverse-path to a reply address.
 *
 * Contract: never answered and never posted as a reply; an item that tells the platform, once for each bounce. What the
 * address proves depends on its token: a sealed one names user and thread. Of a bound one the part that RCPT verifies
 * names the user alone; its thread is proven by the notification's Message-ID, if the bounce returns it, and else
 * unknown. What the bounce says is proven by nothing: whoever holds the address can write one.
 */
import { formatReplyAddress } from '../mail/address.ts';
import { encodeBase32 } from '../mail/base32.ts';
import { parseBounce, returnedMessageId } from '../mail/bounce.ts';
import { fingerprint } from '../mail/fingerprint.ts';
import { type Header, headerValue, headerValues } from '../mail/header.ts';
import { messageIdCandidates, normaliseMessageId, parseThreadMessageId } from '../mail/message-id.ts';
import { verifyBoundReply } from '../mail/token.ts';
import type { NewItem } from '../store/item.ts';
import type { Case } from './case.ts';
import type { Claim, Target } from './recipient.ts';

/** Makes the item of a bounce; undefined for a report in which nothing failed, and for mail that states nothing. */
export function bounceItem({ gate, claim, message, header }: Case): NewItem | undefined {
  const { forms, now, newId } = gate;
  const { raw } = message;
  // Whose bounce it is says the token that came back.
  if (claim.proof.kind !== 'token') return undefined;
  const token = encodeBase32(claim.proof.token.bytes);
  const bounce = parseBounce(
    raw,
    forms.map((form) => formatReplyAddress(form, token)),
  );
  // Nothing stated is no bounce: people on holiday have the null reverse-path as well.
  if (bounce === null || (bounce.status ?? bounce.action ?? bounce.diagnostic) === undefined)
    return undefined;
  const target =
    claim.target ??
    boundTarget(
      forms.map(({ domain }) => domain),
      claim,
      raw,
      header,
    );
  const thread = target?.locator ?? '';
  const receivedAt = now();
  return {
    id: newId(),
    user: claim.user.name,
    userNumber: claim.user.number,
    thread,
    bounce: bounce.kind,
    repliedToAt: target === undefined ? receivedAt : target.repliedTo * 1000,
    threadNumber: target?.threadNumber,
    fingerprint: fingerprint(claim.user.number, `bounce of ${target?.formerly ?? thread}`, header, raw),
    messageId: normaliseMessageId(headerValue(header, 'message-id') ?? ''),
    reversePath: '',
    receivedAt,
    hold: undefined,
    authentication: { policy: 'off', result: 'none' },
    spam: undefined,
  };
}

/** Finds the thread of a bound token: that of the returned message, or of one that the bounce refers to. */
function boundTarget(
  domains: readonly string[],
  { proof }: Claim,
  raw: Uint8Array,
  header: Header,
): Target | undefined {
  if (proof.kind !== 'token' || proof.token.form !== 'bound') return undefined;
  const { token, keys } = proof;
  const returned = returnedMessageId(raw);
  const named = [...(returned === undefined ? [] : [returned]), ...headerValues(header, 'in-reply-to')];
  const candidates = messageIdCandidates(named, headerValues(header, 'references'), domains);
  const id = candidates.find((each) => keys.some((key) => verifyBoundReply(key, token, each)));
  return id === undefined ? undefined : parseThreadMessageId(id, domains);
}
