/**
 * A notification that mailgw sends: mints its address, composes it, and commits it; the daemon sends it.
 *
 * Contract: one mail to one user, at an address that they are registered with. It is on disk when the promise resolves.
 * Under an Idempotency-Key at most one is made: the same request gets the first one's answer, for as long as its row is
 * kept (7 days and more). The address is written as it is registered.
 * Failure: a Fault for each field that cannot be taken, for a user who could not reply, and for another request under
 * the same key.
 */
import { createHash, randomBytes } from 'node:crypto';
import { isMatching, noticeSender } from '../config/config.ts';
import { foldAddress, isPlainAddress } from '../mail/address.ts';
import { encodeBase32 } from '../mail/base32.ts';
import { formatItemId, ITEM_ID_RANDOM_BYTES } from '../mail/item-id.ts';
import { type ContentProblem, type NotificationContent, readContent } from '../mail/notification.ts';
import type { OutgoingMail } from '../mail/outgoing.ts';
import { composeNotification } from '../outbound/compose.ts';
import { noticeLoopToken } from '../site/gate-rules.ts';
import { remember } from '../site/remember.ts';
import type { SecretSession, Session } from '../site/session.ts';
import type { User } from '../store/directory.ts';
import type { NotificationView } from '../store/notifications.ts';
import type { NewNotified } from '../store/notified.ts';
import { isPrintable } from '../system/printable.ts';
import { EXIT, Fault, invalid, unknown } from './fault.ts';
import { type Minted, mint } from './mint.ts';
import { DIGEST_ID_BYTES, type Notification, type OrderedPost } from './order.ts';
import { findUser } from './users.ts';

/** A notification that a platform asks for. */
export interface NotifyRequest extends NotificationContent {
  readonly user: string;
  /** The thread, or the posts of a digest: exactly one of the two. */
  readonly thread?: string | undefined;
  readonly posts?: readonly OrderedPost[] | undefined;
  /** When the post was made, in any form that times are read in; now where undefined. */
  readonly repliedTo?: string | undefined;
  /** One of the user's registered addresses; the first of them in the order of `user show` where undefined. */
  readonly to?: string | undefined;
}

/** A notification that is committed. */
export interface Queued {
  readonly id: string;
  /** Without brackets. */
  readonly messageId: string;
  readonly replyTo: string;
  /** Whether the same request came before under its key. */
  readonly isRepeated: boolean;
}

/** The fault of a content, field by field. */
export class ContentFault extends Fault {
  readonly errors: readonly ContentProblem[];

  constructor(errors: readonly ContentProblem[]) {
    super(
      EXIT.badInput,
      errors.map(({ path, problem }) => `${path.join('.')}: ${problem}`),
    );
    this.errors = errors;
  }
}

const MAX_KEY_OCTETS = 400;

/** Commits a notification to one user, about one post or the posts of a digest; the key begins with its holder. */
export async function notify(
  session: SecretSession,
  request: NotifyRequest,
  idempotencyKey?: string,
): Promise<Queued> {
  const { store } = session;
  checkKey(idempotencyKey);
  const read = readContent(request);
  if (!read.ok) throw new ContentFault(read.problems);
  const to = recipientOf(await findUser(store, request.user), request.to);
  const address = addressOf(request, idempotencyKey);
  const minted = await mint(session, address);
  checkAge(minted, session);
  const mail = compose(session, minted, to, read.content);
  // Before the notification: what fails here sends nothing, and what is remembered of one that came before is the same.
  await rememberSaid(session, minted, mail);
  const addition = await store.addNotification({
    id: mail.id,
    user: minted.user,
    userNumber: minted.userNumber,
    thread: minted.locator,
    repliedToAt: minted.repliedTo * 1000,
    messageId: minted.messageId,
    idempotencyKey,
    request: digestOf(request),
    createdAt: mail.date,
    mail,
    notified: await notifiedOf(session, minted, mail),
  });
  const { messageId, replyTo } = minted;
  if (addition.kind === 'added') return { id: mail.id, messageId, replyTo, isRepeated: false };
  const { earlier } = addition;
  if (addition.kind === 'conflict') {
    throw invalid(
      'idempotency_key',
      `--key "${idempotencyKey ?? ''}": another notification was made under it, ${earlier.id}; expected a key of its own for each`,
    );
  }
  // The reply address is in no store: it is minted again, for the same time.
  const repliedTo = new Date(earlier.repliedToAt).toISOString();
  const again = await mint(session, { ...address, repliedTo });
  return { id: earlier.id, messageId: earlier.messageId, replyTo: again.replyTo, isRepeated: true };
}

