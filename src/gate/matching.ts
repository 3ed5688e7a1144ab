/**
 * Matching: whose a reply is that has no token, and where it goes.
 *
 * Contract: the author is the one user who has registered the address in From, and only what this very user was sent
 * counts: a notification that somebody sent on makes nobody else's mail a reply. First the Message-IDs that In-Reply-To and
 * References name: those of one thread, of which the newest that is named. Then, where they name nothing of anybody's, the
 * Subject: what the user was sent under it within `withinMs`. Mail that names what only others were sent is matched by
 * nothing. Several threads are told as they are, and held. What is found is a claim like another: age, sender policy (always
 * strict), rates and spam come after.
 * Failure: what is to nothing is refused where that tells its sender and nobody else, or nobody at all; else it is discarded.
 * A broken store rejects. Limits: {@link MOST_IDS} Message-IDs.
 */
import { matchRecipient } from '../mail/address.ts';
import { fieldsTo } from '../mail/addressed.ts';
import { classifyMessage } from '../mail/automatic.ts';
import type { MatchRule } from '../mail/disposition.ts';
import { fieldText } from '../mail/field-words.ts';
import { type Header, headerValues } from '../mail/header.ts';
import { senderOf } from '../mail/mailbox.ts';
import { normaliseMessageId, splitIds } from '../mail/message-id.ts';
import { subjectKeys } from '../mail/subject-key.ts';
import type { Directory, User } from '../store/directory.ts';
import type { Notified, NotifiedPost } from '../store/notified.ts';
import type { Restores } from '../store/restores.ts';
import type { Message } from './case.ts';
import { malformed } from './message-rules.ts';
import { type Claim, RESTORED_FOR_MS } from './recipient.ts';
import type { GateRules } from './rules.ts';
import { isFromUser } from './sender-policy.ts';
import { discard, type End, endAt, type Trail } from './trail.ts';

/** Message-IDs that are looked up; whoever names more has named the newest by then. */
const MOST_IDS = 50;

/** The ground of matching. */
export interface MatchGround {
  readonly rules: GateRules;
  readonly directory: Pick<Directory, 'usersByAddress' | 'locatorNow'> & Restores;
  readonly notified: Pick<Notified, 'notifiedByIds' | 'notifiedBySubject'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly message: Message;
  readonly trail: Trail;
}

/** The notifications that a message may be to, the likeliest first, or why it is to none. */
type Found =
  | { readonly by: MatchRule; readonly posts: readonly [NotifiedPost, ...NotifiedPost[]] }
  | { readonly nothing: string };

/** Matches a message without a token; `hasToken` says that it came to one as well. */
export async function matchReply(ground: MatchGround, hasToken: boolean): Promise<Claim | End> {
  const { rules, directory, message, trail } = ground;
  const { scan, raw, envelope } = message;
  if (!scan.ok) return malformed({ trail }, scan.problem);
  const { header } = scan;
  const automatic = classifyMessage(raw, header, envelope.reversePath, rules.own);
  if (automatic !== null && automatic.kind !== 'list')
    return discard({ trail }, 'automatic', automatic.kind, automatic.reason);
  if (hasToken || namesToken(rules, header))
    return unmatched(ground, header, 'it names a reply address, which decides');
  const sender = senderOf(header);
  if (!sender.ok) return malformed({ trail }, `From: ${sender.problem}`);
  const users = await directory.usersByAddress(sender.mailbox.address, rules.plusTags ?? 'compare');
  const [user] = users;
  if (user === undefined) return unmatched(ground, header, 'From is the address of no user');
  if (users.length > 1)
    return unmatched(ground, header, `From is the address of ${users.length} users, and says not of which`);
  if (!user.enabled) return unmatched(ground, header, `${user.name} is disabled`);
  const found = await findPosts(ground, header, user);
  if ('nothing' in found)
    return (await maybeLost(ground, user)) ?? unmatched(ground, header, found.nothing, user);
  return claimOf(ground, user, found);
}

/** Puts a user's mail off for a day after a restore: what they were sent since the backup may be lost with the rest. */
async function maybeLost({ directory, now, trail }: MatchGround, { name }: User): Promise<End | undefined> {
  const restored = await directory.lastRestore();
  if (restored === undefined || now() - restored.restoredAt >= RESTORED_FOR_MS) return undefined;
  const backup = new Date(restored.backedUpAt).toISOString();
  const detail = `what ${name} was sent since this store's backup of ${backup} is not known`;
  return endAt({ trail }, 'match', { verdict: 'deferred', reason: 'restored', detail });
}

