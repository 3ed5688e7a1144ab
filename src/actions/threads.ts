/**
 * Threads, where the platform gives one another name: every address that is out stays good, and replies go to the new place.
 *
 * Failure: a Fault for a name that cannot be one, and for one that is another thread's.
 */
import { formatThreadMessageId, MAX_MESSAGE_ID_OCTETS } from '../mail/message-id.ts';
import { isReserved, RESERVED_PREFIX } from '../mail/reserved.ts';
import { MAX_REPLIED_TO } from '../mail/token.ts';
import type { Session } from '../site/session.ts';
import type { ThreadRenaming } from '../store/directory.ts';
import { isPrintable } from '../system/printable.ts';
import { conflict, invalid } from './fault.ts';

/** A thread under its new locator. */
export type RenamedThread = Extract<ThreadRenaming, { kind: 'renamed' }>;

/** Gives a thread another locator. */
export async function renameThread({ store }: Session, from: string, to: string): Promise<RenamedThread> {
  for (const [field, locator] of [
    ['thread', from],
    ['to', to],
  ] as const) {
    if (locator === '' || !isPrintable(locator))
      throw invalid(
        field,
        `thread "${locator}": expected the platform's name of the thread, without control characters`,
      );
    const idOctets = formatThreadMessageId({ locator, repliedTo: MAX_REPLIED_TO }, '').length;
    if (idOctets > MAX_MESSAGE_ID_OCTETS)
      throw invalid(
        field,
        `thread "${locator.slice(0, 60)}…": makes a Message-ID of ${idOctets} octets and more; expected at most ${MAX_MESSAGE_ID_OCTETS}`,
      );
    if (isReserved(locator))
      throw invalid(
        field,
        `thread "${locator}": names that begin with "${RESERVED_PREFIX}" are kept for mailgw itself`,
      );
  }
  const renaming = await store.renameThread(from, to, Date.now());
  if (renaming.kind === 'renamed') return renaming;
  throw conflict(
    'to',
    `thread "${to}": is another thread, number ${renaming.by}; two cannot become one, expected a name that is free`,
  );
}
