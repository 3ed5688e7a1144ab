/**
 * The running daemon as commands ask it, through the socket beside its store.
 *
 * Contract: one request on a connection of its own, and its answer. Failure: the system's error where there is nobody to
 * ask, {@link Unanswered} where the daemon is there and does not answer in time.
 */
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { EXIT, Fault } from '../actions/fault.ts';
import { adminSocketPath } from '../api/admin.ts';
import type { Problem } from '../api/problem.ts';

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

/** Time for an answer: a reload opens what the new settings say. */
const ANSWER_MS = 60_000;

/** The silence of a daemon whose socket is there. */
export class Unanswered extends Error {
  constructor(socketPath: string, afterMs: number) {
    super(`mailgwd has not answered at ${socketPath} for ${afterMs / 1000} s`);
  }
}

/** Makes the fault that the daemon's action ended with. */
export function toFault({ detail, exit }: Problem): Fault {
  return exit === undefined ? new Fault(EXIT.unavailable, detail) : new Fault(exit.status, exit.problems);
}

/** Sends one request to the daemon's socket, and reads the answer. Rejects with the system's error, or {@link Unanswered}. */
export function exchange(
  storePath: string,
  { method, path, body }: DaemonRequest,
  withinMs = ANSWER_MS,
): Promise<DaemonAnswer> {
  const socketPath = adminSocketPath(storePath);
  const content = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = content === undefined ? {} : { 'content-type': 'application/json' };
    const asking = request({ socketPath, path, method, headers, agent: false });
    let unanswered: Unanswered | undefined;
    const deadline = setTimeout(() => {
      unanswered = new Unanswered(socketPath, withinMs);
      asking.destroy(unanswered);
    }, withinMs);
    const read = async (response: IncomingMessage): Promise<DaemonAnswer> => {
      const answered = await text(response);
      const status = response.statusCode ?? 0;
      return { status, body: answered === '' ? undefined : JSON.parse(answered) };
    };
    const end = (error: unknown): void => {
      clearTimeout(deadline);
      reject(unanswered ?? (error instanceof Error ? error : new Error(String(error))));
    };
    asking.on('error', end);
    asking.on('response', (response) => {
      read(response).then((answer) => {
        clearTimeout(deadline);
        resolve(answer);
      }, end);
    });
    asking.end(content);
  });
}
