/**
 * Where a listener listens: a Unix socket of ours, or one that systemd hands over.
 *
 * Contract: a socket file that nobody serves is replaced, a live one is refused, and any other kind of file is left
 * alone. The socket never exists with wider permissions than it ends up with.
 * Failure: {@link ListenError} in one line that names the path.
 * Standards: sd_listen_fds(3), systemd.socket(5).
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { errorText } from './error-text.ts';

/** The reason why a listener could not start. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/** A socket of our own; `group` owns it when given. */
export interface SocketFile {
  readonly path: string;
  readonly mode: number;
  readonly group: string | undefined;
  /** The section of the configuration that names it, for messages. */
  readonly section: string;
}

/** First descriptor that systemd passes (sd_listen_fds(3)). */
const FIRST_PASSED_FD = 3;

/** Bytes of a Unix socket's path that fit sockaddr_un. */
export const MAX_SOCKET_PATH_BYTES = 107;

/** Our sockets by the names that systemd gives them (FileDescriptorName=). */
export type SocketName = 'lmtp' | 'policy' | 'outbound';

/** Gives the descriptor that systemd passed for `name`; a lone one that is not named after us is the LMTP socket. */
export function inheritedSocket(
  name: SocketName,
  environment: NodeJS.ProcessEnv,
  pid: number,
): number | undefined {
  if (environment.LISTEN_PID !== undefined && environment.LISTEN_PID !== String(pid)) return undefined;
  const count = Number(environment.LISTEN_FDS ?? 0);
  if (!Number.isInteger(count) || count < 1) return undefined;
  const names = environment.LISTEN_FDNAMES?.split(':') ?? [];
  const index = names.findIndex((candidate) => candidate === name);
  if (index !== -1 && index < count) return FIRST_PASSED_FD + index;
  const isNamed = names[0] === 'policy' || names[0] === 'outbound';
  return name === 'lmtp' && count === 1 && !isNamed ? FIRST_PASSED_FD : undefined;
}

/** Makes `server` listen on an inherited descriptor. */
export async function listenOnDescriptor(server: Server, fd: number): Promise<void> {
  await listening(server, () => server.listen({ fd }), `descriptor ${fd}`);
}

/** Makes `server` listen on a socket file. */
export async function listenOnFile(server: Server, file: SocketFile): Promise<void> {
  if (Buffer.byteLength(file.path) > MAX_SOCKET_PATH_BYTES) {
    throw new ListenError(`${file.path}: a Unix socket's path has at most ${MAX_SOCKET_PATH_BYTES} bytes`);
  }
  const gid = file.group === undefined ? undefined : groupId(file.group, file.section);
  try {
    mkdirSync(dirname(file.path), { recursive: true, mode: 0o755 });
    await removeStale(file.path);
  } catch (error) {
    throw error instanceof ListenError ? error : new ListenError(`${file.path}: ${errorText(error)}`);
  }
  const previous = process.umask(0o177);
  try {
    await listening(server, () => server.listen(file.path), file.path);
  } finally {
    process.umask(previous);
  }
  try {
    if (gid !== undefined) chownSync(file.path, -1, gid);
    chmodSync(file.path, file.mode);
  } catch (error) {
    server.close();
    throw new ListenError(`${file.path}: cannot set group or mode: ${errorText(error)}`);
  }
}

function listening(server: Server, start: () => void, where: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => {
      reject(new ListenError(`${where}: cannot listen: ${error.message}`));
    };
    server.once('error', failed);
    server.once('listening', () => {
      server.off('error', failed);
      resolve();
    });
    start();
  });
}

async function removeStale(path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket())
    throw new ListenError(`${path}: exists and is no socket; remove it or choose another path`);
  if ((await probeSocket(path)) !== 'stale')
    throw new ListenError(`${path}: another process serves this socket`);
  unlinkSync(path);
}

/** Finds out whether somebody serves a socket file; of a server that is busy or not ours to reach nothing is known. */
export function probeSocket(path: string): Promise<'served' | 'stale' | 'unknown'> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve('served');
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? 'stale' : 'unknown');
    });
  });
}

function groupId(group: string, section: string): number {
  if (/^\d+$/.test(group)) return Number(group);
  const line = localGroup(group) ?? directoryGroup(group);
  const id = Number(line?.split(':')[2]);
  if (line === undefined || !Number.isInteger(id)) {
    throw new ListenError(`${section}.group: "${group}" is no group of this system`);
  }
  return id;
}

function localGroup(group: string): string | undefined {
  return readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((line) => line.startsWith(`${group}:`));
}

/** Groups may come from a directory service, which only getent(1) asks. */
function directoryGroup(group: string): string | undefined {
  try {
    return execFileSync('getent', ['group', group], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}