/** Remembers what is said, for the replies. */
async function rememberSaid(
  { config, store }: SecretSession,
  { locator: thread, repliedTo }: Minted,
  { subject, from, text, html }: OutgoingMail,
): Promise<void> {
  await remember(store, config.reply, { thread, repliedTo, subject, from, text, html });
}

/** Says who is notified, where replies without a token are matched by that. */
async function notifiedOf(
  { config }: SecretSession,
  { locator: thread, ...minted }: Minted,
  { subject }: OutgoingMail,
): Promise<NewNotified | undefined> {
  if (!isMatching(config)) return undefined;
  const { notifiedFor } = await import('../site/notified.ts');
  return notifiedFor(config.reply, { ...minted, thread, subject }, Date.now());
}

/** Finds a notification by its id. */
export async function notificationState({ store }: Session, id: string): Promise<NotificationView> {
  const view = await store.notification(id);
  if (view !== undefined) return view;
  throw unknown(
    'id',
    `notification "${id}": there is none, or not any more; "mailgw-ctl notification list" shows them`,
  );
}

/** Gives the address to mint. Under a key a digest has the same id each time, so that a repetition means the first one. */
function addressOf(request: NotifyRequest, key: string | undefined): Notification {
  const { user, thread, posts, repliedTo } = request;
  if ((thread === undefined) === (posts === undefined))
    throw invalid('thread', '--thread: expected exactly one of thread and posts');
  if (posts === undefined || key === undefined) return { user, thread, posts, repliedTo, isSentHere: true };
  const hash = createHash('sha256').update(`${key}\0`).update(digestOf(request)).digest();
  const digestId = encodeBase32(hash.subarray(0, DIGEST_ID_BYTES));
  return { user, posts, repliedTo, digestId, isSentHere: true };
}

function compose(
  { config }: SecretSession,
  { messageId, replyTo, rootId }: Minted,
  to: string,
  content: NotificationContent,
): OutgoingMail {
  const createdAt = Date.now();
  const address = config.outbound.from === 'reply-address' ? replyTo : noticeSender(config);
  return composeNotification(
    {
      id: formatItemId(createdAt, randomBytes(ITEM_ID_RANDOM_BYTES)),
      to,
      from: { name: config.notice.name, address },
      replyTo,
      messageId,
      rootId,
      createdAt,
      loopToken: noticeLoopToken(config),
    },
    content,
  );
}

/** Chooses the address that the mail goes to, as the directory spells it. */
function recipientOf({ name, addresses }: User, wanted: string | undefined): string {
  const [first] = addresses;
  if (first === undefined) {
    throw invalid('user', `user "${name}": has no address; "mailgw-ctl user set" gives them one`);
  }
  const folded = foldAddress(wanted ?? first);
  const to = addresses.find((address) => foldAddress(address) === folded);
  if (to === undefined) {
    throw invalid(
      'to',
      `--to "${wanted ?? ''}": is no address of ${name}; expected ${addresses.join(' or ')}`,
    );
  }
  if (!isPlainAddress(to)) {
    throw invalid('to', `--to "${to}": is not a plain address; expected one without quotes and spaces`);
  }
  return to;
}

/** Refuses a notification that could not be answered. */
function checkAge({ age, repliedTo }: Minted, { config }: SecretSession): void {
  if (age === 'valid') return;
  const time = new Date(repliedTo * 1000).toISOString();
  const days = Math.floor(config.reply.maxAgeMs / 86_400_000);
  const problem =
    age === 'expired' ? `lies further back than reply.max_age (${days}d)` : 'lies in the future';
  throw invalid('replied_to', `--replied-to "${time}": ${problem}; a reply would be refused`);
}

function checkKey(key: string | undefined): void {
  if (key === undefined) return;
  const octets = Buffer.byteLength(key);
  if (octets === 0 || octets > MAX_KEY_OCTETS || !isPrintable(key)) {
    throw invalid(
      'idempotency_key',
      `--key "${key.slice(0, 60)}": expected 1 to ${MAX_KEY_OCTETS} octets without control characters`,
    );
  }
}

/** Makes the digest of a request: the same for the same values, in whatever order they were written. */
function digestOf(request: NotifyRequest): Uint8Array {
  return createHash('sha256')
    .update(JSON.stringify(ordered(request)))
    .digest();
}

function ordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, each]) => [key, ordered(each)]);
}
