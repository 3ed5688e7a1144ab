/** What the daemon last found out about its sink, in SQLite, for tools in other processes to see. */
import type { SinkReports, SinkStatus } from '../sink-status.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** Prepares the statement on a writing connection. */
export function prepareSinkReports(database: Database): AtOnce<SinkReports> {
  const set = database.prepare<[string, number, string]>(
    `INSERT INTO sink (sink_number, state, since_at, diagnostic) VALUES (1, ?, ?, ?)
     ON CONFLICT (sink_number) DO UPDATE SET state = excluded.state, since_at = excluded.since_at, diagnostic = excluded.diagnostic`,
  );
  return {
    setSinkStatus: (status) => {
      if (status === undefined) forgetSinkStatus(database);
      else set.run(status.state, status.sinceAt, status.diagnostic);
    },
  };
}

/** Prepares the read; undefined until the daemon has found something out. */
export function prepareSinkView(database: Database): () => SinkStatus | undefined {
  const get = database.prepare<[], SinkStatus>(
    'SELECT state, since_at AS sinceAt, diagnostic FROM sink WHERE sink_number = 1',
  );
  return () => get.get();
}

/** Forgets what was found out of a sink before. */
export function forgetSinkStatus(database: Database): void {
  database.exec('DELETE FROM sink');
}
