/**
 * Zammad's own notifications to its agents, told by their header.
 *
 * Contract: the Message-ID of a notification holds the ticket: `<notification.TIME.TICKET.USER.RANDOM@host>`; `X-Mailer` is
 * Zammad's, and `Auto-Submitted` says that a machine made it. Left alone are articles sent as mail and the answers of
 * triggers: they come from a mailbox that Zammad itself reads.
 * Limits: the Date field says when it was; which article a notification is about is not in its header.
 */
import { headerValue } from '../../mail/header.ts';
import type { Recognise } from '../../mail/recognise.ts';

/** The time, the ticket, the user, and what makes it one of a kind, a number in older ones. */
const NOTIFICATION = /^<notification\.\d{8,20}\.(\d{1,12})\.\d{1,12}\.[\w-]{1,64}@[^<>@\s]+>$/;

/** Recognises a notification of Zammad. */
export const recogniseZammad: Recognise = ({ header }) => {
  const field = (name: string): string => headerValue(header, name)?.trim() ?? '';
  const ticket = NOTIFICATION.exec(field('message-id'))?.[1];
  if (ticket === undefined || !field('x-mailer').startsWith('Zammad Mail Service')) return undefined;
  if (!/^auto-generated\b/i.test(field('auto-submitted'))) return undefined;
  return { thread: `ticket/${ticket}`, repliedTo: undefined };
};
