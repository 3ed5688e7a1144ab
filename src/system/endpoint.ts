/**
 * Where an HTTP server listens: a Unix socket, or a host and a port.
 *
 * Failure: {@link ListenError} in one line that names the setting.
 */
import type { Server } from 'node:net';
import { ListenError, listenOnFile } from './unix-socket.ts';

/** The settings of such a listener; `mode` and `group` are those of a Unix socket. */
export interface EndpointSettings {
  readonly listen: { readonly path: string } | { readonly host: string; readonly port: number } | undefined;
  readonly mode: number;
  readonly group: string | undefined;
}

/** Makes a server listen as its section says; gives the place, or undefined where none is set. */
export async function listenAt(
  server: Server,
  section: string,
  { listen: endpoint, mode, group }: EndpointSettings,
): Promise<string | undefined> {
  if (endpoint === undefined) return undefined;
  try {
    if ('path' in endpoint) await listenOnFile(server, { path: endpoint.path, mode, group, section });
    else await listenOnPort(server, endpoint);
  } catch (error) {
    throw error instanceof ListenError ? new ListenError(`${section}.listen: ${error.message}`) : error;
  }
  return 'path' in endpoint ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
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