/** Tells whether the author wrote to a reply address. */
function namesToken({ forms, aliases = [] }: GateRules, header: Header): boolean {
  const all = [...forms, ...aliases];
  return fieldsTo(header, (address) => matchRecipient(all, address).kind === 'token').length > 0;
}

/** Finds what a message is to among the notifications that its author was sent. */
async function findPosts(ground: MatchGround, header: Header, user: User): Promise<Found> {
  const { rules, notified } = ground;
  const by = rules.matching?.by ?? [];
  const { own, others } = await notified.notifiedByIds(user.number, namedIds(header));
  const [foreign, threads] = await Promise.all([threadsOf(ground, others), threadsOf(ground, own)]);
  const [newest, ...older] = own;
  if (newest === undefined && foreign.length > 0)
    return { nothing: `it names a notification that others were sent, and ${user.name} was not` };
  if (newest !== undefined && by.includes('message-id')) {
    const stray = foreign.find((thread) => !threads.includes(thread));
    if (stray !== undefined)
      return { nothing: `it names a notification about ${stray}, which ${user.name} was not sent` };
    return { by: 'message-id', posts: [newest, ...older] };
  }
  return by.includes('subject') ? findBySubject(ground, header, user) : NOTHING;
}

const NOTHING: Found = { nothing: 'it names no notification of its author' };

/** Finds what a user was sent under a Subject; the most complete form of it that was sent decides. */
async function findBySubject(
  { rules, notified, now }: MatchGround,
  header: Header,
  { number }: User,
): Promise<Found> {
  const since = now() - (rules.matching?.withinMs ?? 0);
  const subject = onlyValue(header, 'subject') === '' ? '' : fieldText(header, 'subject');
  for (const key of subjectKeys(subject)) {
    const [newest, ...older] = await notified.notifiedBySubject(number, key, since);
    if (newest !== undefined) return { by: 'subject', posts: [newest, ...older] };
  }
  return NOTHING;
}

/** Gives the value of a field that is there once: of two a signature may cover one, and somebody may have added the other. */
function onlyValue(header: Header, name: string): string {
  const [value = '', ...more] = headerValues(header, name);
  return more.length > 0 ? '' : value;
}

/** Lists the Message-IDs that a header answers, the newest first. */
function namedIds(header: Header): readonly string[] {
  const answered = splitIds(onlyValue(header, 'in-reply-to'));
  const chain = splitIds(onlyValue(header, 'references')).reverse();
  const ids = [...answered, ...chain].flatMap((id) => normaliseMessageId(id) ?? []);
  return [...new Set(ids)].slice(0, MOST_IDS);
}

/** Gives the threads of notifications by their locators of today, each once. */
async function threadsOf(
  { directory }: MatchGround,
  posts: readonly NotifiedPost[],
): Promise<readonly string[]> {
  const threads = await Promise.all(
    posts.map(({ thread, repliedToAt }) => directory.locatorNow(thread, repliedToAt)),
  );
  return [...new Set(threads)];
}

async function claimOf(
  ground: MatchGround,
  user: User,
  { by, posts }: Exclude<Found, { nothing: string }>,
): Promise<Claim> {
  const [{ messageId, thread, repliedToAt }] = posts;
  const threads = await threadsOf(ground, posts);
  const saw = `by ${by}: ${user.name} was sent <${messageId}>; thread: ${threads.join(' or ')}`;
  ground.trail?.push({ rule: 'match', result: threads.length > 1 ? 'held' : 'pass', saw });
  return {
    user,
    proof: { kind: 'matched', by, threads },
    target: { locator: thread, repliedTo: Math.floor(repliedToAt / 1000) },
  };
}

/** Ends the way of mail that is to nothing. */
function unmatched({ rules, message, trail }: MatchGround, header: Header, saw: string, user?: User): End {
  const gate: GateRules = rules.senderPolicy === 'off' ? { ...rules, senderPolicy: 'strict' } : rules;
  const isUsers = user !== undefined && isFromUser({ gate, claim: { user }, message, header });
  // A source of its own answers nobody.
  if (message.envelope.rules === undefined && !isUsers) return discard({ trail }, 'match', 'unmatched', saw);
  const disposition = { verdict: 'rejected', reason: 'no-such-address', detail: 'unmatched' } as const;
  return endAt({ trail }, 'match', disposition, saw);
}
