/** `mailgw-ctl verdicts`: what was refused or discarded in the last days, and why. */

import { readLimit } from '../../actions/items.ts';
import { listPastVerdicts } from '../../actions/past-verdicts.ts';
import { pastVerdictRow } from '../../api/shown.ts';
import { MOST_PAST_VERDICTS, PAST_VERDICT_MS } from '../../store/past-verdicts.ts';
import type { CommandSpec } from '../command.ts';
import { withStore } from '../session.ts';
import { printNote, printRows } from '../terminal/print.ts';

const DEFAULT_LIMIT = 100;

const COLUMNS = [
  { key: 'at' },
  { key: 'verdict' },
  { key: 'reason' },
  { key: 'cause' },
  { key: 'user', shrinks: true },
  { key: 'from_domain', title: 'from', shrinks: true },
  { key: 'message_id', title: 'message-id', shrinks: true },
  { key: 'detail', shrinks: true },
];

/** `verdicts`. */
export const verdictsCommand: CommandSpec = {
  words: 'verdicts',
  summary: `list what was refused or discarded in the last ${PAST_VERDICT_MS / 86_400_000} days, newest first: the answer to "I answered and nothing came"`,
  options: [
    { flags: '--user <user>', doc: 'only to addresses of this user' },
    { flags: '--thread <locator>', doc: 'only to addresses of this thread' },
    { flags: '--message-id <id>', doc: 'only this Message-ID' },
    { flags: '--queue-id <id>', doc: "only this id of Postfix's" },
    { flags: '--from <domain>', doc: 'only From this domain' },
    { flags: '--verdict <verdict>', doc: 'only these', values: ['rejected', 'discarded'] },
    { flags: '--reason <reason>', doc: 'only those with this reason, as stats names it' },
    { flags: '--since <time>', doc: 'only those given since then' },
    {
      flags: '--limit <number>',
      doc: `at most so many (default: ${DEFAULT_LIMIT}); ${MOST_PAST_VERDICTS} are kept`,
    },
  ],
  examples: [
    'verdicts --user alice',
    "verdicts --message-id '<CAF3x@mail.example.com>'",
    'verdicts --since 1h --json',
  ],
  run: (input, context) =>
    withStore(context, async (session) => {
      const limit = readLimit(input.text('limit') ?? String(DEFAULT_LIMIT));
      const asked = {
        user: input.text('user'),
        thread: input.text('thread'),
        messageId: input.text('messageId'),
        queueId: input.text('queueId'),
        fromDomain: input.text('from'),
        verdict: input.text('verdict'),
        reason: input.text('reason'),
        since: input.text('since'),
      };
      const found = await listPastVerdicts(session, asked, limit + 1);
      printRows(context.output, found.slice(0, limit).map(pastVerdictRow), COLUMNS, 'No verdict matches.');
      if (found.length > limit) printNote(context.output, `there are more than ${limit}; --limit shows more`);
    }),
};
