// A private PostgreSQL, with databases of its own for each test.
//
// Contract: startPostgres returns once the server takes connections; it ends with the scratch. It runs as the user postgres
// in a scratch directory and listens on a Unix socket there and on a loopback port of its own. Nothing is synced to the disk
// unless asked for: no test here cuts the power.
// Failure: postgresUnavailable() says why the machine cannot run it; the tests skip with that sentence.

import { appendFileSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openPostgresStore, type PostgresOptions } from '../../src/store/postgres/store.ts';
import type { Store } from '../../src/store/store.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { DaemonProcess, run, runOk } from './process.ts';
import type { Scratch } from './scratch.ts';

const ROOT = '/usr/lib/postgresql';

/** The directory of the newest server's programs, if there is one. */
function programs(): string | undefined {
  if (!existsSync(ROOT)) return undefined;
  const newest = readdirSync(ROOT)
    .sort((a, b) => Number(a) - Number(b))
    .findLast((version) => existsSync(join(ROOT, version, 'bin', 'initdb')));
  return newest === undefined ? undefined : join(ROOT, newest, 'bin');
}

/** The user and the group of Debian's package; undefined where there are none. */
export function postgresOwner(): { uid: number; gid: number } | undefined {
  const entry = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.startsWith('postgres:'));
  const [, , uid, gid] = entry?.split(':') ?? [];
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

/** Why PostgreSQL cannot run here, or false if it can: the value of a test's `skip`. */
export function postgresUnavailable(): string | false {
  if (programs() === undefined) return 'unavailable: postgresql-15 is not installed';
  if (process.getuid?.() !== 0) return 'unavailable: PostgreSQL is started as its own user, by root';
  if (postgresOwner() === undefined) return 'unavailable: there is no user postgres';
  return false;
}

/** What may be another than usual. */
export interface ServerOptions {
  /** Lines of postgresql.conf. */
  readonly settings?: readonly string[];
  /** Addresses beside the loopback's from which everybody is let in. */
  readonly trusts?: string;
  /** Whether commits are synced to the disk. */
  readonly syncs?: boolean;
  /** Variables of the server's environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A running server. */
export class Postgres {
  readonly port: number;
  /** What was asked for. */
  readonly options: ServerOptions;
  readonly directory: string;
  #daemon: DaemonProcess | undefined;
  #databases = 0;
  #hasTemplate = false;

  constructor(scratch: Pick<Scratch, 'path'>, port: number, options: ServerOptions, name: string) {
    this.port = port;
    this.options = options;
    this.directory = scratch.path(name);
  }

  /** The directory of the server's files. */
  get data(): string {
    return join(this.directory, 'data');
  }

  /** Runs one of PostgreSQL's programs as its user. */
  async program(name: string, ...args: readonly string[]): Promise<string> {
    return await runOk('setpriv', [
      '--reuid=postgres',
      '--regid=postgres',
      '--clear-groups',
      join(programs()!, name),
      ...args,
    ]);
  }

