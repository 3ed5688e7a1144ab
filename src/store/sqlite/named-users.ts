/**
 * Users whom the platform names, in SQLite: taken in inside the writer's transaction, where whose an address is cannot
 * change between the look and the write.
 */
import { isSameAddresses, mergeAddresses } from '../../mail/address-list.ts';
import type { Directory, NamedChange, NamedUser } from '../directory.ts';
import type { AtOnce } from './at-once.ts';
import { prepareAddresses, prepareAddUser } from './directory.ts';
import { prepareDirectoryViews, prepareUsersByAddress } from './directory-views.ts';
import type { Database } from './schema.ts';

/** Prepares the statements on a writing connection. */
export function prepareNamedUsers(database: Database): AtOnce<Directory, 'takeUsers'> {
  const { userByName } = prepareDirectoryViews(database);
  const usersByAddress = prepareUsersByAddress(database);
  const setAddresses = prepareAddresses(database);
  const addUser = prepareAddUser(database, setAddresses);
  const removedAt = database
    .prepare<[string], number | null>('SELECT max(removed_at) FROM removed_user WHERE name = ?')
    .pluck();

  const takenBy = (
    { name, addresses }: Pick<NamedUser, 'name' | 'addresses'>,
    plusTags: 'compare' | 'ignore',
  ): NamedChange | undefined => {
    for (const address of addresses) {
      const other = usersByAddress(address, plusTags).find((user) => user.name !== name);
      if (other !== undefined) return { kind: 'taken', address, by: other.name };
    }
    return undefined;
  };

  const take = (named: NamedUser, plusTags: 'compare' | 'ignore', now: number): NamedChange => {
    const { name, addresses, merge, salt } = named;
    const user = userByName(name);
    const gone = user === undefined ? removedAt.get(name) : undefined;
    if (typeof gone === 'number') return { kind: 'removed', removedAt: gone };
    const taken = takenBy(named, plusTags);
    if (taken !== undefined) return taken;
    const merged = mergeAddresses(user?.addresses ?? [], addresses, merge);
    if (user === undefined) {
      addUser({ name, addresses: merged, salt, now });
      return { kind: 'created' };
    }
    if (isSameAddresses(merged, user.addresses)) return { kind: 'unchanged' };
    setAddresses(user.number, merged);
    return { kind: 'changed' };
  };

  return { takeUsers: (users, plusTags, now) => users.map((named) => take(named, plusTags, now)) };
}
