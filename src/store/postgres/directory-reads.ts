/** What the gate asks about users: one statement for each, because it asks for every recipient. */
import { candidatesOf, thoseWith } from '../address-candidates.ts';
import type { Directory, User } from '../directory.ts';
import type { Database } from './database.ts';
import { byPlace, gathered, questions } from './gathered.ts';

/** One salt of a user, and the user. */
interface Row {
  readonly number: number;
  readonly name: string;
  readonly enabled: boolean;
  readonly created_at: number;
  readonly addresses: string | null;
  readonly salt: Uint8Array | null;
  readonly salt_created_at: number | null;
  readonly ends_at: number | null;
}

/** What stands between two addresses of a row: no address has a line end. */
const BETWEEN = '\n';

/** The addresses of the user `u` in a table, in their order. */
export const addressesIn = (table: 'user_address' | 'removed_address'): string =>
  `(SELECT string_agg(address, chr(10) ORDER BY position, address) FROM ${table} AS a
    WHERE a.user_number = u.user_number)`;

/** Gives the addresses of a row. */
export const splitAddresses = (joined: string | null): readonly string[] =>
  joined === null ? [] : joined.split(BETWEEN);

const USERS = `SELECT u.user_number AS number, name, enabled, u.created_at, ${addressesIn('user_address')} AS addresses,
  salt, s.created_at AS salt_created_at, ends_at FROM users AS u LEFT JOIN salt AS s USING (user_number)`;

// The current salt first: it is the one that nearly every token was minted under.
const SALTS_IN_ORDER = 'ends_at IS NOT NULL, ends_at DESC';

/** The users that may have registered addresses: those of these forms, and those with a plus tag behind these local parts. */
export const MAY_HAVE = `SELECT user_number FROM user_address WHERE lower(address) = ANY($1::text[])
  UNION SELECT user_number FROM user_address WHERE strpos(address, '+') > 0
    AND split_part(lower(address), '+', 1) = ANY($2::text[])`;

/** The user with a number; for one that nobody has the first is read, so that the time taken does not tell who exists. */
const BY_NUMBER = `${USERS} WHERE u.user_number =
    coalesce((SELECT user_number FROM users WHERE user_number = $1), (SELECT min(user_number) FROM users))
  ORDER BY ${SALTS_IN_ORDER}`;

/** The users with these numbers, each behind the place of its question, and found as by one. */
const BY_NUMBERS = `SELECT sought.*, salt, s.created_at AS salt_created_at, ends_at
  FROM (SELECT place, u.user_number AS number, name, enabled, created_at, ${addressesIn('user_address')} AS addresses
    FROM ${questions('bigint')} AS asked (user_number, place), LATERAL (SELECT * FROM users
      WHERE users.user_number = coalesce((SELECT user_number FROM users WHERE user_number = asked.user_number),
        (SELECT min(user_number) FROM users)) OFFSET 0) AS u OFFSET 0) AS sought
  LEFT JOIN LATERAL (SELECT * FROM salt WHERE user_number = number OFFSET 0) AS s ON true
  ORDER BY place, ${SALTS_IN_ORDER}`;

const BY_NAME = `${USERS} WHERE name = $1 ORDER BY ${SALTS_IN_ORDER}`;

// However many the planner believes there are, each is looked up, and its salts: OFFSET 0 is not planned away. A plan that
// it believes to be dear is compiled first, which takes longer than the rest.
const BY_ADDRESS = `SELECT u.*, salt, s.created_at AS salt_created_at, ends_at
  FROM (SELECT user_number AS number, name, enabled, created_at, ${addressesIn('user_address')} AS addresses
    FROM users AS u WHERE user_number = ANY(ARRAY(${MAY_HAVE})) OFFSET 0) AS u
  LEFT JOIN LATERAL (SELECT * FROM salt WHERE user_number = number OFFSET 0) AS s ON true
  ORDER BY number, ${SALTS_IN_ORDER}`;

const ALL = `${USERS} ORDER BY name, ${SALTS_IN_ORDER}`;

const BEFORE = `${USERS} WHERE u.user_number IN
    (SELECT user_number FROM users WHERE user_number < $1 ORDER BY user_number DESC LIMIT $2)
  ORDER BY u.user_number DESC, ${SALTS_IN_ORDER}`;

/** What finds a user; of a transaction it finds what that has written. */
export type Asks = Pick<Database['reads'], 'rows'>;

/** Finds the user with this number. */
export async function userByNumber(statements: Asks, number: number): Promise<User | undefined> {
  const [user] = usersOf(await statements.rows<Row>(BY_NUMBER, [number]));
  return user?.number === number ? user : undefined;
}

/** Finds the users with these numbers. */
async function usersByNumber(statements: Asks, numbers: readonly number[]): Promise<(User | undefined)[]> {
  const rows = await statements.rows<Row & { place: number }>(BY_NUMBERS, [numbers]);
  return byPlace(numbers.length, rows).map((its, at) => {
    const [user] = usersOf(its);
    return user?.number === numbers[at] ? user : undefined;
  });
}

/** Finds the user with this name. */
export async function userByName(statements: Asks, name: string): Promise<User | undefined> {
  return usersOf(await statements.rows<Row>(BY_NAME, [name]))[0];
}

/** Gives the reads of the port. */
export function directoryReads({
  reads,
  slowly,
}: Pick<Database, 'reads' | 'slowly'>): Pick<
  Directory,
  'userByNumber' | 'userByName' | 'usersByAddress' | 'listUsers' | 'usersBefore'
> {
  return {
    userByNumber: gathered({
      one: (number) => userByNumber(reads, number),
      several: (numbers) => usersByNumber(reads, numbers),
    }),
    userByName: (name) => userByName(reads, name),
    usersByAddress: async (address, plusTags) => {
      const { forms, local } = candidatesOf(address, plusTags);
      const locals = plusTags === 'ignore' ? [local] : [];
      return thoseWith(usersOf(await reads.rows<Row>(BY_ADDRESS, [forms, locals])), address, plusTags);
    },
    listUsers: async () => usersOf(await slowly.rows<Row>(ALL)),
    usersBefore: async (before, limit) => usersOf(await reads.rows<Row>(BEFORE, [before, limit])),
  };
}

/** Makes users of their rows, which stand together. */
function usersOf(rows: readonly Row[]): User[] {
  const users: (User & { readonly salts: User['salts'][number][] })[] = [];
  for (const { number, name, enabled, created_at, addresses, salt, salt_created_at, ends_at } of rows) {
    let user = users.at(-1);
    if (user?.number !== number) {
      user = {
        ...{ number, name, enabled, createdAt: created_at },
        ...{ addresses: splitAddresses(addresses), salts: [] },
      };
      users.push(user);
    }
    if (salt === null) continue;
    const octets = new Uint8Array(salt.buffer, salt.byteOffset, salt.byteLength);
    user.salts.push({ salt: octets, createdAt: salt_created_at ?? 0, endsAt: ends_at ?? undefined });
  }
  return users;
}
