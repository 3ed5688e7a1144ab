/**
 * The steps that bring a store in PostgreSQL about.
 *
 * Contract: number N of them brings the schema from N to N+1, in one transaction. Never change one that was released: a
 * new function has a new name, and the old one stays for as long as daemons may call it. `compatibleFrom` is the oldest
 * schema whose daemons work on with this one, so that old and new daemons run side by side while a site is upgraded.
 */
import { ACCEPT_SQL } from './accept-sql.ts';
import { DIGEST_SQL } from './digests.ts';
import { HEADS_SQL } from './heads-sql.ts';
import { LEASE_SQL } from './lease-sql.ts';
import { PAST_VERDICT_TABLE } from './past-verdicts.ts';
import { SETTLE_SQL } from './settle-sql.ts';
import { TABLES_SQL } from './tables.ts';

/** A step. */
export interface Migration {
  readonly sql: string;
  /** Daemons that know the schema of this number, or a later one, work with what the step makes. */
  readonly compatibleFrom: number;
}

/** The steps in order. */
export const MIGRATIONS: readonly Migration[] = [
  {
    sql: `${TABLES_SQL}\n${HEADS_SQL}\n${ACCEPT_SQL}\n${LEASE_SQL}\n${SETTLE_SQL}\n${DIGEST_SQL}`,
    compatibleFrom: 1,
  },
  { sql: PAST_VERDICT_TABLE, compatibleFrom: 1 },
];
