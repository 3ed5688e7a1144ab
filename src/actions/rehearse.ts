/**
 * A rehearsal of one message's way: every verdict that it would get, and the post that would be sent.
 *
 * Contract: the same gate, parser and store as the daemon's, in the same order, but nothing is written: no item, no
 * dedupe row, no post. The way ends at the first step that ends it for a real message.
 * Limits: rates are not counted, and a sink is not asked.
 */

import { toPost } from '../delivery/attempt.ts';
import { readContext, readKnown } from '../delivery/known.ts';
import { addressed } from '../delivery/split.ts';
import type { Claim, Unmatched } from '../gate/recipient.ts';
import type { SourceRules } from '../gate/rules.ts';
import type { Finding } from '../gate/trail.ts';
import { type Disposition, replyTo } from '../mail/disposition.ts';
import { parseMail, parseRcpt } from '../mail/envelope.ts';
import { partItemId } from '../mail/item-id.ts';
import type { ReplyOrigin } from '../mail/origin.ts';
import { isDigest } from '../mail/reserved.ts';
import { formatReply, type Reply } from '../mail/status.ts';
import type { KnownOriginals, ParsedReply, ParseOutcome, PostAttachment } from '../reply/post.ts';
import { previewPost } from '../sinks/catalogue.ts';
import type { Preview } from '../sinks/sink-kind.ts';
import { withoutPrefix } from '../sinks/under-prefix.ts';
import type { Config } from '../site/config.ts';
import { openParser } from '../site/parser.ts';
import type { SecretSession, Session } from '../site/session.ts';
import { knownThreads, sinkOf } from '../site/sinks.ts';
import { tokenMask } from '../site/token-mask.ts';
import type { ItemDigest } from '../store/digests.ts';
import type { ItemOrigin, ItemView, NewItem } from '../store/item.ts';
import { openDryGate } from './dry-gate.ts';
import { badInput, unknown } from './fault.ts';

/** One step of the way; `reply` is the LMTP reply that it gives. */
export interface Stage {
  readonly step:
    | 'source'
    | 'envelope'
    | 'recipient'
    | 'size'
    | 'message'
    | 'duplicate'
    | 'original'
    | 'parse'
    | 'sink';
  readonly verdict: string;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly reply: string | null;
  /** What each rule of the gate saw in this step. */
  readonly rules: readonly Saw[];
}

/** The findings of a rule; of a text that was taken apart, each cut is one. */
export interface Saw {
  readonly rule: string;
  readonly result: string;
  readonly saw: string;
}

/** The text of a reply split in three, and the Markdown that would be posted. */
export type SplitText = Readonly<Record<'markdown' | 'text' | 'quoted' | 'signature', string>> & {
  readonly cuts: ParsedReply['body']['cuts'];
};

/**
 * The whole way; `post` is undefined when none would come of the message. `text` is there as soon as the message was
 * taken apart, also where nothing in it was typed.
 */
export interface Rehearsal {
  readonly steps: readonly Stage[];
  readonly text: SplitText | undefined;
  readonly post: RehearsedPost | undefined;
}

/** A post as the sink would send it, and the attachments in it. */
export interface RehearsedPost extends Preview {
  readonly attachments: readonly PostAttachment[];
}

/** A message and its envelope; the paths without brackets. */
export interface Rehearsed {
  readonly raw: Uint8Array;
  readonly recipient: string;
  readonly reversePath: string;
  /** What its source judges by; undefined where the site's Postfix would deliver it. */
  readonly rules?: SourceRules;
}

/** Rehearses a message. */
export async function rehearse(session: SecretSession, message: Rehearsed): Promise<Rehearsal> {
  const { config } = session;
  const gate = openDryGate(session);
  const steps: Stage[] = [];
  const end = (...last: Stage[]): Rehearsal => ({
    steps: [...steps, ...last],
    text: undefined,
    post: undefined,
  });

  const envelope = judgeEnvelope(message);
  if (envelope !== undefined) return end(envelope);
  const atRcpt: Finding[] = [];
  const recipient = await gate.recipient(message.recipient, atRcpt);
  if (recipient.kind === 'refused') return end(ofDisposition('recipient', recipient.disposition, atRcpt));
  steps.push(ofClaim(recipient.claim, atRcpt));
  if (message.raw.length > config.lmtp.maxMessageBytes) {
    const detail = `${message.raw.length} bytes; lmtp.max_message is ${config.lmtp.maxMessageBytes}`;
    return end(ofDisposition('size', { verdict: 'rejected', reason: 'too-big', detail }));
  }
  const atData: Finding[] = [];
  const sender = { reversePath: message.reversePath, rules: message.rules };
  const judged = await gate.judge(sender, recipient.claim, message.raw, atData);
  if (judged.kind === 'end') return end(ofDisposition('message', judged.disposition, atData));
  steps.push(ofItem(judged.item, atData));
  const first = await session.store.duplicateOf(judged.item);
  if (first !== undefined) {
    const rules: Finding[] = [{ rule: 'duplicate', result: 'duplicate', saw: `a copy of ${first}` }];
    return end(ofDisposition('duplicate', { verdict: 'accepted', reason: 'duplicate', id: first }, rules));
  }
  const saw = 'the first copy of this message';
  steps.push(plain('duplicate', 'none', null, saw, [{ rule: 'duplicate', result: 'pass', saw }]));
  const { bounce } = judged.item;
  if (bounce !== undefined) return end(plain('parse', 'none', null, `a ${bounce} bounce: an event, no post`));
  const digest = await digestTo(session, judged.item.thread);
  const known = await readKnown(session.store, judged.item, (_event, { reason } = {}) => {
    steps.push(plain('original', 'unread', null, String(reason)));
  });
  if (known !== undefined) steps.push(ofKnown(known));
  const whole = await parse(config, message.raw, { known, digest });
  steps.push(ofParse(whole, digest));
  const { item, parsed } = await firstPart(config, judged.item, message.raw, {
    parsed: whole,
    known,
    digest,
  });
  const text = 'reply' in whole ? whole.reply.body : undefined;
  if (parsed.kind !== 'parsed') return { steps, text, post: undefined };
  const post = await previewOf(session, item, parsed, judged.item);
  if (post === undefined) steps.push(plain('sink', 'deferred', 'no-sink', noSink(session, item)));
  return { steps, text, post };
}

