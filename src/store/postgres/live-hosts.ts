/** The hosts whose daemons are at work on a store. */
import { DATABASE_NOW } from './clock.ts';
import type { Statements } from './database.ts';
import { HOST_TIMES } from './hosts.ts';

/** A host that is at work. */
export interface LiveHost {
  readonly name: string;
  readonly version: string;
  readonly schemaVersion: number;
}

/** Lists them; until the end of the transaction no other one enters, and none is heard. */
export async function liveHosts(statements: Statements): Promise<LiveHost[]> {
  await statements.run('LOCK TABLE host IN SHARE ROW EXCLUSIVE MODE');
  return await statements.rows<LiveHost>(
    `SELECT name, version, schema_version AS "schemaVersion" FROM host
     WHERE NOT stopped AND seen_at > ${DATABASE_NOW} - ${HOST_TIMES.deadMs} ORDER BY name`,
  );
}
