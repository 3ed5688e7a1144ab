/** What the daemon last found out about its sinks, in SQLite, for tools in other processes to see. */
import type { NamedStatus, SinkReports } from '../sink-status.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** Prepares the statements on a writing connection. */
export function prepareSinkReports(database: Database): AtOnce<SinkReports> {
  const set = database.prepare<[string, string, number, string]>(
    'INSERT OR REPLACE INTO sink (name, state, since_at, diagnostic) VALUES (?, ?, ?, ?)',
  );
  const forget = database.prepare<[string]>('DELETE FROM sink WHERE name = ?');
  return {
    setSinkStatus: (name, status) => {
      if (status === undefined) forget.run(name);
      else set.run(name, status.state, status.sinceAt, status.diagnostic);
    },
  };
}

/** Prepares the read: a row for each sink of which the daemon has found something out, by name. */
export function prepareSinkView(database: Database): () => readonly NamedStatus[] {
  const all = database.prepare<[], NamedStatus>(
    'SELECT name, state, since_at AS sinceAt, diagnostic FROM sink ORDER BY name',
  );
  return () => all.all();
}

/** Forgets what was found out of sinks before. */
export function forgetSinkStatus(database: Database): void {
  database.exec('DELETE FROM sink');
}