/** Says that no sink is for the thread of an item. */
const noSink = ({ config }: Session, { thread }: Pick<ReplyOrigin, 'thread'>): string =>
  `no [[sink]] is for the thread ${thread}: it waits for one; there are ${knownThreads(config)}`;

/** Finds the digest that a locator is of. */
async function digestTo({ store }: Session, locator: string): Promise<ItemDigest | undefined> {
  const posts = isDigest(locator) ? await store.digestPosts(locator) : undefined;
  return posts && { locator, posts, post: undefined };
}

/** The ground on which a reply is taken apart. */
interface Ground {
  readonly known: KnownOriginals | undefined;
  readonly digest: ItemDigest | undefined;
}

async function parse(config: Config, raw: Uint8Array, { known, digest }: Ground): Promise<ParseOutcome> {
  const pool = openParser(config, 1);
  const wish = digest && { labels: digest.posts.map(({ label }) => label), post: digest.post };
  try {
    // A copy, because the parser takes the memory over; a slice of a Buffer is none.
    return await pool.parse(new Uint8Array(raw), known, wish);
  } finally {
    await pool.close();
  }
}

/** A reply to a digest, parsed. */
interface ParsedWhole extends Ground {
  readonly parsed: ParseOutcome;
}

/** Gives the first part of a reply that answers posts of a digest, in its thread; any other reply as it is. */
async function firstPart(
  config: Config,
  item: ReplyOrigin,
  raw: Uint8Array,
  { parsed, known, digest }: ParsedWhole,
): Promise<{ readonly item: ReplyOrigin; readonly parsed: ParseOutcome }> {
  const post = parsed.kind === 'parsed' ? parsed.answered?.[0] : undefined;
  const target = digest?.posts[(post ?? 0) - 1];
  if (digest === undefined || post === undefined || target === undefined) return { item, parsed };
  const { thread, repliedToAt } = target;
  const part = await parse(config, raw, { known, digest: { ...digest, post } });
  return { item: { ...item, id: partItemId(item.id, post), thread, repliedToAt }, parsed: part };
}

async function previewOf(
  { config, store }: SecretSession,
  item: ReplyOrigin,
  parsed: Extract<ParseOutcome, { kind: 'parsed' }>,
  address: Pick<ItemOrigin, 'userNumber' | 'thread' | 'repliedToAt'>,
): Promise<RehearsedPost | undefined> {
  const sink = sinkOf(config, item.thread);
  if (sink === undefined) return undefined;
  const whole = toPost(item, parsed, tokenMask(config), await readContext(store, address));
  const post = sink.threads === undefined ? whole : withoutPrefix(whole, sink.threads);
  const { body, fields } = await previewPost(sink.options, post);
  return { body, fields, attachments: post.attachments };
}

// ---- Steps in words ---------------------------------------------------------------------------------------------

function plain(
  step: Stage['step'],
  verdict: string,
  reason: string | null,
  detail: string | null,
  rules: readonly Saw[] = [],
): Stage {
  return { step, verdict, reason, detail, reply: null, rules };
}

function ofDisposition(step: Stage['step'], disposition: Disposition, rules: readonly Finding[] = []): Stage {
  const { verdict, reason } = disposition;
  const detail = disposition.detail ?? null;
  return { step, verdict, reason, detail, reply: formatReply(replyTo(disposition)), rules };
}

/** Judges the syntax of what MAIL and RCPT would say. */
function judgeEnvelope({ recipient, reversePath }: Rehearsed): Stage | undefined {
  const refused = (reply: Reply, detail: string): Stage => ({
    ...plain('envelope', 'rejected', 'syntax', detail),
    reply: formatReply(reply),
  });
  const mail = parseMail(`FROM:<${reversePath}>`);
  if (!mail.ok) return refused(mail.reply, `the reverse-path <${reversePath}> is no mail address`);
  const rcpt = parseRcpt(`TO:<${recipient}>`);
  return rcpt.ok ? undefined : refused(rcpt.reply, `the recipient <${recipient}> is no mail address`);
}

