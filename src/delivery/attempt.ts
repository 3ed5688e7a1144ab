/**
 * One attempt: a message taken apart and delivered within a deadline.
 *
 * Contract: gives what the sink said, or why it was never asked; whatever is thrown inside is deferred. A bounce is told
 * to the sink instead of posted.
 */

import { cleanLine } from '../mail/clean-text.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import { STATUS_CLASSES } from '../observe/metrics-table.ts';
import type { ParsedReply, ParseOutcome, Post, ReplyParser } from '../reply/post.ts';
import type { ReadBounce } from '../sinks/bounce-event.ts';
import type { Outcome, Sink } from '../sinks/sink.ts';
import type { LeasedItem, Queue } from '../store/queue.ts';
import { DeadlineError, type OnLate, withinDeadline } from '../system/deadline.ts';
import { errorText } from '../system/error-text.ts';

/** A leased item, and its message where that is at hand. */
export interface Leased {
  readonly item: LeasedItem;
  readonly raw?: Uint8Array | undefined;
}

/** What an attempt works with. */
export interface AttemptOptions {
  readonly queue: Pick<Queue, 'content'>;
  readonly parser: Pick<ReplyParser, 'parse'>;
  readonly sink: Sink;
  /** Hides tokens in a text that the sink gets. */
  readonly mask: (text: string) => string;
  /** Reads a bounce as an event; without it the sink is told of none. */
  readonly readBounce?: ReadBounce | undefined;
  readonly log: Log;
  readonly meter?: Meter | undefined;
  /** The time in total, parsing apart. */
  readonly attemptTimeoutMs: number;
}

/** The outcome of an attempt, and what was parsed of its message. */
export interface Attempt {
  readonly outcome: AttemptOutcome;
  readonly reply?: ParsedReply | undefined;
}

/** Makes an attempt. Never rejects. */
export async function attempt(options: AttemptOptions, leased: Leased): Promise<Attempt> {
  const { log, attemptTimeoutMs } = options;
  const { id } = leased.item;
  let by: AttemptOutcome['by'] = 'us';
  let reply: ParsedReply | undefined;
  try {
    const prepared = await prepareAttempt(options, leased);
    by = undefined;
    if ('ended' in prepared) return { outcome: prepared.ended, reply: prepared.ended.reply };
    reply = prepared.reply;
    const outcome = await askSink(attemptTimeoutMs, prepared.deliver, (error) => {
      const reason = error === undefined ? 'an answer' : errorText(error);
      log('sink_fault', { id, reason: `after the deadline: ${reason}` });
    });
    return { outcome, reply };
  } catch (error) {
    log('attempt_failed', { id, reason: errorText(error) });
    return { outcome: { kind: 'deferred', diagnostic: `internal: ${errorText(error)}`, by }, reply };
  }
}

/** What there is to deliver, or what becomes of an item that gives nothing. */
type Prepared =
  | { readonly deliver: (signal: AbortSignal) => Promise<Outcome>; readonly reply?: ParsedReply | undefined }
  | { readonly ended: AttemptOutcome };

/** Prepares an attempt: takes the message apart, or reads the bounce. */
export async function prepareAttempt(options: AttemptOptions, { item, raw }: Leased): Promise<Prepared> {
  const message = raw ?? (await options.queue.content(item.id));
  if (message === undefined) {
    return { ended: { kind: 'failed', diagnostic: 'the content is gone from the store', by: 'us' } };
  }
  return item.bounce === undefined
    ? preparePost(options, item, message)
    : prepareBounce(options, item, message);
}

async function preparePost(
  { parser, sink, mask, meter }: AttemptOptions,
  item: LeasedItem,
  message: Uint8Array,
): Promise<Prepared> {
  const parsed = await parser.parse(message);
  if (parsed.kind !== 'parsed') return { ended: unposted(parsed) };
  const post = toPost(item, parsed, mask);
  return {
    reply: post,
    deliver: async (signal) => {
      if (item.attempts > 1 && (await sink.exists?.(post, signal)) === true) {
        return { kind: 'posted', diagnostic: 'was on the platform already' };
      }
      return measured(meter, () => sink.deliver(post, signal));
    },
  };
}

