/**
 * Who was notified, as it is remembered: by these a reply without a token finds its thread.
 *
 * Contract: loaded where `[matching]` is on; elsewhere nobody is remembered. A row ends when nobody may answer any more.
 */
import { normaliseMessageId } from '../mail/message-id.ts';
import { subjectKeys } from '../mail/subject-key.ts';
import type { NewNotified } from '../store/notified.ts';

/** A notification of one user, as it goes out; `repliedTo` in Unix seconds. */
export interface SentNotification {
  /** As its field has it; empty where it has none. */
  readonly messageId: string;
  readonly userNumber: number;
  readonly thread: string;
  readonly repliedTo: number;
  /** Its encoded-words decoded; empty where nobody knows it. */
  readonly subject: string;
}

/** Makes the row of a notification that is sent `now`, in milliseconds. */
export function notifiedFor(
  { maxAgeMs }: { readonly maxAgeMs: number },
  { messageId, userNumber, thread, repliedTo, subject }: SentNotification,
  now: number,
): NewNotified {
  const repliedToAt = repliedTo * 1000;
  return {
    // Without one it is found by its Subject alone; an id has an @, and this name none.
    messageId: normaliseMessageId(messageId) ?? `${thread}/${repliedTo}`,
    userNumber,
    thread,
    repliedToAt,
    subjectKey: subjectKeys(subject)[0] ?? new Uint8Array(),
    sentAt: now,
    expiresAt: repliedToAt + maxAgeMs,
  };
}
