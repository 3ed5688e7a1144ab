/** What the gate asks about users and threads: one statement for each, because it asks for every recipient. */
import type { User } from '../directory.ts';
import type { Database } from './schema.ts';

/** The reads of the directory, synchronous. */
export interface DirectoryViews {
  /** The user with this number. */
  userByNumber(number: number): User | undefined;
  /** The user with this name. */
  userByName(name: string): User | undefined;
  /** All users by name. */
  listUsers(): User[];
  /** The locator of a thread number. */
  threadByNumber(number: number): string | undefined;
}

/** One salt of a user, and the user: number, name, enabled, created_at, addresses, salt, its created_at, its ends_at. */
type Row = [number, string, number, number, string | null, Buffer | null, number, number | null];

/** What stands between two addresses of a row: no address has a line end. */
const BETWEEN = '\n';

const USERS = `SELECT u.user_number, name, enabled, u.created_at,
  (SELECT group_concat(address, char(10)) FROM user_address AS a WHERE a.user_number = u.user_number),
  salt, s.created_at, ends_at FROM user AS u LEFT JOIN salt AS s USING (user_number)`;

// The current salt first: it is the one that nearly every token was minted under.
const IN_ORDER = 'ORDER BY name, ends_at IS NOT NULL, ends_at DESC';

/** Prepares the statements on a reading connection. */
export function prepareDirectoryViews(database: Database): DirectoryViews {
  // In place of nobody somebody, so that the time which an address takes does not tell who is a user.
  const byNumber = database
    .prepare<[number], Row>(
      `${USERS} WHERE u.user_number =
         coalesce((SELECT user_number FROM user WHERE user_number = ?), (SELECT min(user_number) FROM user))
       ${IN_ORDER}`,
    )
    .raw();
  const byName = database.prepare<[string], Row>(`${USERS} WHERE name = ? ${IN_ORDER}`).raw();
  const all = database.prepare<[], Row>(`${USERS} ${IN_ORDER}`).raw();
  const locator = database
    .prepare<[number], string>('SELECT locator FROM thread WHERE thread_number = ?')
    .pluck();
  return {
    userByNumber: (number) => {
      const user = usersOf(byNumber.all(number))[0];
      return user?.number === number ? user : undefined;
    },
    userByName: (name) => usersOf(byName.all(name))[0],
    listUsers: () => usersOf(all.all()),
    threadByNumber: (number) => locator.get(number),
  };
}

/** Users from their rows, which stand together. */
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
    if (salt !== null) user.salts.push({ salt, createdAt: saltCreatedAt, endsAt: endsAt ?? undefined });
  }
  return users;
}
