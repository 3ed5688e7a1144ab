// A daemon as far as commands ask it: the store open as a daemon has it, and the socket beside it, in this process.
//
// Contract: after serveStores() every store that a test sets up is served until its scratch closes; `asked` are the
// actions that commands had done. Each request is answered under the settings that the file has by then.

import { answerAction } from '../../src/api/action-answers.ts';
import { adminSocketPath, createAdminServer } from '../../src/api/admin.ts';
import type { MintingSession } from '../../src/api/own-actions.ts';
import { readPeppers } from '../../src/config/secret-file.ts';
import { loadConfig } from '../../src/site/config.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { listenOnFile } from '../../src/system/unix-socket.ts';
import type { Scratch } from '../support/scratch.ts';

let serves = false;

/** The names of the actions that were asked for. */
export const asked = new Set<string>();

/** Has stores served from now on. */
export function serveStores(): void {
  serves = true;
}

/** Whether stores are served. */
export const isServing = (): boolean => serves;

/** Serves the store of a configuration; the store. */
export async function serveStore(scratch: Scratch, configPath: string): Promise<Store> {
  const { path } = read(configPath).store;
  const store = await openSqliteStore({ path, mode: 'daemon' });
  const server = createAdminServer(configPath, () => Promise.reject(new Error('no reload')), {
    v1: (_request, response) => response.writeHead(404).end(),
    actions: (request, response) => {
      const [, name] = /^\/actions\/(\w+)$/.exec(request.url ?? '') ?? [];
      if (name !== undefined) asked.add(name);
      const session = sessionOf(configPath, store);
      void answerAction(session, request, response, {
        trouble: () => Promise.resolve(undefined),
        onFault: (reason) => {
          console.error(reason);
        },
      });
    },
  });
  await listenOnFile(server, {
    path: adminSocketPath(path),
    mode: 0o600,
    group: undefined,
    section: 'store',
  });
  scratch.defer(async () => {
    server.close();
    server.closeAllConnections();
    await store.close();
  });
  return store;
}

function read(configPath: string) {
  const loaded = loadConfig(configPath);
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  return loaded.config;
}

function sessionOf(configPath: string, store: Store): MintingSession {
  const config = read(configPath);
  const peppers = readPeppers(config);
  if (!peppers.ok) throw new Error(peppers.problems.join('\n'));
  return { config, peppers: peppers.peppers, store, notified: () => undefined };
}
