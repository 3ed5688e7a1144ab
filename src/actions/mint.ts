/**
 * The reply addresses of notifications, and what their mails must carry; a bound address only works with its Message-ID.
 *
 * Contract: many are minted in one commit, each for itself: what is wrong with one stands in its place.
 * Failure: a Fault for a user who could not reply, a place that cannot be (order.ts), a thread that no Message-ID can
 * carry; for all, where the pepper's addresses would be void.
 */
import { randomBytes } from 'node:crypto';
import { isMatching } from '../config/config.ts';
import { formatReplyAddress, mintingForm } from '../mail/address.ts';
import { createLaneOf, isStray } from '../mail/lane.ts';
import {
  formatRootId,
  formatThreadMessageId,
  MAX_MESSAGE_ID_OCTETS,
  MESSAGE_ID_NONCE_BYTES,
  parseThreadMessageId,
} from '../mail/message-id.ts';
import { judgeAge, mintBoundToken, mintSealedToken } from '../mail/token.ts';
import { QUIET_FIELDS } from '../outbound/compose.ts';
import { mintingKey } from '../outbound/reply-address.ts';
import type { Config } from '../site/config.ts';
import type { Original } from '../site/known-original.ts';
import { mintingPepper } from '../site/pepper.ts';
import { remember } from '../site/remember.ts';
import type { SecretSession, Session } from '../site/session.ts';
import { knownThreads, lanesOf } from '../site/sinks.ts';
import type { DigestPost, NewDigest } from '../store/digests.ts';
import type { User } from '../store/directory.ts';
import { contextText, type GivenContext, setContext } from './context.ts';
import { EXIT, Fault, invalid } from './fault.ts';
import { type Notification, type Place, readPlace } from './order.ts';
import { findUser } from './users.ts';

/** The addresses that the notification must carry; times in Unix seconds, ids without brackets. */
export interface Minted {
  readonly replyTo: string;
  readonly messageId: string;
  /** The id that all notifications of the thread answer. */
  readonly rootId: string;
  readonly user: string;
  readonly userNumber: number;
  /** The locator that the address was made for. */
  readonly locator: string;
  /** Undefined of a digest, and of an address that starts threads. */
  readonly thread: string | undefined;
  readonly posts: readonly DigestPost[] | undefined;
  readonly container: string | undefined;
  readonly repliedTo: number;
  readonly expiresAt: number;
  /** How the address stands to the clock already. */
  readonly age: ReturnType<typeof judgeAge>;
}

/** A notification that was found good, before its thread has a number. */
interface Draft extends Place {
  readonly user: User;
  readonly key: Uint8Array;
  readonly messageId: string;
  readonly isBound: boolean;
}

/** Mints the address of one user's notification about one post. */
export async function mint(session: SecretSession, asked: Notification): Promise<Minted> {
  const [minted] = await mintAll(session, [asked]);
  if (minted === undefined || minted instanceof Fault) throw minted ?? new Error('nothing was minted');
  return minted;
}

/** Mints many addresses, in their order; where one cannot be, the Fault stands in its place. */
export async function mintAll(
  session: SecretSession,
  asked: readonly Notification[],
): Promise<readonly (Minted | Fault)[]> {
  const { config, peppers, store } = session;
  const now = Date.now();
  // Under another pepper than the store's these addresses would be void, or all others.
  const minting = await mintingPepper(store, peppers, now);
  if (!minting.ok) throw new Fault(EXIT.configuration, minting.problem);
  const form = mintingForm(config.reply);
  const keyed = createKeyring(session, minting.pepper);
  const drafts = await Promise.all(
    asked.map((notification) => caught(() => draft(session, notification, form.domain, now, keyed))),
  );
  const numbers = await numberThreads(session, drafts);
  const minted = drafts.map((each): Minted | Fault => {
    if (each instanceof Fault) return each;
    const { user, locator, posts, container, repliedTo, messageId } = each;
    return {
      replyTo: formatReplyAddress(form, tokenOf(each, numbers.get(locator) ?? 0)),
      messageId,
      rootId: formatRootId(locator, form.domain),
      user: user.name,
      userNumber: user.number,
      locator,
      thread: posts === undefined && container === undefined ? locator : undefined,
      posts,
      container,
      repliedTo,
      expiresAt: repliedTo + Math.floor(config.reply.maxAgeMs / 1000),
      age: judgeAge(repliedTo, now, config.reply.maxAgeMs),
    };
  });
  await keepWith(session, minted, asked);
  return minted;
}

/** Keeps what was given with the addresses: contexts, and the words of the notifications. */
async function keepWith(
  { config, store }: SecretSession,
  minted: readonly (Minted | Fault)[],
  asked: readonly Notification[],
): Promise<void> {
  const contexts: GivenContext[] = [];
  const originals: Original[] = [];
  minted.forEach((each, index) => {
    const { context, original } = asked[index] ?? {};
    if (each instanceof Fault) return;
    if (context !== undefined) contexts.push({ ...each, thread: each.locator, context });
    if (original !== undefined) originals.push({ ...original, ...pick(each), from: original.from ?? {} });
  });
  await setContext(store, ...contexts);
  await remember(store, config.reply, ...originals);
  if (isMatching(config)) await rememberNotified({ config, store }, minted, asked);
}

/** Remembers who is to be sent a notification that the platform sends itself, under the Message-ID that it got. */
async function rememberNotified(
  { config, store }: Session,
  minted: readonly (Minted | Fault)[],
  asked: readonly Notification[],
): Promise<void> {
  const { notifiedFor } = await import('../site/notified.ts');
  const now = Date.now();
  const notified = minted.flatMap((each, index) => {
    const { isSentHere = false, original } = asked[index] ?? {};
    if (each instanceof Fault || each.container !== undefined || isSentHere) return [];
    const { locator: thread } = each;
    return [notifiedFor(config.reply, { ...each, thread, subject: original?.subject ?? '' }, now)];
  });
  if (notified.length > 0) await store.rememberNotified(notified);
}

