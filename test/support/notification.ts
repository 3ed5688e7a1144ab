// New notifications for the tests of stores and of sending, with every field filled.

import { randomBytes } from 'node:crypto';
import { formatItemId, ITEM_ID_RANDOM_BYTES } from '../../src/mail/item-id.ts';
import type { OutgoingMail } from '../../src/mail/outgoing.ts';
import type { NewNotification } from '../../src/store/notifications.ts';
import { NOW } from './item.ts';

/** A mail to alice about a post of bob's. */
export function outgoingMail(change: Partial<OutgoingMail> = {}): OutgoingMail {
  return {
    id: 'notification1',
    envelope: { from: `reply+${'a'.repeat(48)}@reply.example.org`, to: 'alice@example.com' },
    from: { name: 'Bob via Tracker', address: 'noreply@reply.example.org' },
    replyTo: `reply+${'a'.repeat(48)}@reply.example.org`,
    subject: 'The roof leaks',
    date: NOW,
    messageId: 'test/thread/1/1795166100.abcdefgh@reply.example.org',
    inReplyTo: 'test/thread/1@reply.example.org',
    references: ['test/thread/1@reply.example.org'],
    fields: [['Auto-Submitted', 'auto-generated']],
    text: 'It leaks again.\n',
    ...change,
  };
}

/** A notification to alice that is due at once. */
export function newNotification(change: Partial<NewNotification> = {}): NewNotification {
  const createdAt = change.createdAt ?? NOW;
  const id = formatItemId(createdAt, randomBytes(ITEM_ID_RANDOM_BYTES));
  const messageId = `test/thread/1/1795166100.${randomBytes(4).toString('hex')}@reply.example.org`;
  return {
    id,
    user: 'alice',
    userNumber: 1,
    thread: 'test/thread/1',
    repliedToAt: NOW - 60_000,
    messageId,
    idempotencyKey: undefined,
    request: Buffer.from('request'),
    createdAt,
    mail: outgoingMail({ id, messageId }),
    ...change,
  };
}
