/**
 * `mailgw-ctl trace`: one mail's whole way, as the store has it.
 *
 * Contract: a mail is named by our id or a beginning of it, by its Message-ID, or by Postfix's queue id; several items
 * (recipients of one mail, or its twins) are told one after the other. What never became an item, because it was
 * refused or discarded, is in the log alone, and so are the times of an attempt that posted at once. Tokens are hidden.
 */

import { badInput } from '../../actions/fault.ts';
import { tokenMask } from '../../site/notices.ts';
import type { Trace } from '../../store/inspection.ts';
import type { ItemView } from '../../store/item.ts';
import type { NoticeView } from '../../store/notices.ts';
import { isoTime } from '../../system/iso-time.ts';
import type { CommandSpec } from '../command.ts';
import { hideTokens, itemDetailRow } from '../item.ts';
import { withStore } from '../session.ts';
import { type Output, printObject, printText } from '../terminal/print.ts';

/** One step of a way. */
interface Step {
  readonly at: string | null;
  readonly event: string;
  readonly detail: string;
}

/** `trace`. */
export const traceCommand: CommandSpec = {
  words: 'trace <id|message-id>',
  summary: 'tell the whole way of one mail: verdict, attempts, notices, where it is now',
  examples: ['trace 01hq3f', "trace '<CAF3x@mail.example.com>'", 'trace 4XyZ1w2vBczDs --json'],
  run: (input, { output, ...context }) =>
    withStore({ output, ...context }, async ({ config, store }) => {
      const mask = tokenMask(config);
      const name = input.argument();
      const traces = await store.traces(name);
      if (traces.length === 0) {
        throw badInput(
          `mail "${name}": no item has this id, Message-ID or queue id of Postfix's; a mail that was refused or discarded is in the log alone: journalctl -u mailgw -g '${name.replaceAll("'", '')}'`,
        );
      }
      for (const [index, found] of traces.entries()) {
        const trace = withoutTokens(found, mask);
        if (output.json) printObject(output, asObject(trace));
        else printTrace(output, trace, index > 0);
      }
    }),
};

function withoutTokens(trace: Trace, mask: (text: string) => string): Trace {
  return {
    ...trace,
    item: hideTokens(trace.item, mask),
    attempts: trace.attempts.map((attempt) => hideTokens(attempt, mask)),
    notices: trace.notices.map((notice) => hideTokens(notice, mask)),
  };
}

function asObject(trace: Trace): object {
  return {
    ...itemDetailRow(trace.item),
    queue_id: trace.queueId ?? null,
    sender_policy: trace.authentication.policy,
    sender_result: trace.authentication.result,
    spam_flagged: trace.isFlaggedSpam ?? null,
    content_kept: trace.hasContent,
    tries: trace.attempts.map(({ attempt, at, outcome, diagnostic }) => ({
      ...{ attempt, at: isoTime(at), outcome, diagnostic },
    })),
    notices: trace.notices.map((notice) => ({
      ...{ id: notice.id, kind: notice.kind, state: notice.state, attempts: notice.attempts },
      created_at: isoTime(notice.createdAt),
      settled_at: isoTime(notice.settledAt),
      last_diagnostic: notice.lastDiagnostic ?? null,
    })),
    way: stepsOf(trace),
  };
}

function printTrace(output: Output, trace: Trace, isNext: boolean): void {
  const { item, queueId } = trace;
  const lines = [
    ...(isNext ? [''] : []),
    `${item.id}  ${item.bounce === undefined ? 'reply' : `${item.bounce} bounce`} of ${item.user} to ${item.thread}`,
    `Message-ID ${item.messageId ?? 'none'}${queueId === undefined ? '' : `, Postfix ${queueId}`}, ${item.bytes} bytes`,
    ...stepsOf(trace).map(({ at, event, detail }) => {
      const time = (at ?? 'now').replace(/\.\d{3}Z$/, 'Z').padEnd(20);
      return `  ${time}  ${event.padEnd(8)}  ${detail}`;
    }),
  ];
  printText(output, lines.join('\n'));
}

/** The way in the order of its times; what is now comes last. */
function stepsOf(trace: Trace): readonly Step[] {
  const { item, attempts, notices } = trace;
  const past = [
    { ms: item.receivedAt, event: 'received', detail: verdictOf(trace) },
    ...attempts.map(({ attempt, at, outcome, diagnostic }) => ({
      ...{ ms: at, event: outcome, detail: `attempt ${attempt}: ${diagnostic}` },
    })),
    ...(item.state === 'posted' && item.settledAt !== undefined
      ? [{ ms: item.settledAt, event: 'posted', detail: `attempt ${item.attempts}` }]
      : []),
    ...notices.flatMap(noticeSteps),
  ];
  return [
    // Stable: what happened in one millisecond stays in the order above.
    ...past.sort((a, b) => a.ms - b.ms).map(({ ms, event, detail }) => ({ at: isoTime(ms), event, detail })),
    { at: null, event: item.state, detail: stateOf(item, trace.hasContent) },
  ];
}

function verdictOf({ item, authentication, isFlaggedSpam }: Trace): string {
  const score = item.spamScore === undefined ? '' : `, score ${item.spamScore}`;
  const spam =
    isFlaggedSpam === undefined ? 'spam: unchecked' : `spam: ${isFlaggedSpam ? 'yes' : 'no'}${score}`;
  const from = item.reversePath === '' ? '<>' : item.reversePath;
  const held = item.holdReason === undefined ? '' : `; held: ${item.holdReason}`;
  return `accepted from ${from}; sender policy ${authentication.policy}: ${authentication.result}; ${spam}${held}`;
}

function noticeSteps(notice: NoticeView): { ms: number; event: string; detail: string }[] {
  const written = {
    ms: notice.createdAt,
    event: 'notice',
    detail: `${notice.kind} notice ${notice.id} written`,
  };
  if (notice.settledAt === undefined) return [written];
  const diagnostic = notice.lastDiagnostic === undefined ? '' : `: ${notice.lastDiagnostic}`;
  const detail = `${notice.kind} notice ${notice.state}${diagnostic}`;
  return [written, { ms: notice.settledAt, event: 'notice', detail }];
}

/** What the state means now, and what can be done about it. */
function stateOf(item: ItemView, hasContent: boolean): string {
  switch (item.state) {
    case 'ready':
      return 'waits for its turn';
    case 'waiting':
      return `waits for attempt ${item.attempts + 1} at ${isoTime(item.dueAt) ?? 'once'}`;
    case 'leased':
      return `attempt ${item.attempts} is under way or about to begin`;
    case 'held':
      return `held (${item.holdReason ?? 'operator'}): "mailgw-ctl queue release ${item.id}" or "queue drop"`;
    case 'posted':
      return hasContent ? 'done; the message is still kept' : 'done; the message is removed';
    case 'failed':
      return `a dead letter: "mailgw-ctl queue retry ${item.id}" or "queue drop"`;
  }
}
