// A daemon as far as commands ask it: the store open as a daemon has it, and the socket beside it, in this process.
//
// Contract: after serveStores() every store that a test sets up is served until its scratch closes. Each request is answered under the settings that the file has by then.

import assert from 'node:assert/strict';
import { after } from 'node:test';
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

/** The actions that the commands of each file of tests ask for; together they are all that there are. */
export const SERVED = {
  users: [
    ...(['addUser', 'changeUser', 'putUsers', 'findUser', 'listNames', 'renameUser', 'removeUser'] as const),
    ...(['findErasable', 'eraseUser', 'restoreUser', 'rotateSalts'] as const),
  ],
  addresses: [
    ...(['renameThread', 'createToken', 'revokeToken'] as const),
    ...(['mintAddress', 'mintAddresses', 'explainAddress', 'notify'] as const),
  ],
  queue: ['setPaused', 'findMatching', 'operateNamed', 'operateAll'],
} as const;

const asked = new Set<string>();

/** Has stores served from now on; in the end each action of the file was asked for. */
export function serveStores(file: keyof typeof SERVED): void {
  serves = true;
  after(() => {
    assert.deepEqual(
      SERVED[file].filter((name) => !asked.has(name)),
      [],
      'the daemon was asked for each',
    );
  });
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
