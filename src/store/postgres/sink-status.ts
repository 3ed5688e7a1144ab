/**
 * What each host last found out about its sinks, in PostgreSQL, for tools and the other hosts to see.
 *
 * Contract: a host writes its own rows alone. What one that has stopped, or was not seen for {@link SEEN_MS}, knew of a sink
 * is nobody's knowledge any more. Of what several know of one sink the worst counts, and of that the one that is longest so.
 */
import type { NamedStatus, SinkReports } from '../sink-status.ts';
import type { Statements } from './database.ts';
import type { Ground } from './ground.ts';

/** A host that was not seen for so long knows nothing. */
const SEEN_MS = 60_000;

/** Gives the port. */
export function sinkPort({ database, host }: Ground): SinkReports {
  return {
    setSinkStatus: (name, status) =>
      database.transact({ lock: 'none', isDurable: false }, async (statements) => {
        if (status === undefined)
          await statements.run('DELETE FROM sink WHERE name = $1 AND host = $2', [name, host]);
        else
          await statements.run(
            `INSERT INTO sink (name, host, state, since_at, diagnostic) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (name, host) DO UPDATE
             SET state = excluded.state, since_at = excluded.since_at, diagnostic = excluded.diagnostic`,
            [name, host, status.state, status.sinceAt, status.diagnostic],
          );
      }),
  };
}

/** Reads the status of each sink of which a daemon has found something out, by name. */
export function readSinks(statements: Statements): Promise<NamedStatus[]> {
  return statements.rows<NamedStatus>(
    `SELECT DISTINCT ON (sink.name) sink.name, sink.state, since_at AS "sinceAt", diagnostic
     FROM sink LEFT JOIN host ON host.name = sink.host
     WHERE host.name IS NULL
       OR NOT host.stopped AND host.seen_at > extract(epoch FROM clock_timestamp()) * 1000 - ${SEEN_MS}
     ORDER BY sink.name, array_position(ARRAY['broken', 'down', 'paused', 'up'], sink.state), since_at`,
  );
}
