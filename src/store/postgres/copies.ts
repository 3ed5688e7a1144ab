/**
 * The copies of a reply in PostgreSQL, as the operator's actions and questions meet them: rows of `dedupe` by their keys.
 *
 * Contract: as of the accept, of each key there is one row (G2). What an operator drops is forgotten, unless it was posted; a
 * held item that is released is from then on as good as one that was never held, unless the reply is posted as another item.
 */
import { betterKeys, keyOf, sameWordsKeys } from '../../mail/belief.ts';
import { copyOf, releasedCopy, type WantedCopy } from '../copies.ts';
import type { ItemState, NewItem } from '../item.ts';
import type { Statements } from './database.ts';

/** An item with what its dedupe row is found by. */
interface Known {
  readonly id: string;
  readonly receivedAt: number;
}

/** An item that is to be posted by the operator's word. */
type Wanted = Known & WantedCopy;

/** An item that has one of the keys asked for; without a state where that item is gone. */
interface Keyed {
  /** The place of its key among those asked for. */
  readonly at: number;
  readonly id: string;
  readonly state: ItemState | null;
}

// The key's place counts from 1.
const KEYED = `SELECT at - 1 AS at, item_id AS id, state FROM unnest($1::bytea[]) WITH ORDINALITY AS wanted (key, at)
  JOIN dedupe ON fingerprint = key LEFT JOIN item ON item.id = item_id ORDER BY at`;

/** Finds the item of which a new one would be a duplicate; a dead letter that it revives is none. */
export async function duplicateOf(statements: Statements, item: NewItem): Promise<string | undefined> {
  const copy = copyOf(item);
  const better = betterKeys(copy);
  const [first] = await statements.rows<Keyed>(KEYED, [[...better, keyOf(copy)]]);
  const isRevived = first?.at === better.length && !copy.isHeld && first.state === 'failed';
  return isRevived ? undefined : first?.id;
}

/** The item as which a reply was posted, or is to be; without a state where that item is gone. */
interface Counterpart {
  readonly id: string;
  readonly state: ItemState | undefined;
}

/** Looks for the item that stands for this one: the answer is for one that is held, or for one that is not. */
export async function counterpartsOf(
  statements: Statements,
  item: Wanted,
): Promise<(isHeld: boolean) => Counterpart | undefined> {
  const copy = releasedCopy(item);
  if (copy === undefined) return () => undefined;
  const asGood = [...betterKeys(copy), keyOf(copy)];
  const rows = await statements.rows<Keyed>(KEYED, [[...asGood, ...sameWordsKeys(copy)]]);
  const others = rows.filter(({ id }) => id !== item.id);
  return (isHeld) => {
    // Nobody is shadowed by a worse copy that will not be posted as it is.
    const found = others.find(
      ({ at, state }) => at < asGood.length || (isHeld && state !== 'failed' && state !== 'held'),
    );
    return found && { id: found.id, state: found.state ?? undefined };
  };
}

/** Forgets an item. By the time first, which has an index: the id has none, and the accept pays for no other. */
export async function forgetCopy(statements: Statements, { id, receivedAt }: Known): Promise<void> {
  await statements.run('DELETE FROM dedupe WHERE received_at = $1 AND item_id = $2', [receivedAt, id]);
}

/** Gives a released item the key of one that was never held. */
export async function releaseCopy(statements: Statements, item: Wanted): Promise<void> {
  const copy = releasedCopy(item);
  if (copy === undefined) return;
  await statements.run('UPDATE dedupe SET fingerprint = $1 WHERE received_at = $2 AND item_id = $3', [
    keyOf(copy),
    item.receivedAt,
    item.id,
  ]);
}
