/**
 * One connection to the store's PostgreSQL.
 *
 * Contract: statements go out as they are asked for, without waiting for one another, and are answered in their order
 * (pipelining): what is asked in one turn costs one way there and back. A statement that is not answered in time ends the
 * connection, and everything that waits on it fails with {@link ConnectionLost}. Integers come as numbers: none of ours
 * is beyond 2^53.
 * Failure: a lost connection is told once to `onEnd`; it is never used again.
 */
import pg from 'pg';
import { errorText } from '../../system/error-text.ts';
import { nameOf, type Server, type StoreAddress, tlsOf } from './address.ts';
import { ConnectionLost, isLoss } from './explain.ts';

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
  readonly onEnd?: (() => void) | undefined;
}

const CONNECT_MS = 5000;

/** How often connections are looked at for one that does not answer. */
const LOOK_MS = 500;

const INT8 = 20;

type Parser = (text: string) => unknown;

const TYPES = {
  getTypeParser: (oid: number, format?: string): Parser =>
    oid === INT8 ? Number : (pg.types.getTypeParser(oid, format as 'text') as Parser),
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

/** Makes a connection to the first server that takes writes. Rejects with the last server's error. */
export async function connect(options: ConnectionOptions): Promise<Connection> {
  const { servers } = options.address;
  let last: unknown;
  for (const server of servers) {
    try {
      return await connectTo(server, options, servers.length > 1);
    } catch (error) {
      last = error;
    }
  }
  throw last;
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
    password: password ?? '',
    ssl: tlsOf(address, server),
    application_name: name,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: TYPES as pg.CustomTypesConfig,
    pipeline: true,
  } as pg.ClientConfig);
  const connection = new Connection(client, options);
  try {
    await client.connect();
    // A standby takes reads alone; so does a primary that was told to.
    if (isOneOfSeveral) await connection.requireWrites();
    return connection;
  } catch (error) {
    connection.end();
    if (error instanceof Error && !error.message.includes(nameOf(server)))
      error.message = `${nameOf(server)}: ${error.message}`;
    throw error;
  }
}

/** A connection. Its life: made by {@link connect}, `ask` any number of times, `end`. */
export class Connection {
  readonly #client: pg.Client;
  readonly #isPrepared: boolean;
  readonly #answerMs: number;
  /** When each statement that waits for its answer was asked; the answers come in order. */
  readonly #askedAt: number[] = [];
  readonly #onEnd: () => void;
  #watch: NodeJS.Timeout | undefined;
  #loss: Error | undefined;

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

  /** Counts the statements that wait for their answers. */
  get waiting(): number {
    return this.#askedAt.length;
  }

  /** The connection as the driver has it, for notifications. */
  get client(): pg.Client {
    return this.#client;
  }

  /** Carries out one statement. */
  async ask<Row>(sql: string, values: readonly Value[] = []): Promise<Answer<Row>> {
    if (this.#loss !== undefined) throw this.#loss;
    this.#askedAt.push(performance.now());
    this.#watch ??= setInterval(this.#look, LOOK_MS).unref();
    try {
      const { rows, rowCount, command } = await this.#client.query<Row & pg.QueryResultRow>({
        text: sql,
        values: values.map(bare) as unknown[],
        ...(this.#isPrepared && values.length > 0 ? { name: nameFor(sql) } : {}),
      } as pg.QueryConfig);
      return { rows, count: rowCount ?? 0, command };
    } catch (error) {
      if (!isLoss(error)) throw error;
      const loss = this.#loss ?? new ConnectionLost(errorText(error), { cause: error });
      this.#lose(loss);
      throw loss;
    } finally {
      this.#askedAt.shift();
    }
  }

  /** Throws unless writes are taken here. */
  async requireWrites(): Promise<void> {
    const { rows } = await this.ask<{ transaction_read_only: string }>('SHOW transaction_read_only');
    if (rows[0]?.transaction_read_only === 'on')
      throw new ConnectionLost('the server takes no writes: it is a standby');
  }

  readonly #look = (): void => {
    const oldest = this.#askedAt[0];
    if (oldest === undefined || performance.now() - oldest < this.#answerMs) return;
    this.#lose(new ConnectionLost(`the database has not answered for ${this.#answerMs} ms`));
  };

  #lose(loss: Error): void {
    if (this.#loss !== undefined) return;
    this.#loss = loss;
    clearInterval(this.#watch);
    destroy(this.#client);
    this.#onEnd();
  }

  /** Ends it at once; what waits fails. */
  end(): void {
    this.#lose(new ConnectionLost('the connection was ended'));
  }
}

/** Closes a socket without waiting for the other side, which may not be there any more. */
function destroy(client: pg.Client): void {
  const { stream } = (client as unknown as { connection: { stream: { destroy: () => void } } }).connection;
  stream.destroy();
}

/** Gives a value as PostgreSQL takes it: its text knows no NUL. */
function bare(value: Value): Value {
  if (typeof value === 'string') return value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value;
  if (!Array.isArray(value)) return value;
  return value.map((each: string) => bare(each) as string);
}
