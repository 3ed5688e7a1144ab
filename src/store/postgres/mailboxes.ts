/** Mailboxes in PostgreSQL: mailbox, beginMailbox, endWalk, putOffMessage, openMessages, closeMessages, retryMessages, claimMailbox, releaseMailbox, listMailboxes. */
import type { Mailboxes } from '../mailboxes.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function mailboxPort(_ground: Ground): Mailboxes {
  return unbuilt<Mailboxes>([
    'mailbox',
    'beginMailbox',
    'endWalk',
    'putOffMessage',
    'openMessages',
    'closeMessages',
    'retryMessages',
    'claimMailbox',
    'releaseMailbox',
    'listMailboxes',
  ]);
}
