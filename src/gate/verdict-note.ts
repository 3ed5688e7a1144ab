/**
 * The one line that is logged, and the one count that is kept, of each verdict on a recipient; and the row of one by which
 * the recipient got nothing.
 */

import { isDroppedReply } from '../mail/disposition.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import type { RecallVerdict } from '../observe/past-verdicts.ts';
import type { CountVerdict } from '../observe/verdict-counts.ts';
import type { Verdict } from './gate.ts';
import type { Claim, Unmatched } from './recipient.ts';

/** Characters of a Message-ID that are logged: what fits one header line (RFC 5322 §2.1.1). */
const MAX_LOGGED_ID = 998;

/** The places where verdicts are logged and counted. */
export interface Notes {
  readonly log: Log;
  readonly meter: Meter;
  readonly count: CountVerdict;
  /** Where verdicts are kept by which a recipient got nothing; nowhere by default. */
  readonly recall?: RecallVerdict | undefined;
}

/** A recipient: as it was written, and of a good one whose it is. */
export interface NotedRecipient {
  readonly address?: string | undefined;
  readonly claim?: Claim | Unmatched | undefined;
}

/** Logs, counts and keeps a verdict. */
export function noteVerdict(
  { log, meter, count, recall }: Notes,
  session: string,
  disposition: Verdict,
  { address, claim }: NotedRecipient = {},
): void {
  const { verdict, reason, detail } = disposition;
  const counted = reason === 'no-such-address' ? detail : reason;
  const cause = 'cause' in disposition ? disposition.cause : undefined;
  const { matched } = disposition;
  count(verdict, counted, cause ?? (matched && `matched by ${matched.by}`));
  const spam = spamWord(disposition);
  if (spam !== undefined) meter.add('mailgw_spam_verdicts_total', { spam });
  const fields = {
    verdict,
    reason,
    detail,
    cause,
    id: disposition.verdict === 'accepted' ? disposition.id : undefined,
    user: claim?.user?.name ?? matched?.user,
    thread: claim?.target?.locator ?? matched?.thread,
    matched: matched?.by,
    message_id: disposition.messageId?.slice(0, MAX_LOGGED_ID),
    queue_id: disposition.queueId,
    spam: disposition.spam,
    spam_score: disposition.spamScore,
    session,
  };
  log('verdict', fields, isMissed(disposition) ? 'warn' : undefined);
  if (recall !== undefined && isEnd(disposition, address)) recall(pastVerdict(fields, disposition, address));
}

/** A verdict by which a recipient got nothing for good. */
type EndVerdict = Extract<Verdict, { verdict: 'rejected' | 'discarded' }>;

/**
 * Tells whether a recipient got nothing. A call of a provider that comes again got its verdict before, and mail without an
 * address of ours, which people have in the mailbox that we read, is not ours to keep.
 */
function isEnd(disposition: Verdict, address: string | undefined): disposition is EndVerdict {
  const { verdict, reason } = disposition;
  if (verdict === 'rejected') return reason !== 'no-such-address' || address !== undefined;
  return verdict === 'discarded' && reason !== 'repeated' && reason !== 'replayed';
}

/** What the log says of a verdict and its recipient. */
interface VerdictFields {
  readonly user: string | undefined;
  readonly thread: string | undefined;
  readonly message_id: string | undefined;
  readonly session: string;
}

/** Characters that a token is made of, in a row: no part of an address that says whose it is. */
const TOKEN_LIKE = /[a-z2-7]{16,}/gi;
const MAX_ADDRESS = 320;

function pastVerdict(
  fields: VerdictFields,
  disposition: EndVerdict,
  address?: string,
): Parameters<RecallVerdict>[0] {
  const { verdict, reason, detail, queueId, fromDomain } = disposition;
  const { user, thread, message_id: messageId, session } = fields;
  const cause = 'cause' in disposition ? disposition.cause : undefined;
  const bare = address?.replace(TOKEN_LIKE, '…').slice(0, MAX_ADDRESS);
  return {
    verdict,
    reason,
    detail,
    cause,
    address: bare,
    user,
    thread,
    fromDomain,
    messageId,
    queueId,
    session,
  };
}

/** Tells whether a reply is lost by a verdict that nobody asked for; of spam the site may ask for just that. */
function isMissed(disposition: Verdict): boolean {
  return isDroppedReply(disposition) && disposition.reason !== 'spam';
}

/** Says what the filter called a message, whatever it led to. */
function spamWord({ reason, spam }: Verdict): Verdict['spam'] {
  if (spam !== undefined) return spam;
  if (reason === 'spam') return 'yes';
  return reason === 'unchecked' ? 'unchecked' : undefined;
}