  /** Makes the directory of the server, its user's own. */
  makeDirectory(): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o755 });
    const { uid, gid } = postgresOwner()!;
    chownSync(this.directory, uid, gid);
  }

  /** Makes the cluster. */
  async make(): Promise<void> {
    this.makeDirectory();
    await this.program(
      'initdb',
      '--no-sync',
      '--auth=trust',
      '--encoding=UTF8',
      '--locale=C',
      '--username=postgres',
      '-D',
      this.data,
    );
    const { trusts } = this.options;
    if (trusts !== undefined)
      appendFileSync(join(this.data, 'pg_hba.conf'), `host all all ${trusts} trust\n`);
  }

  /** Starts the server, and waits until it takes connections. */
  async start(): Promise<void> {
    const { settings = [], syncs = false, environment = {} } = this.options;
    const lines = [
      `port=${this.port}`,
      `unix_socket_directories=${this.directory}`,
      `listen_addresses=${this.options.trusts === undefined ? '127.0.0.1' : '*'}`,
      'max_connections=100',
      'shared_buffers=64MB',
      'log_min_messages=fatal',
      ...(syncs ? [] : ['fsync=off', 'full_page_writes=off']),
      ...settings,
    ];
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    const command = [
      join(programs()!, 'postgres'),
      '-D',
      this.data,
      ...lines.flatMap((line) => ['-c', line]),
    ];
    this.#daemon = new DaemonProcess(
      'setpriv',
      ['--reuid=postgres', '--regid=postgres', '--clear-groups', 'env', ...variables, ...command],
      join(this.directory, 'log'),
    );
    await eventually(
      async () => {
        const { code } = await run(join(programs()!, 'pg_isready'), [
          '-h',
          this.directory,
          '-p',
          String(this.port),
          '-q',
        ]);
        return code === 0 ? true : undefined;
      },
      () => this.#daemon?.output() ?? '',
    );
  }

  /** Makes a primary of a standby. */
  async promote(): Promise<void> {
    await this.program('pg_ctl', 'promote', '-D', this.data, '-w', '-t', '30');
  }

  /** The process of the server: its children end with it. */
  get pid(): number {
    return this.#daemon!.pid;
  }

  /** Ends the server: at once and in order, or as a crash does. */
  async stop(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL' = 'SIGINT'): Promise<void> {
    await this.#daemon?.end(signal);
    this.#daemon = undefined;
  }

  /** Runs SQL as the superuser; the values of the first columns, a line each. */
  async sql(text: string, database = 'postgres'): Promise<string> {
    return (
      await runOk('psql', [
        '-h',
        this.directory,
        '-p',
        String(this.port),
        '-U',
        'postgres',
        '-d',
        database,
        '-X',
        '-A',
        '-t',
        '-q',
        '-v',
        'ON_ERROR_STOP=1',
        '-c',
        text,
      ])
    ).trim();
  }

  /** Gives the URL of a database, over the Unix socket or over TCP. */
  url(database: string, over: 'socket' | 'tcp' = 'socket', user = 'postgres'): string {
    return over === 'tcp'
      ? `postgresql://${user}@127.0.0.1:${this.port}/${database}`
      : `postgresql://${user}@/${database}?host=${this.directory}&port=${this.port}`;
  }

  /** Makes an empty database with the schema in it; gives its name. */
  async database(): Promise<string> {
    if (!this.#hasTemplate) {
      this.#hasTemplate = true;
      await this.sql('CREATE DATABASE mailgw_template');
      const store = await openPostgresStore({ url: this.url('mailgw_template'), mode: 'tool' });
      await store.close();
    }
    this.#databases += 1;
    const name = `mailgw_${this.#databases}`;
    await this.sql(`CREATE DATABASE ${name} TEMPLATE mailgw_template STRATEGY file_copy`);
    return name;
  }

  /** Opens an empty store, which closes with `scratch`; then its database goes. */
  async store(scratch: Scratch, options: Partial<PostgresOptions> = {}): Promise<Store> {
    const database = await this.database();
    scratch.defer(async () => {
      await this.sql(`DROP DATABASE ${database} WITH (FORCE)`);
    });
    const store = await openPostgresStore({
      url: this.url(database),
      mode: 'daemon',
      host: 'one',
      ...options,
    });
    scratch.defer(() => store.close());
    return store;
  }
}

/** Makes a synchronous standby of a server, in the place `name`: a commit there is on both from now on. */
export async function startStandby(scratch: Scratch, primary: Postgres, name: string): Promise<Postgres> {
  const standby = new Postgres(scratch, await freePort(), primary.options, name);
  scratch.defer(() => standby.stop('SIGQUIT'));
  await follow(primary, standby);
  return standby;
}

/** Has a server that does not run follow another one: its files are made anew. */
export async function follow(primary: Postgres, standby: Postgres): Promise<void> {
  rmSync(standby.data, { recursive: true, force: true });
  standby.makeDirectory();
  const from = ['-h', primary.directory, '-p', String(primary.port), '-U', 'postgres'];
  await standby.program(
    'pg_basebackup',
    '-D',
    standby.data,
    '-R',
    '-X',
    'stream',
    '-c',
    'fast',
    '--no-sync',
    ...from,
  );
  // Once it is promoted it waits for nobody.
  appendFileSync(join(standby.data, 'postgresql.auto.conf'), "synchronous_standby_names = ''\n");
  await standby.start();
  await primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
  await primary.sql('SELECT pg_reload_conf()');
  const state = (): Promise<string> => primary.sql('SELECT sync_state FROM pg_stat_replication');
  await eventually(
    async () => ((await state()) === 'sync' ? true : undefined),
    () => 'a synchronous standby',
  );
}

/** Starts a private PostgreSQL that ends with the scratch. */
export async function startPostgres(
  scratch: Scratch,
  options: ServerOptions = {},
  name = 'pg',
): Promise<Postgres> {
  const server = new Postgres(scratch, await freePort(), options, name);
  scratch.defer(() => server.stop('SIGQUIT'));
  await server.make();
  await server.start();
  return server;
}