function ofClaim(claim: Claim | Unmatched, rules: readonly Finding[]): Stage {
  if (claim.user === undefined || claim.proof.kind !== 'token') {
    const detail = 'one of matching.addresses, which takes replies without a token';
    return plain('recipient', 'accepted', null, detail, rules);
  }
  const { user, proof, target } = claim;
  const thread = target === undefined ? 'bound: In-Reply-To or References must name it' : target.locator;
  const detail = `a ${proof.token.form} address of ${user.name}; thread: ${thread}`;
  return plain('recipient', 'accepted', null, detail, rules);
}

function ofItem(item: NewItem, rules: readonly Finding[]): Stage {
  const { policy, result } = item.authentication;
  const repliedTo = new Date(item.repliedToAt).toISOString();
  const matched = item.matched === undefined ? '' : `; matched by ${item.matched}`;
  const detail = `thread: ${item.thread}${matched}; replied to: ${repliedTo}; sender policy ${policy}: ${result}`;
  const reason = item.hold === undefined ? 'queued' : `held: ${item.hold}`;
  return plain('message', 'accepted', reason, detail, rules);
}

/** Says what is remembered of the thread's notifications. */
function ofKnown({ sketches, subjects }: KnownOriginals): Stage {
  const count = sketches.length === 1 ? 'notification' : 'notifications';
  const saw = `${sketches.length} ${count} of the thread: ${subjects.map((one) => JSON.stringify(one)).join(', ')}`;
  return plain('original', 'known', null, saw, [{ rule: 'original', result: 'known', saw }]);
}

const SIGNED = 'signed content read without verifying the signature';

function ofParse(parsed: ParseOutcome, digest?: ItemDigest): Stage {
  switch (parsed.kind) {
    case 'parsed': {
      const { attachments, dropped, body } = parsed.reply;
      const left = dropped.map(({ filename, reason }) => `${filename} (${reason})`).join(', ');
      const found = `${body.markdown.length} characters of new text, ${attachments.length} attachments`;
      const signed = parsed.reply.smimeSignature === undefined ? '' : `; ${SIGNED}`;
      const labels = parsed.answered?.map((post) => digest?.posts[post - 1]?.label ?? '');
      const answers =
        labels === undefined ? '' : `; answers ${labels.join(', ')}, the first of which is shown`;
      const seen = `${found}${signed}${answers}${left === '' ? '' : `; left out: ${left}`}`;
      return plain('parse', 'parsed', null, seen, cutsOf('parsed', seen, parsed.reply));
    }
    case 'empty':
      return plain(
        'parse',
        'failed',
        'empty',
        parsed.reason,
        cutsOf('failed', `empty: ${parsed.reason}`, parsed.reply),
      );
    case 'unclear':
      return plain(
        'parse',
        'failed',
        'unclear',
        parsed.reason,
        cutsOf('failed', `unclear: ${parsed.reason}`, parsed.reply),
      );
    case 'refused':
    case 'worker-died':
      return plain('parse', 'failed', parsed.reason, parsed.diagnostic);
  }
}

/** Writes a line for the text as a whole, and one for each cut with the signs that spoke for it. */
function cutsOf(result: string, saw: string, { body }: ParsedReply): Saw[] {
  const cuts = body.cuts.map(({ what, signs }) => ({ rule: 'cut', result: what, saw: signs.join(', ') }));
  return [{ rule: 'parse', result, saw }, ...cuts];
}

/** Shows the post that would be sent of an item. */
export async function previewItem(session: SecretSession, { id, user }: ItemView): Promise<unknown> {
  const { config, store } = session;
  const raw = await store.content(id);
  if (raw === undefined) throw unknown('id', `item ${id}: its message is not kept`);
  const [trace] = await store.traces(id);
  if (trace === undefined) throw unknown('id', `item ${id}: is gone meanwhile`);
  const digest = await store.digestOf(id);
  const address = addressed(trace.item, digest);
  const known = await readKnown(store, address, () => undefined);
  const whole = await parse(config, raw, { known, digest });
  if (whole.kind !== 'parsed')
    throw badInput(`item ${id}: gives no post for ${user}: ${ofParse(whole).reason ?? whole.kind}`);
  const { authentication, isFlaggedSpam } = trace;
  const spam =
    isFlaggedSpam === undefined ? undefined : { score: trace.item.spamScore, flagged: isFlaggedSpam };
  const userNumber = (await store.userByName(user))?.number;
  const origin = { ...trace.item, userNumber, authentication, spam };
  const { item, parsed } = await firstPart(config, origin, raw, { parsed: whole, known, digest });
  // The same mail, which was parsed a moment ago.
  if (parsed.kind !== 'parsed') throw new Error(`item ${id}: a part of it gives no post`);
  const post = await previewOf(session, item, parsed, { ...address, userNumber });
  if (post === undefined) throw badInput(`item ${id}: ${noSink(session, item)}`);
  return post.body;
}
