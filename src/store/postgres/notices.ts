/** The notices in PostgreSQL: what they are beside the mail that they have in common with notifications (sending.ts). */
import type { NoticeDraft } from '../../mail/notice.ts';
import type { Nullable } from '../item-view.ts';
import type { NewNotice, Notices, NoticeView } from '../notices.ts';
import { addNotice } from './add-notice.ts';
import type { Ground } from './ground.ts';
import { PROMISED, repeatable } from './repeatable.ts';
import { leaseMails, type MailTable, nextMailAt, PROGRESS, progressOf, settleMail } from './sending.ts';

const TABLE: MailTable = {
  name: 'notice',
  number: 'notice_number',
  content: ['draft', 'original'],
  leased: `id, user_name AS "user", user_number AS "userNumber", kind, item_id AS "itemId", draft, original,
    created_at AS "createdAt", attempts`,
};

interface LeaseRow extends Pick<NewNotice, 'id' | 'user' | 'kind' | 'createdAt'> {
  readonly userNumber: number | null;
  readonly itemId: string | null;
  readonly draft: string;
  readonly original: Uint8Array | null;
  readonly attempts: number;
}

/** Gives the port. */
export function noticePort(ground: Ground): Notices {
  const { database, clock } = ground;
  return {
    addNotice: (notice) =>
      repeatable(database, PROMISED, async (statements, isAgain) => {
        if (await addNotice(statements, clock, notice)) return true;
        if (!isAgain) return false;
        const own = await statements.rows('SELECT FROM notice WHERE id = $1', [notice.id]);
        return own.length === 1;
      }),
    leaseNotice: leaseNotice(ground),
    settleNotice: settleMail(ground, TABLE),
    nextNoticeAt: () => nextMailAt(ground, TABLE),
    listNotices: (limit) => viewNotices(ground, 'ORDER BY notice_number DESC LIMIT $1', [limit]),
  };
}

function leaseNotice(ground: Ground): Notices['leaseNotice'] {
  const lease = leaseMails<LeaseRow>(ground, TABLE);
  return async (request) => {
    const [row] = await lease({ ...request, limit: 1 });
    if (row === undefined) return undefined;
    return {
      ...row,
      userNumber: row.userNumber ?? undefined,
      itemId: row.itemId ?? undefined,
      draft: JSON.parse(row.draft) as NoticeDraft,
      original: row.original ?? undefined,
    };
  };
}

const VIEW = `SELECT id, state, user_name AS "user", kind, item_id AS "itemId", ${PROGRESS} FROM notice`;

/** Gives notices as the operator sees them, which clauses behind the FROM choose and order. */
export async function viewNotices(
  { database, clock }: Ground,
  clauses: string,
  values: readonly [number] | readonly [readonly string[]],
): Promise<NoticeView[]> {
  const rows = await database.reads.rows<Nullable<NoticeView>>(`${VIEW} ${clauses}`, values);
  return rows.map((row) => ({ ...row, itemId: row.itemId ?? undefined, ...progressOf(row, clock) }));
}
