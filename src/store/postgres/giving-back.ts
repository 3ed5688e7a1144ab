/**
 * What a host holds of a store, given back: by itself at its next start, by the others when it is gone.
 *
 * Contract: within a transaction that holds the queue's lock shared. Its items are ready again and their threads have
 * their heads; its mails that it was about to send are due, and nobody believes any more what it knew of the sinks. Who
 * holds something is not asked: the caller knows that the host is not at work, or that it is late and will be ignored.
 */
import { DATABASE_NOW } from './clock.ts';
import type { Statements } from './database.ts';
import type { Ground } from './ground.ts';
import { recallMails } from './sending.ts';

/** Gives back what these hosts hold; how many items. */
export async function giveBack(
  statements: Statements,
  { clock }: Pick<Ground, 'clock'>,
  hosts: readonly string[],
): Promise<number> {
  const now = Date.now();
  const [items] = await Promise.all([
    freeItems(statements, hosts),
    statements.run('DELETE FROM sink WHERE host = ANY($1)', [hosts]),
    ...hosts.map((host) => recallMails(statements, { clock, host }, now)),
  ]);
  return items;
}

async function freeItems(statements: Statements, hosts: readonly string[]): Promise<number> {
  const held = await statements.rows<{ thread: string }>(
    "SELECT DISTINCT thread FROM item WHERE state = 'leased' AND lease_owner = ANY($1)",
    [hosts],
  );
  if (held.length === 0) return 0;
  const threads = held.map(({ thread }) => thread);
  const [, freed] = await Promise.all([
    statements.run('SELECT mailgw_lock_threads($1)', [threads]),
    statements.run(
      `UPDATE item SET state = 'ready', due_at = ${DATABASE_NOW}, lease_until = NULL, lease_owner = NULL
       WHERE state = 'leased' AND lease_owner = ANY($1) AND thread = ANY($2)`,
      [hosts, threads],
    ),
    statements.run('SELECT mailgw_elect(each) FROM unnest($1::text[]) AS each', [threads]),
  ]);
  return freed;
}
