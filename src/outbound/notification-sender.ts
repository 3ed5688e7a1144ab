/**
 * The sender of notifications: hands what waits in the store to the mail server, several at a time.
 *
 * Contract: the mail goes out as it was committed. Its user and address are looked up anew before each attempt; a
 * notification whose user or address is gone by then is withdrawn. Its recipient or itself refused for good, it fails
 * at once.
 * Failure: as of sender.ts. After {@link RETRY}'s maximum age a notification is given up: `notification_failed`.
 * Limits: notifications of one thread may overtake each other.
 */
import { foldAddress } from '../mail/address.ts';
import type { RetrySchedule } from '../mail/retry.ts';
import type { Meter } from '../observe/meter.ts';
import type { Users } from '../store/directory.ts';
import type { LeasedNotification, Notifications } from '../store/notifications.ts';
import type { MailServer, SendOutcome } from './mail-server.ts';
import { Sender, type SenderOptions, type Waiting } from './sender.ts';

/** The options of the sender. */
export interface NotificationSenderOptions extends SenderOptions {
  readonly store: Notifications & Users;
  /** The mail server in force. */
  readonly server: () => MailServer;
  readonly meter?: Meter | undefined;
}

/** When a notification is tried again, and for how long: as Postfix does with the mail that it has. */
const RETRY: RetrySchedule = { firstMs: 10_000, longestMs: 3_600_000, maxAgeMs: 5 * 86_400_000 };

/** Connections to the mail server at a time. */
export const CONNECTIONS = 8;

/** Attempts at a time: while one half is sent the other is claimed. */
const AT_ONCE = 2 * CONNECTIONS;

/** Creates the sender of notifications, not yet started. */
export function createNotificationSender(options: NotificationSenderOptions): Sender<LeasedNotification> {
  const { store, server, log, meter, now } = options;
  const waiting: Waiting<LeasedNotification> = {
    retry: RETRY,
    atOnce: AT_ONCE,
    nextAt: () => store.nextNotificationAt(),
    lease: (request) => store.leaseNotifications(request),
    send: async (notification, signal): Promise<SendOutcome> => {
      const reason = await whyWithdrawn(store, notification);
      if (reason !== undefined) return { kind: 'failed', diagnostic: `withdrawn: ${reason}` };
      return await server().send(notification.mail, signal);
    },
    settle: async ({ id, user, thread, attempts, createdAt }, settlement) => {
      const { kind, diagnostic } = settlement;
      meter?.add('mailgw_notifications_total', { outcome: kind });
      const waitedMs = now() - createdAt;
      log(`notification_${kind}`, { id, user, thread, attempts, diagnostic, waited_ms: waitedMs });
      await store.settleNotification(id, attempts, settlement);
    },
  };
  return new Sender(waiting, options);
}

/** Says why a notification may not be sent any more. */
async function whyWithdrawn(
  store: Users,
  { userNumber, mail }: LeasedNotification,
): Promise<string | undefined> {
  const user = await store.userByNumber(userNumber);
  if (user?.enabled !== true) return 'the user is gone or disabled';
  const to = foldAddress(mail.envelope.to);
  return user.addresses.some((address) => foldAddress(address) === to)
    ? undefined
    : 'the address is no longer registered';
}
