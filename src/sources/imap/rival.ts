/**
 * Other installations of mailgw that read the same mailbox: IMAP has no lock, so each of them leaves a keyword of its own.
 *
 * Contract: a message that becomes something in its folder bears the keyword of the installation that took it. Whoever finds
 * one of somebody else's above all of its own is not the one who reads the mailbox now, and stops; on one and the same
 * message the lesser name goes on, so that one of two always does. Hosts of one store are one installation.
 * Failure: a {@link MailboxError} of kind `rival`. Limits: nothing is known where the folder takes no keywords, and little
 * where messages leave the folder at once: then two meet only on a message that both have taken.
 */
import { randomInt } from 'node:crypto';
import { encodeBase32 } from '../../mail/base32.ts';
import type { Mailboxes } from '../../store/mailboxes.ts';
import { MailboxError } from './mailbox-error.ts';
import type { OpenMailbox } from './open-mailbox.ts';

/** The least number that is none of an installation: its keyword has five octets. */
const INSTALLATIONS = 2 ** 40;

/** Gives the number of the installation that a store is of; the first to ask brings it about. */
export const installationOf = (mailboxes: Pick<Mailboxes, 'installation'>): Promise<number> =>
  mailboxes.installation(randomInt(INSTALLATIONS));

const PREFIX = '$Mailgw-';
const MARK = /^\$Mailgw-[a-z2-7]{8}$/i;

/** Gives the keyword of an installation. */
export function markOf(installation: number): string {
  const octets = Buffer.alloc(8);
  octets.writeBigUInt64BE(BigInt(installation));
  return `${PREFIX}${encodeBase32(octets.subarray(3))}`;
}

type Looked = Pick<OpenMailbox, 'keywords' | 'searchKeyword'>;

/** Lists the keywords of others among some, each once. Keywords know no case (RFC 9051 §2.3.2). */
export function marksOfOthers(keywords: Iterable<string>, installation: number): readonly string[] {
  const own = markOf(installation);
  const marks = [...keywords].filter((each) => MARK.test(each)).map((each) => nameOf(each));
  return [...new Set(marks)].filter((each) => each !== own).sort();
}

const nameOf = (mark: string): string => `${PREFIX}${mark.slice(PREFIX.length).toLowerCase()}`;

/** Rejects where another installation reads the mailbox; `more` are keywords that were seen since it was selected. */
export async function refuseRival(
  box: Looked,
  installation: number,
  more: Iterable<string> = [],
): Promise<void> {
  const others = marksOfOthers([...box.keywords, ...more], installation);
  if (others.length === 0) return;
  const own = markOf(installation);
  const ours = (await box.searchKeyword(own)).at(-1) ?? 0;
  for (const other of others) {
    const theirs = (await box.searchKeyword(other)).at(-1) ?? 0;
    if (theirs > ours || (theirs === ours && theirs > 0 && other < own)) throw rival(other, own, theirs);
  }
}

function rival(other: string, own: string, uid: number): MailboxError {
  const reason = `another installation of mailgw reads this mailbox: the message of UID ${uid} bears its keyword ${other}, and ours is ${own}`;
  return new MailboxError('rival', reason);
}

/** Puts our keyword in the place of those of others, who then stop; gives how many messages had theirs. */
export async function takeOver(
  box: Pick<OpenMailbox, 'keywords' | 'searchKeyword' | 'mark' | 'unmark'>,
  installation: number,
): Promise<number> {
  let count = 0;
  for (const other of marksOfOthers(box.keywords, installation)) {
    const uids = await box.searchKeyword(other);
    if (uids.length === 0) continue;
    // Ours first: in between the other one might think that it is alone.
    await box.mark(uids, [markOf(installation)]);
    await box.unmark(uids, other);
    count += uids.length;
  }
  return count;
}
