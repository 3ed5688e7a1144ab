/**
 * Remembers a notification: its Subject, its author and a sketch of its text, by which its quote is told from an answer.
 *
 * Contract: called for every post that users are notified of, however the notification goes out; the same for several users is
 * one row. What is kept goes when the last of its addresses expires, or when there is no room for it any more.
 * Failure: rejects as the store does; nothing else is lost with it, so a notification goes out all the same.
 */
import type { NewOriginal, Originals } from '../store/originals.ts';
import type { Original, RememberSettings } from './known-original.ts';

/** Remembers notifications, all in one commit; a site that keeps none does nothing. */
export async function remember(
  store: Pick<Originals, 'rememberOriginals'>,
  settings: RememberSettings,
  ...originals: readonly Original[]
): Promise<void> {
  if (settings.originalsBytes === 0 || originals.length === 0) return;
  // What reads texts is much, and most commands remember nothing.
  const { toKnown } = await import('./known-original.ts');
  const known = new Map<string, NewOriginal>();
  for (const original of originals) {
    const one = await toKnown(original, settings);
    known.set(`${one.thread} ${one.repliedToAt} ${Buffer.from(one.digest).toString('latin1')}`, one);
  }
  await store.rememberOriginals([...known.values()], settings.originalsBytes);
}
