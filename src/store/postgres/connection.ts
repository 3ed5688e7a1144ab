/**
 * One connection to the store's PostgreSQL.
 *
 * Contract: statements go out as they are asked for, without waiting for one another, and are answered in their order
 * (pipelining): what is asked in one turn costs one way there and back. A statement that is not answered in time ends the
 * connection, and everything that waits on it fails with {@link ConnectionLost}. Integers come as numbers: none of ours
 * is beyond 2^53.
 * Failure: a lost connection is told once to `onEnd`; it is never used again. One to a server that takes no writes any
 * more counts as lost: it is a standby by now, and another one is the primary.
 */
import type { Socket } from 'node:net';
import pg from 'pg';
import { errorText } from '../../system/error-text.ts';
import { StoreError } from '../store-error.ts';
import { nameOf, type Server, type StoreAddress, tlsOf } from './address.ts';
import { ConnectionLost, isBusy, lossOf, TakesNoWrites } from './explain.ts';

/** A value of a statement. */
export type Value =
  | string
  | number
  | boolean
  | Uint8Array
  | null
  | readonly (string | number | boolean | Uint8Array | null)[];

/** The answer to a statement. */
export interface Answer<Row> {
  readonly rows: Row[];
  /** How many rows it gave or changed. */
  readonly count: number;
  /** What was carried out: COMMIT is answered with ROLLBACK in a transaction that had failed. */
  readonly command: string;
}

/** The options of a connection. */
export interface ConnectionOptions {
  readonly address: StoreAddress;
  readonly password: string | undefined;
  /** What the server shows of us in pg_stat_activity. */
  readonly name: string;
  /** How long an answer may take. */
  readonly answerMs: number;
  /** Told once, when the connection is of no use any more. */
  readonly onEnd?: ((loss: ConnectionLost) => void) | undefined;
}

const CONNECT_MS = 5000;

/** How often connections are looked at for one that does not answer. */
const LOOK_MS = 500;

/** How texts of the server become values: integers of eight bytes become numbers, all else as the driver has it. */
const TYPES: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === pg.types.builtins.INT8 ? Number : (pg.types.getTypeParser(oid, format) as unknown),
};

/** The names of prepared statements by their texts: a text has one name in all connections. */
const names = new Map<string, string>();

function nameFor(sql: string): string {
  const known = names.get(sql);
  if (known !== undefined) return known;
  const name = `mailgw_${names.size}`;
  names.set(sql, name);
  return name;
}

/** The server of an address that took writes last: while the first one is down, nobody waits for it again and again. */
const lastGood = new WeakMap<StoreAddress, Server>();

/**
 * Makes a connection to the first server that takes writes; the one that did last comes before the others. Rejects with
 * {@link ConnectionLost} where none is to be had now, with another error where a server does not let us in.
 */
export async function connect(options: ConnectionOptions): Promise<Connection> {
  const { address } = options;
  const known = lastGood.get(address);
  const others = address.servers.filter((server) => server !== known);
  const errors: Error[] = [];
  for (const server of known === undefined ? others : [known, ...others]) {
    try {
      const connection = await connectTo(server, options, address.servers.length > 1);
      lastGood.set(address, server);
      return connection;
    } catch (error) {
      errors.push(asUnmade(error, server));
    }
  }
  throw inOne(errors);
}

/** Gives the error of a connection that was not made, with the name of the server. */
function asUnmade(error: unknown, server: Server): Error {
  const named = (text: string): string =>
    text.includes(nameOf(server)) ? text : `${nameOf(server)}: ${text}`;
  const told = asError(error);
  told.message = named(told.message);
  return told;
}

/** Gives a loss where one more try may do, or the error as it is. */
function asError(error: unknown): Error {
  const loss = lossOf(error);
  if (loss !== undefined) return loss;
  if (isBusy(error)) return new ConnectionLost(errorText(error), { cause: error });
  return error instanceof Error ? error : new Error(errorText(error));
}

const isRefusal = (error: Error): boolean => !(error instanceof ConnectionLost);

/** Makes one error of those of all servers: of a refusal, if there is one, since that does not go away by itself. */
function inOne(errors: readonly Error[]): Error {
  const worst = errors.find(isRefusal) ?? errors[0] ?? new Error('there is no server');
  worst.message = errors.map(({ message }) => message).join('; ');
  return worst;
}

async function connectTo(
  server: Server,
  options: ConnectionOptions,
  isOneOfSeveral: boolean,
): Promise<Connection> {
  const { address, password, name } = options;
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    user: address.user,
    database: address.database,
    // By a function, or the driver would look for one in PGPASSWORD and in ~/.pgpass.
    password: () => password ?? '',
    ssl: tlsOf(address, server),
    application_name: name,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: TYPES,
    pipeline: true,
  });
  const told = listen(client);
  let isMade = false;
  const onEnd = (loss: ConnectionLost): void => {
    if (isMade) options.onEnd?.(loss);
  };
  const connection = new Connection(client, { ...options, onEnd });
  try {
    await client.connect();
    requireEncoding(told);
    if (address.pooler === 'none') void uncompiled(connection);
    // A standby takes reads alone; so does a primary that was told to.
    if (isOneOfSeveral) await connection.requireWrites();
    isMade = true;
    return connection;
  } catch (error) {
    connection.end();
    throw error;
  }
}

/**
 * Has no plan of a session compiled: what is asked here is short, and the planner's guesses at tables that nobody has analysed
 * yet cost 12 ms. Behind a pooler the role has the setting ("mailgw-ctl db sql").
 */
async function uncompiled(connection: Connection): Promise<void> {
  // Nothing waits for it, and nothing depends on it.
  await connection.ask('SET jit = off').catch(() => undefined);
}

