/**
 * Composes a notification: what the platform says, with the fields by which mail programs thread it, answers come back,
 * and machines keep still (docs/sending.md shows one, and why each field is there).
 *
 * Contract: pure. Every mail of a thread refers to the thread's root, which no mail has: Gmail, Outlook and Apple Mail
 * gather them so, whichever of them a user was sent. The subject is the platform's on every one of them, because Gmail
 * begins a new conversation with a new subject; no "Re: " is put before it, because what it answers is no mail.
 * Automatic answers are asked not to come, bounces are not: they are counted by the reverse-path, the reply address.
 * Standards: RFC 5322 §3.6.4, RFC 3834 §5, RFC 2919, RFC 2369 §3.2, RFC 8058 §3.
 */
import type { NotificationContent } from '../mail/notification.ts';
import type { OutgoingMail } from '../mail/outgoing.ts';

/** The addresses and ids of one notification. */
export interface Addressing {
  readonly id: string;
  readonly to: string;
  readonly from: { readonly name: string; readonly address: string };
  readonly replyTo: string;
  /** Without brackets. */
  readonly messageId: string;
  /** The id of the thread's root, without brackets. */
  readonly rootId: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** The value of X-Loop, by which our gate knows its own. */
  readonly loopToken: string;
}

/** Composes the mail of a content that readContent() made fit. */
export function composeNotification(addressing: Addressing, content: NotificationContent): OutgoingMail {
  const { id, to, from, replyTo, messageId, rootId, createdAt, loopToken } = addressing;
  return {
    id,
    envelope: { from: replyTo, to },
    from: { name: content.from?.name ?? from.name, address: from.address },
    replyTo,
    subject: content.subject,
    date: createdAt,
    messageId,
    inReplyTo: rootId,
    references: [rootId],
    fields: [
      ...Object.entries(QUIET_FIELDS),
      ['X-Loop', loopToken],
      ...listFields(content.list ?? {}),
      ...Object.entries(content.headers ?? {}),
    ],
    text: content.text,
    ...(content.html !== undefined && { html: content.html }),
  };
}

/** The fields that keep machines from answering a notification, whoever sends it. */
export const QUIET_FIELDS = {
  'Auto-Submitted': 'auto-generated',
  // Not "All": Exchange would keep back its delivery reports too, and those are the bounces.
  'X-Auto-Response-Suppress': 'OOF, AutoReply',
} as const;

function listFields({ id, unsubscribe }: NonNullable<NotificationContent['list']>): OutgoingMail['fields'] {
  return [
    ...(id === undefined ? [] : [['List-Id', `<${id}>`] as const]),
    ...(unsubscribe === undefined
      ? []
      : [
          ['List-Unsubscribe', `<${unsubscribe}>`] as const,
          ['List-Unsubscribe-Post', 'List-Unsubscribe=One-Click'] as const,
        ]),
  ];
}
