/**
 * The dedupe rows in SQLite: which copy of a reply is a repetition, by the primary key of its fingerprint and belief.
 *
 * Contract: of each key there is one row (G2). What an operator drops is forgotten, unless it was posted; a held item
 * that is released is from then on as good as one that was never held, unless the reply is posted as another item. A
 * dead letter shadows nobody: a new copy of it, believed as much, has it tried again.
 */
import { betterKeys, type Copy, keyOf, sameWordsKeys } from '../../mail/belief.ts';
import { copyOf, releasedCopy, type WantedCopy } from '../copies.ts';
import type { ItemState, NewItem } from '../item.ts';
import type { Database } from './schema.ts';

/** The item that a new one repeats; `isEqual` when both are believed alike. */
export interface Repeated {
  readonly id: string;
  readonly isEqual: boolean;
}

type First = (key: Uint8Array) => string | undefined;

function prepareFirst(database: Database): First {
  const first = database
    .prepare<[Uint8Array], string>('SELECT item_id FROM dedupe WHERE fingerprint = ?')
    .pluck();
  return (key) => first.get(key);
}

function betterOf(first: First, copy: Copy): string | undefined {
  for (const key of betterKeys(copy)) {
    const id = first(key);
    if (id !== undefined) return id;
  }
  return undefined;
}

/** Prepares the claim of a new item's key, inside a transaction: undefined when it is the first, and now has a row. */
export function prepareClaim(database: Database): (item: NewItem) => Repeated | undefined {
  const insert = database.prepare<[Uint8Array, string, number]>(
    'INSERT INTO dedupe (fingerprint, item_id, received_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const first = prepareFirst(database);
  return (item) => {
    const copy = copyOf(item);
    const better = betterOf(first, copy);
    if (better !== undefined) return { id: better, isEqual: false };
    const key = keyOf(copy);
    if (insert.run(key, item.id, item.receivedAt).changes === 1) return undefined;
    return { id: first(key) ?? 'unknown', isEqual: true };
  };
}

/** An item with what its dedupe row is found by. */
interface Known {
  readonly id: string;
  readonly receivedAt: number;
}

/** An item that is to be posted by the operator's word, with what its copies are found by. */
type Wanted = Known & WantedCopy;

/** The item as which a reply was posted, or is to be; without a state where that item is gone. */
export interface Counterpart {
  readonly id: string;
  readonly state: ItemState | undefined;
}

/** The changes of an item's dedupe row that go with an operator's action, inside a transaction. */
export interface DedupeChanges {
  /** Forgets an item. */
  readonly forget: (item: Known) => void;
  /** Finds the item that stands for this one; of a held one also a worse copy of the same words that is let through. */
  readonly counterpart: (item: Wanted, isHeld: boolean) => Counterpart | undefined;
  /** Gives a released item the key of one that was never held. */
  readonly release: (item: Wanted) => void;
}

/** Prepares the statements on a writing connection. */
export function prepareDedupeChanges(database: Database): DedupeChanges {
  // By the time first, which has an index: the id has none, and the accept pays for no other.
  const forget = database.prepare<[number, string]>(
    'DELETE FROM dedupe WHERE received_at = ? AND item_id = ?',
  );
  const release = database.prepare<[Uint8Array, number, string]>(
    'UPDATE dedupe SET fingerprint = ? WHERE received_at = ? AND item_id = ?',
  );
  return {
    forget: ({ id, receivedAt }) => forget.run(receivedAt, id),
    counterpart: prepareCounterpart(database),
    release: (item) => {
      const copy = releasedCopy(item);
      if (copy !== undefined) release.run(keyOf(copy), item.receivedAt, item.id);
    },
  };
}

function prepareCounterpart(database: Database): DedupeChanges['counterpart'] {
  const first = prepareFirst(database);
  const stateOf = database.prepare<[string], ItemState>('SELECT state FROM item WHERE id = ?').pluck();
  return (item, isHeld) => {
    const copy = releasedCopy(item);
    if (copy === undefined) return undefined;
    const other = (key: Uint8Array): Counterpart | undefined => {
      const id = first(key);
      return id === undefined || id === item.id ? undefined : { id, state: stateOf.get(id) };
    };
    for (const key of [...betterKeys(copy), keyOf(copy)]) {
      const found = other(key);
      if (found !== undefined) return found;
    }
    if (!isHeld) return undefined;
    // Nobody is shadowed by a worse copy that will not be posted as it is.
    return sameWordsKeys(copy)
      .map(other)
      .find((found) => found !== undefined && found.state !== 'failed' && found.state !== 'held');
  };
}

/** Prepares the question of which item a new one would be a duplicate; a dead letter that it revives is none. */
export function prepareDuplicateOf(database: Database): (item: NewItem) => string | undefined {
  const first = prepareFirst(database);
  const isFailed = database.prepare<[string], 1>("SELECT 1 FROM item WHERE id = ? AND state = 'failed'");
  return (item) => {
    const copy = copyOf(item);
    const better = betterOf(first, copy);
    if (better !== undefined) return better;
    const equal = first(keyOf(copy));
    const isRevived = equal !== undefined && !copy.isHeld && isFailed.get(equal) !== undefined;
    return isRevived ? undefined : equal;
  };
}
