// Real IMAP servers for tests: what is the same of all of them.
//
// Contract: a server has everything below a scratch directory, listens on a free port of the loopback, and ends with the
// scratch. It has one user, whose folders are INBOX and the one to move to. `.ci/imap-servers DIR` unpacks the programs
// without installing them, since Debian lets one IMAP server alone be installed; `MAILGW_IMAP_SERVERS` names DIR.
// Failure: `missingServer` says what is not there; the tests skip with that sentence.
// Limits: they run as the user nobody, so starting one wants root.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { ImapClient } from './imap-client.ts';
import type { Scratch } from './scratch.ts';

const UNPACKED = process.env.MAILGW_IMAP_SERVERS ?? '/opt/mailgw-imap-servers';
const READY_WITHIN_MS = 20_000;

/** The user that they run as. */
export const NOBODY = { uid: 65_534, gid: 65_534 } as const;

/** An IMAP server. */
export interface ImapServer {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The folder that is read. */
  readonly inbox: string;
  /** The folder that messages may be moved to. */
  readonly done: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Works on its files by hand, while it does not run, such that INBOX has another UIDVALIDITY afterwards. */
  renumber(): Promise<void>;
}

/** The directory that a server's packages are unpacked in; the root where the system has the program itself. */
export function rootOf(server: string, program: string): string | undefined {
  return [join(UNPACKED, server), '/'].find((root) => existsSync(join(root, program)));
}

/** Says why a server cannot run here, or gives false: the value of a test's `skip`. */
export function missingServer(server: string, program: string): string | false {
  if (process.getuid?.() !== 0) return `unavailable: ${server} can only be started by root`;
  if (rootOf(server, program) !== undefined) return false;
  return `unavailable: no ${server} in ${UNPACKED}; .ci/imap-servers puts it there`;
}

/** The libraries of what was unpacked. */
export function libraryPath(root: string): NodeJS.ProcessEnv {
  const folders = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu', 'usr/lib'];
  return root === '/' ? {} : { LD_LIBRARY_PATH: folders.map((folder) => join(root, folder)).join(':') };
}

/** Waits until the user can log in. */
export async function takesLogin(
  server: Pick<ImapServer, 'port' | 'user' | 'password'>,
  output: () => string,
): Promise<void> {
  let problem: unknown;
  const look = async (): Promise<true | undefined> => {
    try {
      (await ImapClient.login(server.port, server.user, server.password)).close();
      return true;
    } catch (error) {
      problem = error;
      return undefined;
    }
  };
  await eventually(look, () => `a login: ${String(problem)}\n${output()}`, READY_WITHIN_MS);
}

/** Waits until the clock is at another second: servers make a UIDVALIDITY of it. */
export async function nextSecond(): Promise<void> {
  const second = (): number => Math.floor(Date.now() / 1000);
  const now = second();
  await eventually(
    () => (second() > now ? true : undefined),
    () => 'another second',
  );
}

/** A server with its files still to be made. */
interface Unprepared extends ImapServer {
  prepare(): Promise<void>;
}

/** Starts a server that ends with the scratch; `make` is given its directory, where its program is, and a port. */
export async function startServer(
  scratch: Scratch,
  name: string,
  program: string,
  make: (directory: string, root: string, port: number) => Unprepared,
): Promise<ImapServer> {
  const server = make(scratch.path(name), rootOf(name, program) ?? '/', await freePort());
  await server.prepare();
  scratch.defer(() => server.stop());
  await server.start();
  return server;
}
