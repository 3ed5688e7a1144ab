/** Leases of items that were leased by the commit that brought them. */
import type { LeasedItem, NewItem } from './item.ts';

/** Makes the leases of new items, which nobody has tried before. */
export function leasedOf(items: readonly NewItem[], ids: readonly string[], bytes: number): LeasedItem[] {
  if (ids.length === 0) return [];
  return items
    .filter(({ id }) => ids.includes(id))
    .map((item) => {
      const { id, user, userNumber, thread, bounce, repliedToAt, messageId, queueId } = item;
      const { reversePath, receivedAt, authentication, spam } = item;
      const origin = { messageId, queueId, reversePath, receivedAt, authentication, spam };
      const owner = { user, userNumber };
      return { id, ...owner, thread, bounce, repliedToAt, ...origin, attempts: 1, workerDeaths: 0, bytes };
    });
}
