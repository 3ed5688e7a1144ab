/**
 * A folder as the store knows it, and what it takes to go on from there.
 *
 * Contract: a UID counts for as long as the folder has its UIDVALIDITY (RFC 9051 §2.3.1.1). Where that is another, or 0,
 * the whole folder is walked again, and whether a message was here before is the accept's to say. A mailbox that nobody
 * has read begins where its `since` says. Failure: as of the store.
 */
import type { Log } from '../../observe/log.ts';
import type { Meter } from '../../observe/meter.ts';
import type { Mailboxes, MailboxState } from '../../store/mailboxes.ts';
import type { OpenMailbox } from './open-mailbox.ts';
import type { ImapConfig } from './settings.ts';

/** The parts that a beginning takes. */
export interface Beginning {
  readonly config: ImapConfig;
  readonly mailboxes: Mailboxes;
  readonly log: Log;
  readonly meter: Meter;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Brings what is known of a folder in line with the folder; once for every connection. */
export async function beginFolder(
  { config, mailboxes, log, meter, now }: Beginning,
  box: OpenMailbox,
): Promise<void> {
  const source = config.name;
  const known = await mailboxes.mailbox(source);
  const account = accountOf(config);
  const { uidValidity } = box;
  if (known === undefined || !isSameMailbox(known, config)) {
    const highWater = config.since === 'all' ? 0 : await lastUid(box);
    await mailboxes.beginMailbox({ source, account, uidValidity, highWater, isWalking: false }, now());
    return;
  }
  if (known.account === account && hasSameUids(known, box)) return;
  await mailboxes.beginMailbox({ source, account, uidValidity, highWater: 0, isWalking: true }, now());
  meter.add('mailgw_mailbox_walks_total', { source });
  log('mailbox_renumbered', { source, before: known.uidValidity, now: uidValidity, messages: box.exists });
}

/** Names a mailbox; the same user's at another host has other UIDs, and the same mail. */
const accountOf = ({ user, host, folder }: ImapConfig): string => `${user} at ${host}, folder ${folder}`;

function hasSameUids({ uidValidity, highWater }: MailboxState, box: OpenMailbox): boolean {
  // 0 is no UIDVALIDITY: the UIDs of the last connection may be anybody's now.
  if (box.uidValidity !== uidValidity || uidValidity === 0) return false;
  // UIDs only ever grow; a folder that came out of a backup may have forgotten that.
  return box.uidNext === 0 || box.uidNext > highWater;
}

function isSameMailbox({ account }: MailboxState, { user, folder }: ImapConfig): boolean {
  return account.startsWith(`${user} at `) && account.endsWith(`, folder ${folder}`);
}

async function lastUid(box: OpenMailbox): Promise<number> {
  if (box.uidNext > 0) return box.uidNext - 1;
  return (await box.searchAfter(0)).at(-1) ?? 0;
}
