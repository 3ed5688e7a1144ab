/**
 * One attempt: a message taken apart and delivered within a deadline.
 *
 * Contract: gives what the sink said, or why it was never asked; whatever is thrown inside is deferred. A bounce is told
 * to the sink instead of posted. Nothing is asked of the sink once the lease may be another host's: a machine that slept
 * between the two posts nothing when it wakes.
 */

import { cleanLine } from '../mail/clean-text.ts';
import { NO_LANE } from '../mail/lane.ts';
import type { ReplyOrigin } from '../mail/origin.ts';
import { containerOf } from '../mail/reserved.ts';
import { titleOf } from '../mail/subject.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import { STATUS_CLASSES } from '../observe/metrics-table.ts';
import type { ParsedReply, ParseOutcome, Post, ReplyParser } from '../reply/post.ts';
import type { ReadBounce } from '../sinks/bounce-event.ts';
import { NoPost } from '../sinks/no-post.ts';
import type { Outcome, Sink } from '../sinks/sink.ts';
import type { Contexts } from '../store/contexts.ts';
import type { Hosts } from '../store/hosts.ts';
import type { Contents, LeasedItem } from '../store/item.ts';
import type { SplitPart } from '../store/leases.ts';
import type { Originals } from '../store/originals.ts';
import { DeadlineError, type OnLate, withinDeadline } from '../system/deadline.ts';
import { errorText } from '../system/error-text.ts';
import type { Moment } from '../system/moment.ts';
import { readContext, readKnown } from './known.ts';
import { addressed, digestWish, partsOf, unsplittable } from './split.ts';

/** A leased item, and its message where that is at hand. */
export interface Leased {
  readonly item: LeasedItem;
  readonly raw?: Uint8Array | undefined;
  /** When the lease was asked for; it cannot have begun before. */
  readonly askedAt?: Moment | undefined;
}

/** Added to an attempt's deadline for its lease: waiting, parsing, reading and settling. */
export const LEASE_MARGIN_MS = 60_000;

/** The options of an attempt. */
export interface AttemptOptions {
  readonly queue: Contents;
  /** What is remembered of notifications and of their addresses. */
  readonly remembered: Pick<Originals, 'knownOriginals'> & Pick<Contexts, 'contextOf'>;
  readonly parser: Pick<ReplyParser, 'parse'>;
  readonly sink: Sink;
  /** What the sink is called. */
  readonly name: string;
  /** Tells whether what was leased is still ours, and not taken over by other hosts; without it always. */
  readonly holds?: Hosts['holds'] | undefined;
  /** Hides tokens in a text that the sink gets. */
  readonly mask: (text: string) => string;
  /** Reads a bounce as an event; without it the sink is told of none. */
  readonly readBounce?: ReadBounce | undefined;
  readonly log: Log;
  readonly meter?: Meter | undefined;
  /** The time in total, parsing apart. */
  readonly attemptTimeoutMs: number;
}

/**
 * The cause by which an attempt ended: the sink's answer; no text; no word of which post of a digest it answers; a limit
 * of ours or the message's own form; the death of the parser's worker; nothing to deliver; a fault of ours; or it was not
 * ours any more.
 */
export type Cause =
  | 'sink'
  | 'empty'
  | 'unclear'
  | 'unreadable'
  | 'worker-died'
  | 'nothing'
  | 'internal'
  | 'not-ours';

/** The outcome of an attempt and its cause; `reason` is a word for what was never posted. */
export interface Attempt {
  readonly outcome: Outcome;
  readonly cause: Cause;
  readonly reason?: string | undefined;
  /** What was parsed of the message. */
  readonly reply?: ParsedReply | undefined;
  /** The parts that stand for it from now on: it was a reply to a digest. */
  readonly parts?: readonly SplitPart[] | undefined;
}

/** Makes an attempt. Never rejects. */
export async function attempt(options: AttemptOptions, leased: Leased): Promise<Attempt> {
  let prepared: Prepared | undefined;
  try {
    prepared = await prepareAttempt(options, leased);
    if ('outcome' in prepared) return prepared;
    const { deliver, reply } = prepared;
    const outcome = await askSink(options.attemptTimeoutMs, deliver, (error) => {
      const reason = error === undefined ? 'an answer' : errorText(error);
      options.log('sink_fault', { id: leased.item.id, reason: `after the deadline: ${reason}` });
    });
    return { outcome, cause: 'sink', reply };
  } catch (error) {
    if (error instanceof LeaseOver) return NOT_OURS;
    if (error instanceof NoPost) return { outcome: error.outcome, cause: 'sink', reply: prepared?.reply };
    options.log('attempt_failed', { id: leased.item.id, reason: errorText(error) });
    // What was ready for the sink failed in its hands.
    const cause = prepared === undefined ? 'internal' : 'sink';
    const outcome: Outcome = { kind: 'deferred', diagnostic: `internal: ${errorText(error)}` };
    return { outcome, cause, reply: prepared?.reply };
  }
}

/** The lease may be another host's. */
class LeaseOver extends Error {}

const NOT_OURS: Attempt = {
  outcome: { kind: 'deferred', diagnostic: 'another host may have it by now' },
  cause: 'not-ours',
};

/** The delivery that is ready, or the end of an attempt that has nothing to deliver. */
type Prepared =
  | { readonly deliver: (signal: AbortSignal) => Promise<Outcome>; readonly reply?: ParsedReply | undefined }
  | Attempt;

/** Prepares an attempt: takes the message apart, or reads the bounce. */
async function prepareAttempt(options: AttemptOptions, leased: Leased): Promise<Prepared> {
  const { item, raw } = leased;
  const message = raw ?? (await options.queue.content(item.id));
  if (message === undefined) return nothing('failed', 'the content is gone from the store');
  return item.bounce === undefined
    ? preparePost(options, leased, message)
    : prepareBounce(options, leased, message);
}

