/**
 * What every probe of doctor is made with: a user, an address of theirs, and the look for it in the store.
 *
 * Contract: a probe's address names the thread of probes (mail/probe.ts), so that the gate holds what comes to it and
 * nothing releases it. Every probe is dropped by who sent it; what a killed doctor has left, by the next one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { currentSalt } from '../../actions/users.ts';
import { formatReplyAddress, mintingForm } from '../../mail/address.ts';
import { PROBE_THREAD } from '../../mail/probe.ts';
import { mintSealedToken, userKey } from '../../mail/token.ts';
import { mintingPepper } from '../../site/pepper.ts';
import type { SecretSession } from '../../site/session.ts';
import type { User } from '../../store/directory.ts';
import type { ItemView } from '../../store/item.ts';

const LOOK_MS = 100;

/** Chooses whose address a probe goes to: the named user, or the first that can have one. */
export async function chooseUser(
  { store }: SecretSession,
  name: string | undefined,
): Promise<User | undefined> {
  const users = name === undefined ? await store.listUsers() : [await store.userByName(name)];
  return users.find(
    (user) => user?.enabled === true && user.addresses.length > 0 && currentSalt(user) !== undefined,
  );
}

/** Mints an address of a user for a thread, as of now. */
export async function mintFor(
  { config, peppers, store }: SecretSession,
  user: User,
  locator: string,
): Promise<string> {
  const salt = currentSalt(user);
  if (salt === undefined) throw new Error('a user without a salt was chosen');
  const minting = await mintingPepper(store, peppers, Date.now());
  if (!minting.ok) throw new Error(minting.problem);
  const token = mintSealedToken(userKey(minting.pepper, salt.salt), {
    userNumber: user.number,
    threadNumber: await store.threadNumber(locator),
    repliedTo: Math.floor(Date.now() / 1000),
    locator,
  });
  return formatReplyAddress(mintingForm(config.reply), token);
}

/** Waits for the probe with a Message-ID to be held by mailgwd. */
export async function arrival(
  { store }: SecretSession,
  id: string,
  waitMs: number,
): Promise<ItemView | undefined> {
  const endsAt = performance.now() + waitMs;
  do {
    const items = await store.list({ state: 'held', thread: PROBE_THREAD });
    const found = items.find(({ messageId }) => messageId?.includes(id));
    if (found !== undefined) return found;
    await sleep(LOOK_MS);
  } while (performance.now() < endsAt);
  return undefined;
}

/** Removes what a doctor that was interrupted has left. */
export async function dropProbes({ store }: SecretSession): Promise<void> {
  for (const { id } of await store.list({ state: 'held', thread: PROBE_THREAD })) {
    await store.operate('drop', id, Date.now());
  }
}

/** Takes the tokens out of what a server said: they are good for minutes, and no business of who reads it later. */
export const withoutTokens = (text: string): string => text.replaceAll(/[a-z2-7]{48}@/gi, 'TOKEN@');