async function prepareBounce(
  { sink, readBounce, meter }: AttemptOptions,
  item: LeasedItem,
  message: Uint8Array,
): Promise<Prepared> {
  const bounce = await readBounce?.(item, message);
  if (bounce === undefined) {
    return { ended: { kind: 'failed', diagnostic: 'no bounce can be read', by: 'us' } };
  }
  const tell = sink.bounced?.bind(sink);
  if (tell === undefined) {
    const diagnostic = 'the sink does not want to know of bounces';
    return { ended: { kind: 'posted', diagnostic, by: 'us' } };
  }
  return { deliver: (signal) => measured(meter, () => tell(bounce, signal)) };
}

async function measured(meter: Meter | undefined, ask: () => Promise<Outcome>): Promise<Outcome> {
  const askedAt = performance.now();
  const outcome = await ask();
  const seconds = (performance.now() - askedAt) / 1000;
  meter?.observe('mailgw_sink_request_seconds', { status: statusClass(outcome.status) }, seconds);
  return outcome;
}

/** Gives the class of a status, if there is one. */
function statusClass(status: number | undefined): (typeof STATUS_CLASSES)[number] {
  return STATUS_CLASSES.find((name) => name.startsWith(String(Math.floor((status ?? 0) / 100)))) ?? 'none';
}

/** Runs what is asked of the sink within one deadline; one that gives no answer is deferred. */
export async function askSink(
  timeoutMs: number,
  ask: (signal: AbortSignal) => Promise<Outcome>,
  onLate: OnLate,
): Promise<Outcome> {
  try {
    return await withinDeadline(timeoutMs, ask, onLate);
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
    return { kind: 'deferred', diagnostic: `timeout: the sink gave ${error.message}` };
  }
}

/** The fields of an item that its post repeats. */
type PostOrigin = Pick<
  LeasedItem,
  'id' | 'user' | 'thread' | 'repliedToAt' | 'messageId' | 'receivedAt' | 'authentication' | 'spam'
>;

/** The post of an item, from what was parsed of its message; `mask` hides tokens in what the item itself brings. */
export function toPost(
  item: PostOrigin,
  parsed: Extract<ParseOutcome, { kind: 'parsed' }>,
  mask: (text: string) => string,
): Post {
  const { id, user, thread, repliedToAt, receivedAt, authentication, spam } = item;
  const messageId = item.messageId === undefined ? undefined : mask(cleanLine(item.messageId));
  // One by one: spreading an object into a larger one takes ten times as long.
  const { inReplyTo, subject, date, from, body, attachments, dropped, smimeSignature } = parsed.reply;
  const post = {
    id,
    user,
    thread,
    repliedToAt,
    messageId,
    receivedAt,
    authentication,
    spam,
    inReplyTo,
    subject,
    date,
    from,
    body,
    attachments,
    dropped,
  };
  return smimeSignature === undefined ? post : { ...post, smimeSignature };
}

/**
 * An outcome of the sink, or one of ours before it was asked; then `reason` says in a word why there is no post:
 * `empty`, a refusal's reason, or what became of the worker.
 */
export type AttemptOutcome = Outcome & {
  readonly by?: 'us' | undefined;
  readonly workerDied?: boolean;
  readonly reason?: string;
  /** What was parsed of a reply that is empty. */
  readonly reply?: ParsedReply;
};

/** What becomes of a message that gives no post. */
export function unposted(parsed: Exclude<ParseOutcome, { kind: 'parsed' }>): AttemptOutcome {
  switch (parsed.kind) {
    case 'empty':
      return {
        kind: 'failed',
        reason: 'empty',
        diagnostic: emptyDiagnostic(parsed),
        by: 'us',
        reply: parsed.reply,
      };
    case 'refused':
      return {
        kind: 'failed',
        reason: parsed.reason,
        diagnostic: `cannot be posted: ${parsed.reason}: ${parsed.diagnostic}`,
        by: 'us',
      };
    case 'worker-died':
      return {
        kind: 'deferred',
        reason: parsed.reason,
        diagnostic: `parser ${parsed.reason}: ${parsed.diagnostic}`,
        by: 'us',
        workerDied: true,
      };
  }
}

/** Why a reply is empty, and whether something of it was left out that would have made it a post. */
function emptyDiagnostic({ reason, reply }: Extract<ParseOutcome, { kind: 'empty' }>): string {
  const dropped = [...new Set(reply.dropped.map((part) => part.reason))];
  return `empty reply: ${reason}${dropped.length === 0 ? '' : `; left out: ${dropped.join(', ')}`}`;
}
