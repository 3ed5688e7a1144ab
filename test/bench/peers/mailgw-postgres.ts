/**
 * mailgw on PostgreSQL: a daemon with a private server of its own on the disk that is measured, and three daemons that
 * share one.
 *
 * Contract: the server syncs as it does everywhere, with its own settings but for where it listens; the shim of the fixed
 * fsync is preloaded into it as into the daemons. Its CPU and memory are the peer's. Limits: all are on one machine, so a
 * way there and back costs next to nothing, and they share its cores.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePort } from '../../support/free-port.ts';
import { Postgres, postgresUnavailable } from '../../support/postgres.ts';
import { configuration, mintAll, writeSecrets } from './mailgw.ts';
import {
  launchPeer,
  type Missing,
  type Peer,
  type PeerContext,
  type RunningPeer,
  sinkPathOf,
  socketPath,
} from './peer.ts';

/** The peers. */
export const mailgwOnPostgres: readonly Peer[] = [
  peer(
    'mailgw-postgres',
    'mailgw on a PostgreSQL of its own, delivering to the HTTP sink while it accepts',
    1,
  ),
  peer(
    'mailgw-postgres-three',
    'three mailgw daemons on one PostgreSQL, each with a third of the sessions',
    3,
  ),
  peer('mailgw-postgres-three-each', 'the same three, each with all of the sessions', 3, 3),
];

function peer(name: string, label: string, daemons: number, sessionsTimes = 1): Peer {
  const begin: Peer['start'] = async (context) => {
    const started = await start(context, daemons);
    return 'missing' in started ? started : { ...started, sessionsTimes };
  };
  return { name, label, durable: true, start: begin };
}

async function start(context: PeerContext, daemons: number): Promise<RunningPeer | Missing> {
  const unavailable = postgresUnavailable();
  if (unavailable !== false) return { missing: unavailable };
  const server = await startServer(context);
  try {
    await server.sql('CREATE DATABASE mailgw');
    const recipients = await prepare(context, server);
    const first = await startDaemon(context, server, 1, recipients);
    const others: RunningPeer[] = [];
    while (others.length + 1 < daemons)
      others.push(await startDaemon(context, server, others.length + 2, recipients));
    return {
      ...first,
      otherTargets: others.map(({ target }) => target),
      otherPids: [server.pid, ...others.map(({ pid }) => pid)],
      stop: async () => {
        await Promise.all([first, ...others].map((each) => each.stop()));
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop('SIGQUIT');
    throw error;
  }
}

async function startServer(context: PeerContext): Promise<Postgres> {
  const place = { path: (...names: string[]) => path.join(context.directory, ...names) };
  const options = { syncs: true, environment: context.env };
  const server = new Postgres(place, await freePort(), options, 'pg');
  await server.make();
  await server.start();
  return server;
}

/** Gives the lines of the configuration that name the store. */
const storeLines = (server: Postgres, host: number): string =>
  `url = "${server.url('mailgw')}"\nhost = "bench-${host}"\n`;

/** Makes the user and the addresses; the pepper and the secret are those of all daemons. */
async function prepare(context: PeerContext, server: Postgres): Promise<readonly string[]> {
  const { directory, mailgwRoot, sink } = context;
  writeSecrets(directory);
  const text = configuration(directory, sink.url(sinkPathOf(context)), storeLines(server, 1));
  writeFileSync(path.join(directory, 'mailgw.toml'), text);
  return await mintAll(mailgwRoot, directory);
}

async function startDaemon(
  context: PeerContext,
  server: Postgres,
  host: number,
  recipients: readonly string[],
): Promise<RunningPeer> {
  const directory = path.join(context.directory, `host-${host}`);
  mkdirSync(directory);
  const target = { path: socketPath({ ...context, directory }) };
  const file = path.join(directory, 'mailgw.toml');
  const sinkPath = sinkPathOf(context);
  const own = configuration(directory, context.sink.url(sinkPath), storeLines(server, host));
  const shared = own.replaceAll(/(pepper_file|secret_file) = ".*\/(.*)"/g, `$1 = "${context.directory}/$2"`);
  writeFileSync(file, shared);
  const args = [path.join(context.mailgwRoot, 'bin', 'mailgwd'), '--config', file];
  return await launchPeer({ ...context, directory }, process.execPath, args, {
    target,
    recipients,
    sinkPath,
  });
}