/** Ends an attempt that has nothing to deliver. */
function nothing(kind: 'failed' | 'posted', diagnostic: string): Attempt {
  return { outcome: { kind, diagnostic }, cause: 'nothing' };
}

async function preparePost(options: AttemptOptions, leased: Leased, message: Uint8Array): Promise<Prepared> {
  const { item } = leased;
  const { remembered, parser, sink, mask, log } = options;
  const gone = unsplittable(item, []);
  if (gone !== undefined) return nothing('failed', gone);
  const address = addressed(item, item.digest);
  const [known, context] = await Promise.all([
    readKnown(remembered, address, log),
    readContext(remembered, address),
  ]);
  const parsed = await parser.parse(message, known, digestWish(item));
  if (parsed.kind !== 'parsed') return unposted(parsed);
  if (parsed.answered !== undefined) return prepareSplit(item, parsed.answered);
  const post = toPost(item, parsed, mask, context);
  return {
    reply: post,
    deliver: async (signal) => {
      if (item.attempts > 1 && (await sink.exists?.(post, signal)) === true) {
        return { kind: 'posted', diagnostic: 'was on the platform already' };
      }
      return measured(options, leased, () => hand(sink, post, signal));
    },
  };
}

/** Hands a post to the sink, by the member that is for it. */
function hand(sink: Sink, post: Post, signal: AbortSignal): Promise<Outcome> {
  if (post.newThread === undefined) return sink.deliver(post, signal);
  if (sink.created !== undefined) return sink.created(post, signal);
  return Promise.resolve({ kind: 'failed', diagnostic: 'this sink starts no threads' });
}

/** Ends the attempt of a reply to a digest: its parts are posted in its place. */
function prepareSplit(item: LeasedItem, answered: readonly number[]): Attempt {
  const problem = unsplittable(item, answered);
  if (problem !== undefined) return { outcome: { kind: 'failed', diagnostic: problem }, cause: 'unreadable' };
  const parts = partsOf(item, answered);
  const diagnostic = `split into ${parts.length}: ${parts.map(({ thread }) => thread).join(', ')}`;
  return { outcome: { kind: 'posted', diagnostic }, cause: 'nothing', parts };
}

async function prepareBounce(
  options: AttemptOptions,
  leased: Leased,
  message: Uint8Array,
): Promise<Prepared> {
  const { item } = leased;
  const { sink, readBounce } = options;
  const bounce = await readBounce?.(item, message);
  if (bounce === undefined) return nothing('failed', 'no bounce can be read');
  const tell = sink.bounced?.bind(sink);
  if (tell === undefined) return nothing('posted', 'the sink does not want to know of bounces');
  return { deliver: (signal) => measured(options, leased, () => tell(bounce, signal)) };
}

/** Asks the sink, and measures how long that takes; throws {@link LeaseOver} where it is not ours to ask any more. */
async function measured(
  { meter, name, holds }: AttemptOptions,
  { askedAt }: Leased,
  ask: () => Promise<Outcome>,
): Promise<Outcome> {
  if (askedAt !== undefined && holds?.(askedAt, LEASE_MARGIN_MS) === false) throw new LeaseOver();
  const begunAt = performance.now();
  const outcome = await ask();
  const seconds = (performance.now() - begunAt) / 1000;
  // What is no sink's is asked of nobody.
  if (name !== NO_LANE)
    meter?.observe(
      'mailgw_sink_request_seconds',
      { sink: name, status: statusClass(outcome.status) },
      seconds,
    );
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

/**
 * Makes the post of an item from what was parsed of its message; `mask` hides tokens in what the item itself brings, `context`
 * is what the platform gave with the address.
 */
export function toPost(
  item: ReplyOrigin,
  parsed: Extract<ParseOutcome, { kind: 'parsed' }>,
  mask: (text: string) => string,
  context?: unknown,
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
  const given = context === undefined ? post : { ...post, context };
  const signed = smimeSignature === undefined ? given : { ...given, smimeSignature };
  const container = containerOf(thread);
  if (container === undefined) return signed;
  return { ...signed, thread: undefined, newThread: { container, title: titleOf(subject) } };
}

/** Says what becomes of a message that gives no post. */
function unposted(parsed: Exclude<ParseOutcome, { kind: 'parsed' }>): Attempt {
  const { reason } = parsed;
  switch (parsed.kind) {
    case 'empty': {
      const outcome: Outcome = { kind: 'failed', diagnostic: emptyDiagnostic(parsed) };
      return { outcome, cause: 'empty', reason: 'empty', reply: parsed.reply };
    }
    case 'unclear': {
      const outcome: Outcome = { kind: 'failed', diagnostic: `unclear which post it answers: ${reason}` };
      return { outcome, cause: 'unclear', reason: 'unclear', reply: parsed.reply };
    }
    case 'refused': {
      const diagnostic = `cannot be posted: ${reason}: ${parsed.diagnostic}`;
      return { outcome: { kind: 'failed', diagnostic }, cause: 'unreadable', reason };
    }
    case 'worker-died': {
      const diagnostic = `parser ${reason}: ${parsed.diagnostic}`;
      return { outcome: { kind: 'deferred', diagnostic }, cause: 'worker-died', reason };
    }
  }
}

/** Says why a reply is empty, and whether something of it was left out that would have made it a post. */
function emptyDiagnostic({ reason, reply }: Extract<ParseOutcome, { kind: 'empty' }>): string {
  const dropped = [...new Set(reply.dropped.map((part) => part.reason))];
  return `empty reply: ${reason}${dropped.length === 0 ? '' : `; left out: ${dropped.join(', ')}`}`;
}
