/** Where a source listens as a site configures it: on the socket that systemd passed, or on one of its own. */
import type { Server } from 'node:net';
import type { Config } from '../config/config.ts';
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

/** Tells whether there is a socket to listen on. */
export function isWanted(section: SocketName, config: Config): boolean {
  return config[section].socket !== undefined || passedSocket(section) !== undefined;
}

/** Makes a server listen; rejects with a {@link ListenError} that names the setting. */
export async function listen(server: Server, section: SocketName, config: Config, log: Log): Promise<void> {
  const { socket: path, mode, group } = config[section];
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