/** Collects what the server tells of a session while it begins. */
function listen(client: pg.Client): ReadonlyMap<string, string> {
  const told = new Map<string, string>();
  wireOf(client).on('parameterStatus', ({ parameterName, parameterValue }) => {
    told.set(parameterName, parameterValue);
  });
  return told;
}

/** Throws unless the database has all letters that mail has. */
function requireEncoding(told: ReadonlyMap<string, string>): void {
  const encoding = told.get('server_encoding') ?? 'UTF8';
  if (encoding !== 'UTF8')
    throw new StoreError(
      'refused',
      `the encoding of the database is ${encoding}, expected UTF8; "mailgw-ctl db sql" gives the SQL that makes such one`,
    );
}

/** The connection of the driver as the types do not have it. */
interface Wire {
  readonly stream: Pick<Socket, 'destroy' | 'cork' | 'uncork'>;
  on(
    event: 'parameterStatus',
    hear: (message: { readonly parameterName: string; readonly parameterValue: string }) => void,
  ): void;
}

const wireOf = (client: pg.Client): Wire => (client as unknown as { connection: Wire }).connection;

/** A statement of the driver as the types do not have it: with whom to tell, and a name. */
interface Statement extends pg.Submittable {
  name?: string;
}

/** What makes one. With whom to tell the driver makes no promise of its own, and no trace for one that fails. */
const Query = pg.Query as unknown as new <Row>(
  sql: string,
  values: readonly Value[],
  tell: (error: unknown, answer?: pg.QueryResult<Row & pg.QueryResultRow>) => void,
) => Statement;

/** A connection. Its life: made by {@link connect}, `ask` any number of times, `end`. */
export class Connection {
  readonly #client: pg.Client;
  readonly #isPrepared: boolean;
  readonly #answerMs: number;
  /** When each statement that waits for its answer was asked; the answers come in order. */
  readonly #askedAt: number[] = [];
  readonly #onEnd: (loss: ConnectionLost) => void;
  #watch: NodeJS.Timeout | undefined;
  #loss: ConnectionLost | undefined;
  #isGathering = false;

  /** To be made with {@link connect}. */
  constructor(client: pg.Client, { address, answerMs, onEnd = () => undefined }: ConnectionOptions) {
    this.#client = client;
    this.#isPrepared = address.pooler === 'none';
    this.#answerMs = answerMs;
    this.#onEnd = onEnd;
    client.on('error', (error) => {
      this.#lose(new ConnectionLost(errorText(error), { cause: error }));
    });
    client.on('end', () => {
      this.#lose(new ConnectionLost('the connection to the database was closed'));
    });
  }

  /** Tells whether it is of use. */
  get isAlive(): boolean {
    return this.#loss === undefined;
  }

  /** The connection as the driver has it, for notifications. */
  get client(): pg.Client {
    return this.#client;
  }

  /** Carries out one statement. */
  ask<Row>(sql: string, values: readonly Value[] = []): Promise<Answer<Row>> {
    return new Promise((resolve, reject) => {
      if (this.#loss !== undefined) throw this.#loss;
      this.#askedAt.push(performance.now());
      this.#watch ??= setInterval(this.#look, LOOK_MS).unref();
      this.#gather();
      const statement = new Query<Row>(sql, values.map(bare), (error, answer) => {
        this.#askedAt.shift();
        if (answer === undefined) reject(this.#reasonOf(error));
        else resolve({ rows: answer.rows, count: answer.rowCount ?? 0, command: answer.command });
      });
      if (this.#isPrepared && values.length > 0) statement.name = nameFor(sql);
      this.#client.query(statement);
    });
  }

  /** Has what is asked in this turn go out in one piece at its end: that costs the system less, and wakes the server once. */
  #gather(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    const { stream } = wireOf(this.#client);
    stream.cork();
    setImmediate(() => {
      this.#isGathering = false;
      stream.uncork();
    });
  }

  /** Gives what a statement failed by: once the connection is lost, by that. */
  #reasonOf(error: unknown): Error {
    const loss = this.#loss ?? lossOf(error);
    if (loss === undefined) return error instanceof Error ? error : new Error(errorText(error));
    this.#lose(loss);
    return loss;
  }

  /** Throws unless writes are taken here. */
  async requireWrites(): Promise<void> {
    const { rows } = await this.ask<{ isReadOnly: boolean; isStandby: boolean }>(
      `SELECT current_setting('transaction_read_only')::boolean AS "isReadOnly", pg_is_in_recovery() AS "isStandby"`,
    );
    if (rows[0]?.isReadOnly !== true) return;
    throw new TakesNoWrites(
      rows[0].isStandby
        ? 'the server takes no writes: it is a standby'
        : 'the server takes no writes: default_transaction_read_only is on',
    );
  }

  readonly #look = (): void => {
    const oldest = this.#askedAt[0];
    if (oldest === undefined || performance.now() - oldest < this.#answerMs) return;
    this.#lose(new ConnectionLost(`the database has not answered for ${this.#answerMs} ms`));
  };

  #lose(loss: ConnectionLost): void {
    if (this.#loss !== undefined) return;
    this.#loss = loss;
    clearInterval(this.#watch);
    // Without waiting for the other side, which may not be there any more.
    wireOf(this.#client).stream.destroy();
    this.#onEnd(loss);
  }

  /** Ends it at once; what waits fails. */
  end(): void {
    this.#lose(new ConnectionLost('the connection was ended'));
  }
}

/** Gives a value as PostgreSQL takes it: its text knows no NUL. */
function bare(value: Value): Value {
  if (typeof value === 'string') return value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value;
  if (!Array.isArray(value)) return value;
  return value.map((each: string) => bare(each) as string);
}
