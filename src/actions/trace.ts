/**
 * One mail's whole way, as the store has it.
 *
 * Contract: a mail is named by our id or a beginning of it, by its Message-ID, or by Postfix's queue id; several items
 * (recipients of one mail, or its twins) are told one after the other. Tokens are hidden. What never became an item is among
 * the past verdicts, where it was refused or discarded; the time of an attempt that posted at once is in the log alone.
 */
import type { Session } from '../site/session.ts';
import { tokenMask } from '../site/token-mask.ts';
import type { Trace } from '../store/inspection.ts';
import type { ItemView } from '../store/item.ts';
import type { NoticeView } from '../store/notices.ts';
import { isoTime } from '../system/iso-time.ts';
import { badInput } from './fault.ts';
import { hideTokens } from './items.ts';

/** One step of a way; `at` is null for what is now. */
export interface TraceEvent {
  readonly at: string | null;
  readonly event: string;
  readonly detail: string;
}

/** An item with its way, in the order of its times. */
export interface TracedItem {
  readonly trace: Trace;
  readonly way: readonly TraceEvent[];
}

/** Traces a mail: each item that the name is of. */
export async function traceMail({ config, store }: Session, name: string): Promise<readonly TracedItem[]> {
  const mask = tokenMask(config);
  const traces = await store.traces(name);
  if (traces.length === 0) {
    throw badInput(
      `mail "${name}": no item has this id, Message-ID or queue id of Postfix's; a mail that was refused or discarded is none: mailgw-ctl verdicts --message-id '${name.replaceAll("'", '')}', or --queue-id`,
    );
  }
  return traces.map((found) => {
    const trace = withoutTokens(found, mask);
    return { trace, way: stepsOf(trace) };
  });
}

function withoutTokens(trace: Trace, mask: (text: string) => string): Trace {
  return {
    ...trace,
    item: hideTokens(trace.item, mask),
    attempts: trace.attempts.map((attempt) => hideTokens(attempt, mask)),
    notices: trace.notices.map((notice) => hideTokens(notice, mask)),
  };
}

/** Orders the way by its times; what is now comes last. */
function stepsOf(trace: Trace): readonly TraceEvent[] {
  const { item, attempts, notices } = trace;
  const past = [
    { ms: item.receivedAt, event: 'received', detail: verdictOf(trace) },
    ...attempts.map(({ attempt, at, outcome, diagnostic }) => {
      return { ms: at, event: outcome, detail: `attempt ${attempt}: ${diagnostic}` };
    }),
    ...(item.state === 'posted' && item.settledAt !== undefined
      ? [{ ms: item.settledAt, event: 'posted', detail: endOf(item) }]
      : []),
    ...notices.flatMap(noticeSteps),
  ];
  return [
    // Stable: what happened in one millisecond stays in the order above.
    ...past.sort((a, b) => a.ms - b.ms).map(({ ms, event, detail }) => ({ at: isoTime(ms), event, detail })),
    { at: null, event: item.state, detail: stateOf(item, trace.hasContent) },
  ];
}

/** Says how an item was posted: a reply to a digest as its parts. */
function endOf({ attempts, lastDiagnostic }: ItemView): string {
  const isSplit = lastDiagnostic?.startsWith('split into ') === true;
  return isSplit ? `${lastDiagnostic}, each an item of its own` : `attempt ${attempts}`;
}

function verdictOf({ item, authentication, isFlaggedSpam, matched }: Trace): string {
  const score = item.spamScore === undefined ? '' : `, score ${item.spamScore}`;
  const spam =
    isFlaggedSpam === undefined ? 'spam: unchecked' : `spam: ${isFlaggedSpam ? 'yes' : 'no'}${score}`;
  const from = item.reversePath === '' ? '<>' : item.reversePath;
  const held = item.holdReason === undefined ? '' : `; held: ${item.holdReason}`;
  const without = matched === undefined ? '' : `without a token, matched by ${matched}; `;
  return `accepted from ${from}; ${without}sender policy ${authentication.policy}: ${authentication.result}; ${spam}${held}`;
}

function noticeSteps(notice: NoticeView): { ms: number; event: string; detail: string }[] {
  const detail = `${notice.kind} notice ${notice.id} written`;
  const written = { ms: notice.createdAt, event: 'notice', detail };
  if (notice.settledAt === undefined) return [written];
  const diagnostic = notice.lastDiagnostic === undefined ? '' : `: ${notice.lastDiagnostic}`;
  const end = `${notice.kind} notice ${notice.state}${diagnostic}`;
  return [written, { ms: notice.settledAt, event: 'notice', detail: end }];
}

/** Says what the state means now, and what can be done about it. */
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
