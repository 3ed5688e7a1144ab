/** `mailgw-ctl trace`: one mail's whole way, as the store has it. */

import { type TracedItem, traceMail } from '../../actions/trace.ts';
import { itemDetailRow } from '../../api/shown.ts';
import { isoTime } from '../../system/iso-time.ts';
import type { CommandSpec } from '../command.ts';
import { withStore } from '../session.ts';
import { type Output, printObject, printText } from '../terminal/print.ts';

/** `trace`. */
export const traceCommand: CommandSpec = {
  words: 'trace <id|message-id>',
  summary: 'tell the whole way of one mail: verdict, attempts, notices, where it is now',
  examples: ['trace 01hq3f', "trace '<CAF3x@mail.example.com>'", 'trace 4XyZ1w2vBczDs --json'],
  run: (input, context) =>
    withStore(context, async (session) => {
      const { output } = context;
      for (const [index, traced] of (await traceMail(session, input.argument())).entries()) {
        if (output.json) printObject(output, asObject(traced));
        else printTrace(output, traced, index > 0);
      }
    }),
};

function asObject({ trace, way }: TracedItem): object {
  return {
    ...itemDetailRow(trace.item),
    queue_id: trace.queueId ?? null,
    sender_policy: trace.authentication.policy,
    sender_result: trace.authentication.result,
    spam_flagged: trace.isFlaggedSpam ?? null,
    matched: trace.matched ?? null,
    content_kept: trace.hasContent,
    tries: trace.attempts.map(({ attempt, at, outcome, diagnostic }) => {
      return { attempt, at: isoTime(at), outcome, diagnostic };
    }),
    notices: trace.notices.map((notice) => ({
      id: notice.id,
      kind: notice.kind,
      state: notice.state,
      attempts: notice.attempts,
      created_at: isoTime(notice.createdAt),
      settled_at: isoTime(notice.settledAt),
      last_diagnostic: notice.lastDiagnostic ?? null,
    })),
    way,
  };
}

function printTrace(output: Output, { trace, way }: TracedItem, isNext: boolean): void {
  const { item, queueId } = trace;
  const lines = [
    ...(isNext ? [''] : []),
    `${item.id}  ${item.bounce === undefined ? 'reply' : `${item.bounce} bounce`} of ${item.user} to ${item.thread}`,
    `Message-ID ${item.messageId ?? 'none'}${queueId === undefined ? '' : `, Postfix ${queueId}`}, ${item.bytes} bytes`,
    ...way.map(({ at, event, detail }) => {
      const time = (at ?? 'now').replace(/\.\d{3}Z$/, 'Z').padEnd(20);
      return `  ${time}  ${event.padEnd(8)}  ${detail}`;
    }),
  ];
  printText(output, lines.join('\n'));
}
