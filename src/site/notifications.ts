/** The sending of notifications as a site configures it. */
import { mailServer } from '../config/config.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import { type MailServer, openMailServer } from '../outbound/mail-server.ts';
import { CONNECTIONS, createNotificationSender } from '../outbound/notification-sender.ts';
import type { Sender } from '../outbound/sender.ts';
import type { LeasedNotification } from '../store/notifications.ts';
import type { Store } from '../store/store.ts';
import type { Part, Site } from './site.ts';

/** How often the store is looked at for notifications that another process added. */
const POLL_MS = 1000;

/** The mail server as a part: the mails under way end on the one that they began on. */
const SERVER: Part<MailServer> = {
  reads: ['outbound.relay', 'notice.server'],
  open: ({ settings: { config } }) =>
    openMailServer({ place: mailServer(config), connections: CONNECTIONS, finalAt: ['RCPT TO', 'DATA'] }),
  close: (server) => {
    server.close();
    return Promise.resolve();
  },
};

/** Creates what sends notifications, not yet started. */
export function createSender(site: Site, store: Store, log: Log, meter: Meter): Sender<LeasedNotification> {
  return createNotificationSender({
    store,
    server: site.part(SERVER),
    log,
    meter,
    now: Date.now,
    random: Math.random,
    pollMs: POLL_MS,
  });
}
