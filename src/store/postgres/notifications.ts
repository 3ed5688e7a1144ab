/** Notifications in PostgreSQL: addNotification, leaseNotifications, settleNotification, nextNotificationAt, notification, listNotifications. */
import type { Notifications } from '../notifications.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function notificationPort(_ground: Ground): Notifications {
  return unbuilt<Notifications>([
    'addNotification',
    'leaseNotifications',
    'settleNotification',
    'nextNotificationAt',
    'notification',
    'listNotifications',
  ]);
}
