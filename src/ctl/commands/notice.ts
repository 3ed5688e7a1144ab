/** `mailgw-ctl notice`: the mail that told users about their own replies, and what waits to be sent. */

import { readLimit } from '../../actions/items.ts';
import type { NoticeView } from '../../store/notices.ts';
import { isoTime } from '../../system/iso-time.ts';
import type { CommandGroup, CommandSpec } from '../command.ts';
import { withStore } from '../session.ts';
import { printRows, type Row } from '../terminal/print.ts';

const DEFAULT_LIMIT = 100;

const list: CommandSpec = {
  words: 'list',
  summary: 'list notices, newest first',
  options: [{ flags: '--limit <number>', doc: `at most so many (default: ${DEFAULT_LIMIT})` }],
  examples: ['list', 'list --limit 10 --json'],
  run: (input, context) =>
    withStore(context, async ({ store }) => {
      const notices = await store.listNotices(readLimit(input.text('limit') ?? String(DEFAULT_LIMIT)));
      printRows(
        context.output,
        notices.map(noticeRow),
        [
          { key: 'id' },
          { key: 'state' },
          { key: 'user', shrinks: true },
          { key: 'kind' },
          { key: 'created_at', title: 'created' },
          { key: 'attempts', title: 'tries' },
          { key: 'due_at', title: 'due' },
          { key: 'last_diagnostic', title: 'diagnostic', shrinks: true },
        ],
        'No notice was written yet.',
      );
    }),
};

/** The commands on notices. */
export const noticeGroup: CommandGroup = {
  name: 'notice',
  summary: 'the mail that tells users what became of their replies',
  commands: [list],
};

function noticeRow(notice: NoticeView): Row {
  return {
    id: notice.id,
    state: notice.state,
    user: notice.user,
    kind: notice.kind,
    item: notice.itemId ?? null,
    created_at: isoTime(notice.createdAt),
    attempts: notice.attempts,
    due_at: isoTime(notice.dueAt),
    settled_at: isoTime(notice.settledAt),
    last_diagnostic: notice.lastDiagnostic ?? null,
  };
}
