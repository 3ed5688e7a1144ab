// PgBouncer in front of a private PostgreSQL: each transaction of a client gets one of few connections.
//
// Contract: startPgBouncer returns once it takes connections; it ends with the scratch. It runs as the user postgres and lets
// in everybody as the superuser.
// Failure: pgBouncerUnavailable() says why the machine cannot run it; the tests skip with that sentence.

import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { type Postgres, postgresOwner, postgresUnavailable, startPostgres } from './postgres.ts';
import { DaemonProcess } from './process.ts';
import type { Scratch } from './scratch.ts';

const PROGRAM = '/usr/sbin/pgbouncer';

/** Why PgBouncer cannot run here, or false if it can: the value of a test's `skip`. */
export function pgBouncerUnavailable(): string | false {
  return postgresUnavailable() || (existsSync(PROGRAM) ? false : 'unavailable: pgbouncer is not installed');
}

/** A running pooler. */
export interface PgBouncer {
  /** Gives the URL of a database of the server, through the pooler. */
  url(database: string, parameters?: string): string;
}

/** The connections that a database has behind the pooler of {@link startPooled}. */
export const POOL_SIZE = 5;

/** A server with a pooler in front of it. */
export interface Pooled {
  readonly server: Postgres;
  readonly pooler: PgBouncer;
}

/** Starts both, for tests that have a database each: its pool's connections stay for a second or two. */
export async function startPooled(scratch: Scratch): Promise<Pooled> {
  const server = await startPostgres(scratch, { settings: ['max_connections=400'] });
  return { server, pooler: await startPgBouncer(scratch, server, POOL_SIZE) };
}

/** Starts one whose pools, of each database, have so many connections. */
export async function startPgBouncer(
  scratch: Scratch,
  server: Postgres,
  poolSize: number,
): Promise<PgBouncer> {
  const directory = scratch.path('pgbouncer');
  const port = await freePort();
  mkdirSync(directory, { mode: 0o755 });
  const { uid, gid } = postgresOwner()!;
  chownSync(directory, uid, gid);
  const lines = [
    '[databases]',
    `* = host=${server.directory} port=${server.port} user=postgres`,
    '[pgbouncer]',
    `listen_addr=127.0.0.1`,
    `listen_port=${port}`,
    `unix_socket_dir=`,
    'auth_type=any',
    'pool_mode=transaction',
    `default_pool_size=${poolSize}`,
    'max_client_conn=500',
    // Each test has a database of its own, and so a pool.
    'server_idle_timeout=1',
  ];
  const file = join(directory, 'pgbouncer.ini');
  writeFileSync(file, `${lines.join('\n')}\n`);
  const identity = ['--reuid=postgres', '--regid=postgres', '--clear-groups'];
  const daemon = new DaemonProcess('setpriv', [...identity, PROGRAM, file], join(directory, 'log'));
  scratch.defer(async () => {
    await daemon.end('SIGTERM');
  });
  await eventually(
    () => isOpen(port),
    () => daemon.output(),
  );
  return {
    url: (database, parameters = 'pooler=transaction') =>
      `postgresql://postgres@127.0.0.1:${port}/${database}?${parameters}`,
  };
}

/** Tells whether somebody listens; undefined while nobody does. */
function isOpen(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => {
      resolve(undefined);
    });
  });
}
