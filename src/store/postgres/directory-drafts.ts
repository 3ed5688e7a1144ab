/**
 * Users as one call changes them: read all at once, changed in memory in the order of the call, and written all at once.
 *
 * Contract: whoever drafts and writes holds the directory's lock, so that nobody changes a user in between.
 */
import type { Database, Statements } from './database.ts';
import { addressesIn, splitAddresses } from './directory-reads.ts';

/** The key of the directory's lock: "mailgw d". */
const DIRECTORY_LOCK = '7881696737188323428';

// A call may name one user or ten thousand, so that its statements are planned for what they are given.
const BEGIN = `SELECT pg_advisory_xact_lock(${DIRECTORY_LOCK}), set_config('plan_cache_mode', 'force_custom_plan', true)`;

/** Changes the directory: one after the other, on whatever host. */
export function changeDirectory<T>(
  database: Pick<Database, 'transact'>,
  lock: 'none' | 'alone',
  work: (statements: Statements) => Promise<T>,
): Promise<T> {
  return database.transact({ lock, isDurable: true }, async (statements) => {
    const [, value] = await Promise.all([statements.run(BEGIN), work(statements)]);
    return value;
  });
}

/** A user as it is in the store, or is to be. */
export class Draft {
  readonly name: string;
  /** The salt of a new user; undefined for one who is there. */
  readonly salt: Uint8Array | undefined;
  #enabled: boolean;
  #addresses: readonly string[];
  #isTurned = false;
  #hasOthers = false;

  constructor(
    name: string,
    salt: Uint8Array | undefined,
    { enabled, addresses }: { readonly enabled: boolean; readonly addresses: readonly string[] },
  ) {
    this.name = name;
    this.salt = salt;
    this.#enabled = enabled;
    this.#addresses = [...new Set(addresses)];
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  set enabled(enabled: boolean) {
    this.#isTurned ||= enabled !== this.#enabled;
    this.#enabled = enabled;
  }

  /** Each once, in order. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  set addresses(addresses: readonly string[]) {
    this.#hasOthers = true;
    this.#addresses = [...new Set(addresses)];
  }

  /** Tells whether a user who was there was enabled or disabled. */
  get isTurned(): boolean {
    return this.salt === undefined && this.#isTurned;
  }

  /** Tells whether a user who was there got other addresses. */
  get hasOthers(): boolean {
    return this.salt === undefined && this.#hasOthers;
  }
}

/** A user of the store, as drafts are made of it. */
interface Row {
  readonly name: string;
  readonly enabled: boolean;
  readonly addresses: string | null;
}

/** Reads users of these numbers, a query of the first parameters, and of these names; the oldest user first. */
export async function readDrafts(
  statements: Statements,
  names: readonly string[],
  also?: { readonly numbers: string; readonly values: readonly (readonly string[])[] },
): Promise<Map<string, Draft>> {
  const values = also?.values ?? [];
  const numbers = also === undefined ? '' : `UNION ${also.numbers}`;
  const rows = await statements.rows<Row>(
    `SELECT name, enabled, ${addressesIn('user_address')} AS addresses FROM users AS u
     WHERE user_number = ANY(ARRAY(SELECT user_number FROM users WHERE name = ANY($${values.length + 1}::text[]) ${numbers}))
     ORDER BY user_number`,
    [...values, [...new Set(names)]],
  );
  return new Map(
    rows.map(({ name, enabled, addresses }) => [
      name,
      new Draft(name, undefined, { enabled, addresses: splitAddresses(addresses) }),
    ]),
  );
}

/** Writes what changed of the drafts; new users get their numbers in the order of the drafts. */
export async function writeDrafts(
  statements: Statements,
  drafts: Iterable<Draft>,
  now: number,
): Promise<void> {
  const all = [...drafts];
  const added = all.filter(({ salt }) => salt !== undefined);
  const others = all.filter(({ hasOthers }) => hasOthers);
  const turned = all.filter(({ isTurned }) => isTurned);
  await Promise.all([
    ...(added.length > 0 ? insertUsers(statements, added, now) : []),
    ...(others.length > 0 ? [clearAddresses(statements, others)] : []),
    ...(added.length + others.length > 0 ? [insertAddresses(statements, [...added, ...others])] : []),
    ...(turned.length > 0 ? [turn(statements, turned)] : []),
  ]);
}

const namesOf = (drafts: readonly Draft[]): string[] => drafts.map(({ name }) => name);

function insertUsers(statements: Statements, drafts: readonly Draft[], now: number): Promise<unknown>[] {
  const names = namesOf(drafts);
  return [
    statements.run(
      `INSERT INTO users (name, enabled, created_at)
       SELECT name, enabled, $3::bigint FROM unnest($1::text[], $2::boolean[]) WITH ORDINALITY AS new (name, enabled, place)
       ORDER BY place`,
      [names, drafts.map(({ enabled }) => enabled), now],
    ),
    statements.run(
      `INSERT INTO salt (user_number, created_at, salt)
       SELECT user_number, $3::bigint, salt FROM unnest($1::text[], $2::bytea[]) AS new (name, salt) JOIN users USING (name)`,
      [names, drafts.flatMap(({ salt }) => (salt === undefined ? [] : [salt])), now],
    ),
  ];
}

function clearAddresses(statements: Statements, drafts: readonly Draft[]): Promise<unknown> {
  return statements.run(
    'DELETE FROM user_address WHERE user_number IN (SELECT user_number FROM users WHERE name = ANY($1::text[]))',
    [namesOf(drafts)],
  );
}

function insertAddresses(statements: Statements, drafts: readonly Draft[]): Promise<unknown> {
  const rows = drafts.flatMap(({ name, addresses }) =>
    addresses.map((address, position) => ({ name, address, position })),
  );
  return statements.run(
    `INSERT INTO user_address (user_number, address, position)
     SELECT user_number, address, position
     FROM unnest($1::text[], $2::text[], $3::integer[]) AS new (name, address, position) JOIN users USING (name)
     ON CONFLICT DO NOTHING`,
    [rows.map(({ name }) => name), rows.map(({ address }) => address), rows.map(({ position }) => position)],
  );
}

function turn(statements: Statements, drafts: readonly Draft[]): Promise<unknown> {
  return statements.run(
    `UPDATE users SET enabled = new.enabled FROM unnest($1::text[], $2::boolean[]) AS new (name, enabled)
     WHERE users.name = new.name`,
    [namesOf(drafts), drafts.map(({ enabled }) => enabled)],
  );
}
