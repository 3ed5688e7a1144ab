/** What the gate asks about users and threads: one statement for each, because it asks for every recipient. */
import { candidatesOf, thoseWith } from '../address-candidates.ts';
import type { Directory, User } from '../directory.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** One salt of a user, and the user: number, name, enabled, created_at, addresses, salt, its created_at, its ends_at. */
type Row = [number, string, number, number, string | null, Buffer | null, number, number | null];

/** What stands between two addresses of a row: no address has a line end. */
const BETWEEN = '\n';

const USERS = `SELECT u.user_number, name, enabled, u.created_at,
  (SELECT group_concat(address, char(10) ORDER BY position, address)
   FROM user_address AS a WHERE a.user_number = u.user_number),
  salt, s.created_at, ends_at FROM user AS u LEFT JOIN salt AS s USING (user_number)`;

// The current salt first: it is the one that nearly every token was minted under.
const IN_ORDER = 'ORDER BY name, ends_at IS NOT NULL, ends_at DESC';

/** Prepares the look-up of a user by number. */
export function prepareUserByNumber(database: Database): AtOnce<Directory>['userByNumber'] {
  // For an unknown number the first user is read, so that the time taken does not reveal who exists.
  const byNumber = database
    .prepare<[number], Row>(
      `${USERS} WHERE u.user_number =
         coalesce((SELECT user_number FROM user WHERE user_number = ?), (SELECT min(user_number) FROM user))
       ${IN_ORDER}`,
    )
    .raw();
  return (number) => {
    const user = usersOf(byNumber.all(number))[0];
    return user?.number === number ? user : undefined;
  };
}

/** Prepares the statements on a reading connection. */
export function prepareDirectoryViews(
  database: Database,
): AtOnce<
  Directory,
  'userByNumber' | 'userByName' | 'usersByAddress' | 'listUsers' | 'usersBefore' | 'threadByNumber'
> {
  const byName = database.prepare<[string], Row>(`${USERS} WHERE name = ? ${IN_ORDER}`).raw();
  const all = database.prepare<[], Row>(`${USERS} ${IN_ORDER}`).raw();
  const before = database
    .prepare<[number, number], Row>(
      `${USERS} WHERE u.user_number IN
         (SELECT user_number FROM user WHERE user_number < ? ORDER BY user_number DESC LIMIT ?)
       ORDER BY u.user_number DESC, ends_at IS NOT NULL, ends_at DESC`,
    )
    .raw();
  const locator = database
    .prepare<[number], string>('SELECT locator FROM thread WHERE thread_number = ?')
    .pluck();
  return {
    userByNumber: prepareUserByNumber(database),
    userByName: (name) => usersOf(byName.all(name))[0],
    usersByAddress: prepareUsersByAddress(database),
    listUsers: () => usersOf(all.all()),
    usersBefore: (number, limit) => usersOf(before.all(number, limit)),
    threadByNumber: (number) => locator.get(number),
  };
}

/** Prepares the look-up of users by an address: an index gives who may have it, and folding tells who has. */
export function prepareUsersByAddress(database: Database): AtOnce<Directory>['usersByAddress'] {
  const byNumber = prepareUserByNumber(database);
  const mayHave = database
    .prepare<[string, string, string, string, string], number>(
      `SELECT DISTINCT user_number FROM user_address
       WHERE lower(address) IN (?, ?, ?) OR (lower(address) >= ? AND lower(address) < ?)`,
    )
    .pluck();
  return (address, plusTags) => {
    const { forms, local } = candidatesOf(address, plusTags);
    // Registered with a tag: all that stands between "local+" and what sorts behind it.
    const [from, to] = plusTags === 'ignore' ? [`${local}+`, `${local},`] : ['', ''];
    const [given = '', folded = '', unicode = ''] = forms;
    const candidates = mayHave.all(given, folded, unicode, from, to).map((number) => byNumber(number));
    return thoseWith(
      candidates.filter((user) => user !== undefined),
      address,
      plusTags,
    );
  };
}

/** Makes users of their rows, which stand together. */
function usersOf(rows: readonly Row[]): User[] {
  const users: (User & { readonly salts: User['salts'][number][] })[] = [];
  for (const [number, name, enabled, createdAt, addresses, salt, saltCreatedAt, endsAt] of rows) {
    let user = users.at(-1);
    if (user?.number !== number) {
      user = {
        number,
        name,
        enabled: enabled === 1,
        createdAt,
        addresses: addresses === null ? [] : addresses.split(BETWEEN),
        salts: [],
      };
      users.push(user);
    }
    if (salt === null) continue;
    const octets = new Uint8Array(salt.buffer, salt.byteOffset, salt.byteLength);
    user.salts.push({ salt: octets, createdAt: saltCreatedAt, endsAt: endsAt ?? undefined });
  }
  return users;
}
