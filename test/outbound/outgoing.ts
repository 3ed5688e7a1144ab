// Notifications on their way through a real SMTP session: what a mail server is sent for a platform's content.

import { type NotificationContent, readContent } from '../../src/mail/notification.ts';
import type { OutgoingMail } from '../../src/mail/outgoing.ts';
import { composeNotification } from '../../src/outbound/compose.ts';
import { type MailServer, openMailServer } from '../../src/outbound/mail-server.ts';
import type { Mailbox } from '../support/mailbox.ts';

/** A reply address, and the Message-ID that goes with it. */
export const REPLY_TO = 'reply+aiaaaaaaaeaaaaaaafembnkx5gzx3zblz6ykp2ynxktemjsj@reply.example.org';

/** The Message-ID of the notification. */
export const MESSAGE_ID = 'go-gitea/gitea/issue/2351/1220588887.k4tq2xyz@reply.example.org';

/** Composes a content; throws with its problems where it is refused. */
export function composed(given: NotificationContent, to = 'alice@example.com'): OutgoingMail {
  const read = readContent(given);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return composeNotification(
    {
      id: 'n0001',
      to,
      from: { name: 'Tracker', address: 'noreply@reply.example.org' },
      replyTo: REPLY_TO,
      messageId: MESSAGE_ID,
      rootId: 'go-gitea/gitea/issue/2351@reply.example.org',
      createdAt: Date.UTC(2026, 10, 29, 6, 0, 0),
      loopToken: 'mailgw.reply.example.org',
    },
    read.content,
  );
}

/** A mail server at a mailbox, as notifications are sent. */
export function serverAt(mailbox: Mailbox, connections = 8): MailServer {
  const place = { host: '127.0.0.1', port: mailbox.port };
  return openMailServer({ place, connections, finalAt: ['RCPT TO', 'DATA'] });
}
