/** Where a source listens as a site configures it: on the socket that systemd passed, or on one of its own. */
import type { Server } from 'node:net';
import type { Log } from '../observe/log.ts';
import {
  inheritedSocket,
  ListenError,
  listenOnDescriptor,
  listenOnFile,
  type SocketName,
} from '../system/unix-socket.ts';

const passedSocket = (name: SocketName): number | undefined =>
  inheritedSocket(name, process.env, process.pid);

/** The settings of a listener: its socket, and whose that is. */
export interface ListenSettings {
  readonly socket: string | undefined;
  readonly mode: number;
  readonly group: string | undefined;
}

/** Tells whether there is a socket to listen on. */
export function isWanted(section: SocketName, { socket }: Pick<ListenSettings, 'socket'>): boolean {
  return socket !== undefined || passedSocket(section) !== undefined;
}

/** Makes a server listen; rejects with a {@link ListenError} that names the setting. */
export async function listen(
  server: Server,
  section: SocketName,
  { socket: path, mode, group }: ListenSettings,
  log: Log,
): Promise<void> {
  const descriptor = passedSocket(section);
  try {
    if (descriptor !== undefined) await listenOnDescriptor(server, descriptor);
    else if (path !== undefined) await listenOnFile(server, { path, mode, group, section });
  } catch (error) {
    throw error instanceof ListenError ? new ListenError(`${section}.socket: ${error.message}`) : error;
  }
  const socket = descriptor === undefined ? path : `descriptor ${descriptor}`;
  log('listening', { service: section, socket });
}
