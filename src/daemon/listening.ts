/** Where the daemon's own HTTP servers listen: a Unix socket or a port of the loopback, as their sections say. */
import type { Server } from 'node:http';
import type { Log } from '../observe/log.ts';
import type { Config } from '../site/config.ts';
import { listenAt } from '../system/endpoint.ts';

/** Makes a server listen as its section says. Rejects with a `ListenError` that names the setting. */
export async function listenOn(
  server: Server,
  section: 'metrics' | 'api',
  config: Config,
  log: Log,
): Promise<void> {
  const where = await listenAt(server, section, config[section]);
  if (where !== undefined) log('listening', { service: section, socket: where });
}
