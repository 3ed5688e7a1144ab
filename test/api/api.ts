// A daemon with its HTTP interface on a free port, and a client that holds every answer to the OpenAPI document.

import type { TestContext } from 'node:test';
import { ApiClient } from '../support/api.ts';
import { type Daemon, type DaemonOptions, type Settings, startDaemon } from '../support/daemon.ts';
import { freePort } from '../support/free-port.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

/** A daemon, its platform, and clients by scope. */
export interface ApiHouse {
  readonly scratch: Scratch;
  readonly daemon: Daemon;
  readonly platform: Platform;
  readonly port: number;
  /** A client whose token is good for these scopes. */
  readonly client: (scopes: string) => Promise<ApiClient>;
  /** A client with every scope. */
  readonly all: ApiClient;
}

/** Every scope that there is. */
export const EVERY_SCOPE = 'mint,send,users,read,queue,events';

/** Starts a daemon with its interface. */
export async function startApi(
  t: TestContext,
  settings: Settings = {},
  more: Pick<DaemonOptions, 'tables' | 'environment'> = {},
): Promise<ApiHouse> {
  const scratch = testScratch(t);
  const platform = await startPlatform(scratch);
  const port = await freePort();
  const daemon = await startDaemon(scratch, {
    ...more,
    sink: platform.sink,
    settings: { ...settings, api: { listen: `127.0.0.1:${port}`, ...settings.api } },
  });
  let made = 0;
  const client = async (scopes: string): Promise<ApiClient> => {
    made += 1;
    const [row] = await daemon.ctl('token', 'create', `client-${made}`, '--scope', scopes);
    return new ApiClient({ port }, String(row?.token));
  };
  return { scratch, daemon, platform, port, client, all: await client(EVERY_SCOPE) };
}
