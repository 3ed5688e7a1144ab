/**
 * The running daemon as commands ask it, through the socket beside its store.
 *
 * Contract: where a daemon serves the store and has the HTTP interface on, that answers; elsewhere, or where this user may
 * not ask it, the command opens the store itself. The two give the same answers and the same faults.
 */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, EXIT, Fault, systemCode } from '../actions/fault.ts';
import { adminSocketPath } from '../api/admin.ts';
import type { Problem } from '../api/problem.ts';
import type { Config } from '../site/config.ts';

/** A request to the daemon. */
export interface DaemonRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

/** The daemon's answer: its status, and the JSON that it gave. */
export interface DaemonAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Codes of a socket behind which nobody serves, or not for this user. */
export const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'EACCES', 'ENOTSOCK']);

/** Asks the daemon; gives the JSON of a success, or undefined where there is no daemon to ask. */
export async function askDaemon({ api, store }: Config, asked: DaemonRequest): Promise<unknown> {
  // Elsewhere the daemon would have to load the interface for this, and keep 36 MB of it.
  if (api.listen === undefined) return undefined;
  const storePath = store.path;
  let answer: DaemonAnswer;
  try {
    answer = await exchange(storePath, asked);
  } catch (error) {
    if (ABSENT.has(systemCode(error) ?? '')) return undefined;
    throw new Fault(
      EXIT.unavailable,
      `store.path: ${storePath}: mailgwd cannot be asked: ${describe(error)}`,
      {
        cause: error,
      },
    );
  }
  if (answer.status < 400) return answer.body;
  throw toFault(answer.body as Problem);
}

/** Makes the fault that the daemon's action ended with. */
export function toFault({ detail, exit }: Problem): Fault {
  return exit === undefined ? new Fault(EXIT.unavailable, detail) : new Fault(exit.status, exit.problems);
}

/** Sends one request to the daemon's socket, and reads the answer. Rejects with the system's error. */
export function exchange(storePath: string, { method, path, body }: DaemonRequest): Promise<DaemonAnswer> {
  const socketPath = adminSocketPath(storePath);
  const content = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = content === undefined ? {} : { 'content-type': 'application/json' };
    const asking = request({ socketPath, path, method, headers, agent: false }, (response) => {
      text(response).then((answered) => {
        resolve({
          status: response.statusCode ?? 0,
          body: answered === '' ? undefined : JSON.parse(answered),
        });
      }, reject);
    });
    asking.on('error', reject);
    asking.end(content);
  });
}
