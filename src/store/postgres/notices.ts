/** Notices in PostgreSQL: addNotice, leaseNotice, settleNotice, nextNoticeAt, listNotices. */
import type { Notices } from '../notices.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function noticePort(_ground: Ground): Notices {
  return unbuilt<Notices>(['addNotice', 'leaseNotice', 'settleNotice', 'nextNoticeAt', 'listNotices']);
}
