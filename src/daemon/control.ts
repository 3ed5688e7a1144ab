/** How a running daemon is told of a new configuration: SIGHUP, and mailgw-ctl through the socket beside the store. */
import { type AnswerRest, adminSocketPath, createAdminServer } from '../api/admin.ts';
import type { Log } from '../observe/log.ts';
import type { Reload } from '../site/changes.ts';
import { errorText } from '../system/error-text.ts';
import { listenOnFile } from '../system/unix-socket.ts';

/** Listens for reloads; without its socket the daemon serves mail all the same. Gives what ends the listening. */
export async function listenForReloads(
  config: string,
  storePath: string,
  reload: Reload,
  rest: Readonly<Record<'v1' | 'actions', AnswerRest>>,
  log: Log,
): Promise<() => void> {
  const server = createAdminServer(config, reload, rest);
  const path = adminSocketPath(storePath);
  try {
    await listenOnFile(server, { path, mode: 0o600, group: undefined, section: 'store' });
  } catch (error) {
    log('control_unavailable', { reason: errorText(error) });
  }
  process.on('SIGHUP', () => void reload(false));
  return () => {
    server.close();
    server.closeAllConnections(); // whoever follows the events would keep it open
  };
}