const pick = ({ locator: thread, repliedTo }: Minted) => ({ thread, repliedTo });

/** Lists the header fields that a notification must have, in full. */
export function fieldsOf({ replyTo, messageId, rootId }: Minted): Readonly<Record<string, string>> {
  return {
    'Reply-To': `<${replyTo}>`,
    'Message-ID': `<${messageId}>`,
    'In-Reply-To': `<${rootId}>`,
    References: `<${rootId}>`,
    ...QUIET_FIELDS,
  };
}

/** Gives what a promise resolves to, or the Fault that it rejects with. */
async function caught<T>(make: () => Promise<T>): Promise<T | Fault> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

type Keyring = (name: string) => Promise<{ readonly user: User; readonly key: Uint8Array }>;

/** Creates a keyring: each user is looked up once. */
function createKeyring({ store }: SecretSession, pepper: Uint8Array): Keyring {
  const found = new Map<string, ReturnType<Keyring>>();
  return (name) => {
    let keyed = found.get(name);
    if (keyed === undefined) {
      keyed = findUser(store, name).then((user) => ({ user, key: keyOf(user, pepper) }));
      found.set(name, keyed);
    }
    return keyed;
  };
}

async function draft(
  { config }: SecretSession,
  asked: Notification,
  domain: string,
  now: number,
  keyed: Keyring,
): Promise<Draft> {
  const { user, key } = await keyed(asked.user);
  const place = readPlace(asked, now, config.reply.compose);
  checkSinks(place, config);
  const messageId = threadMessageId(place, domain);
  if (asked.context !== undefined) contextText(asked.context); // too large a one is refused before anything is made
  return { ...place, user, key, messageId, isBound: asked.isBound === true };
}

/** Numbers the threads of sealed addresses; bound ones need none. What a digest names is kept with its number. */
async function numberThreads(
  { store, config }: SecretSession,
  drafts: readonly (Draft | Fault)[],
): Promise<ReadonlyMap<string, number>> {
  const sealed = drafts.filter((each): each is Draft => !(each instanceof Fault || each.isBound));
  const digests = sealed.flatMap(({ locator, posts, user, repliedTo }): NewDigest[] => {
    const expiresAt = repliedTo * 1000 + config.reply.maxAgeMs;
    return posts === undefined ? [] : [{ locator, posts, userNumber: user.number, expiresAt }];
  });
  const locators = [
    ...new Set(sealed.flatMap(({ posts, locator }) => (posts === undefined ? [locator] : []))),
  ];
  const numbers = locators.length === 0 ? [] : await store.threadNumbers(locators);
  const ofDigests = digests.length === 0 ? [] : await store.addDigests(digests);
  const numbered = [...locators, ...digests.map(({ locator }) => locator)];
  return new Map(numbered.map((locator, index) => [locator, [...numbers, ...ofDigests][index] ?? 0]));
}

/** Refuses a place that no sink is for: a reply to it would only wait. */
function checkSinks({ locator, posts, container }: Place, config: Config): void {
  const laneOf = createLaneOf(lanesOf(config));
  const refuse = (field: string, shown: string, name: string): Fault =>
    invalid(
      field,
      `${shown} "${name}": no [[sink]] is for it; expected one of the beginnings ${knownThreads(config)}`,
    );
  const [field, shown] = container === undefined ? ['thread', '--thread'] : ['compose', '--compose'];
  if (isStray(laneOf(locator), locator)) throw refuse(field, shown, container ?? locator);
  posts?.forEach(({ thread }, at) => {
    const path = `posts/${at}/thread`;
    if (isStray(laneOf(thread), thread)) throw refuse(path, path, thread);
  });
}

function tokenOf({ user, key, locator, repliedTo, messageId, isBound }: Draft, threadNumber: number): string {
  const userNumber = user.number;
  return isBound
    ? mintBoundToken(key, { userNumber, nonce: randomBytes(4), messageId })
    : mintSealedToken(key, { userNumber, threadNumber, repliedTo, locator });
}

function keyOf(user: User, pepper: Uint8Array): Uint8Array {
  const minting = mintingKey(user, pepper);
  if ('key' in minting) return minting.key;
  throw invalid(
    'user',
    minting.problem === 'disabled-user'
      ? `user "${user.name}": is disabled, an address would be refused; "mailgw-ctl user enable" enables them`
      : `user "${user.name}": has no salt; "mailgw-ctl salt rotate" gives them one`,
  );
}

/** Makes the notification's Message-ID, where one can carry the locator. */
function threadMessageId({ locator, repliedTo, container }: Place, domain: string): string {
  const [field, name] = container === undefined ? ['thread', locator] : ['compose', container];
  const refuse = (problem: string): Fault => invalid(field, `--${field} ${problem}`);
  const id = formatThreadMessageId({ locator, repliedTo }, domain, randomBytes(MESSAGE_ID_NONCE_BYTES));
  if (id.length > MAX_MESSAGE_ID_OCTETS) {
    throw refuse(
      `"${name.slice(0, 60)}…": makes a Message-ID of ${id.length} octets; expected at most ${MAX_MESSAGE_ID_OCTETS}`,
    );
  }
  if (parseThreadMessageId(id, [domain])?.locator !== locator) {
    throw refuse(`"${name}": would not come back unchanged in a Message-ID`);
  }
  return id;
}
