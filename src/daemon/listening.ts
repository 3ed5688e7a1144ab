/** Where the daemon's HTTP servers listen: a Unix socket or a port of the loopback, as their sections say. */
import type { Server } from 'node:http';
import type { Log } from '../observe/log.ts';
import type { Config } from '../site/config.ts';
import { ListenError, listenOnFile } from '../system/unix-socket.ts';

/** Makes a server listen as its section says. Rejects with a {@link ListenError} that names the setting. */
export async function listenOn(
  server: Server,
  section: 'metrics' | 'api',
  config: Config,
  log: Log,
): Promise<void> {
  const { listen: endpoint, mode, group } = config[section];
  if (endpoint === undefined) return;
  try {
    if ('path' in endpoint) await listenOnFile(server, { path: endpoint.path, mode, group, section });
    else await listenOnPort(server, endpoint);
  } catch (error) {
    throw error instanceof ListenError ? new ListenError(`${section}.listen: ${error.message}`) : error;
  }
  const where = 'path' in endpoint ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
  log('listening', { service: section, socket: where });
}

function listenOnPort(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new ListenError(`${host}:${port}: cannot listen: ${error.message}`));
    });
    server.listen({ host, port }, resolve);
  });
}
