/** The one line that is logged, and the one count that is kept, of each verdict on a recipient. */

import { isDroppedReply } from '../mail/disposition.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
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
}

/** Logs and counts a verdict; of a good address `claim` says whose it is. */
export function noteVerdict(
  { log, meter, count }: Notes,
  session: string,
  disposition: Verdict,
  claim?: Claim | Unmatched,
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
