/** Users and their salts in PostgreSQL: additions and changes, as the operator has them. */
import { isSameList } from '../../mail/address-list.ts';
import type { Directory, UserChange, WantedUser } from '../directory.ts';
import type { Database, Statements } from './database.ts';
import { changeDirectory, Draft, readDrafts, writeDrafts } from './directory-drafts.ts';
import { userByName } from './directory-reads.ts';

/** Gives the writes of the port. */
export function directoryWrites(
  database: Pick<Database, 'transact'>,
): Pick<Directory, 'addUser' | 'setUser' | 'putUsers' | 'rotateSalt'> {
  return {
    addUser: ({ name, addresses, salt, now }) =>
      changeDirectory(database, 'none', async (statements) => {
        const drafts = await readDrafts(statements, [name]);
        if (drafts.size > 0) return undefined;
        const draft = new Draft(name, salt, { enabled: true, addresses });
        const written = writeDrafts(statements, [draft], now);
        const [user] = await Promise.all([userByName(statements, name), written]);
        return user;
      }),
    setUser: (name, change) =>
      changeDirectory(database, 'none', async (statements) => {
        const drafts = await readDrafts(statements, [name]);
        for (const draft of drafts.values()) {
          if (change.addresses !== undefined) draft.addresses = change.addresses;
          if (change.enabled !== undefined) draft.enabled = change.enabled;
        }
        await writeDrafts(statements, drafts.values(), 0);
        return drafts.size > 0;
      }),
    putUsers: async (users, now) => {
      if (users.length === 0) return [];
      return await changeDirectory(database, 'none', async (statements) => {
        const drafts = await readDrafts(
          statements,
          users.map(({ name }) => name),
        );
        const changes = users.map((user) => put(drafts, user));
        await writeDrafts(statements, drafts.values(), now);
        return changes;
      });
    },
    rotateSalt: (name, salt, now, graceEndsAt) =>
      changeDirectory(database, 'none', (statements) => rotate(statements, { name, salt, now, graceEndsAt })),
  };
}

/** Brings one user to the state that is wanted. */
function put(drafts: Map<string, Draft>, { name, addresses, enabled, salt }: WantedUser): UserChange {
  const draft = drafts.get(name);
  if (draft === undefined) {
    drafts.set(name, new Draft(name, salt, { enabled: enabled ?? true, addresses: addresses ?? [] }));
    return 'created';
  }
  const isOther = addresses !== undefined && !isSameList(addresses, draft.addresses);
  const isTurned = enabled !== undefined && enabled !== draft.enabled;
  if (isOther) draft.addresses = addresses;
  if (isTurned) draft.enabled = enabled;
  return isOther || isTurned ? 'changed' : 'unchanged';
}

const OF_NAME = 'user_number = (SELECT user_number FROM users WHERE name = $1)';

/** Gives the user a new salt: with a grace period the current one gets an end; without one every older salt goes at once. */
async function rotate(
  statements: Statements,
  {
    name,
    salt,
    now,
    graceEndsAt,
  }: { name: string; salt: Uint8Array; now: number; graceEndsAt: number | undefined },
): Promise<boolean> {
  const ends =
    graceEndsAt === undefined
      ? [statements.run(`DELETE FROM salt WHERE ${OF_NAME}`, [name])]
      : [
          statements.run(`DELETE FROM salt WHERE ${OF_NAME} AND ends_at <= $2`, [name, now]),
          statements.run(`UPDATE salt SET ends_at = $2 WHERE ${OF_NAME} AND ends_at IS NULL`, [
            name,
            graceEndsAt,
          ]),
        ];
  const insert = statements.run(
    'INSERT INTO salt (user_number, created_at, salt) SELECT user_number, $2::bigint, $3::bytea FROM users WHERE name = $1',
    [name, now, salt],
  );
  const [inserted] = await Promise.all([insert, ...ends]);
  return inserted > 0;
}
