/**
 * The admin's interface: HTTP on a Unix socket beside the store, for mailgw-ctl.
 *
 * Contract: `POST /reload` answers with {@link ReloadAnswer}, 200 when the configuration is taken and 422 when it is
 * refused; `POST /reload?yes` also takes what voids reply addresses that are out; `/v1` is the HTTP interface, and `/actions` what
 * commands have done (action-answers.ts). Whoever holds the store's lock makes the socket anew, in a directory where nobody else may make one, with mode 0600: so it is our daemon that
 * answers there, and its own user and root who may ask. No process id is recorded that could belong to another
 * process by now.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Reload, Reloaded } from '../site/changes.ts';

/** Where a reload is asked for that may void reply addresses. */
export const RELOAD_ALL_THE_SAME = '/reload?yes';

const PATHS: ReadonlySet<string> = new Set(['/reload', RELOAD_ALL_THE_SAME]);

/** Gives the path of the socket on which the daemon of a store serves. */
export function adminSocketPath(storePath: string): string {
  return `${storePath}.sock`;
}

/** One change as it is told; null where values are not. */
export interface ChangeRow {
  readonly key: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly effect: 'now' | 'after a restart';
}

/** The answer to a reload; `config` is the file that the daemon read. */
export type ReloadAnswer = { readonly config: string } & (
  | { readonly changes: readonly ChangeRow[] }
  | { readonly problems: readonly string[] }
);

/** Answers the HTTP interface, or the actions of commands; each is loaded with the first request for it. */
export type AnswerRest = (request: IncomingMessage, response: ServerResponse) => void;

/** Creates the server; it listens where it is made to. */
export function createAdminServer(
  config: string,
  reload: Reload,
  rest: Readonly<Record<'v1' | 'actions', AnswerRest>>,
): Server {
  return createServer((request, response) => {
    const [, room] = /^\/(v1|actions)(?:\/|$)/.exec(request.url ?? '') ?? [];
    if (room === 'v1' || room === 'actions') {
      rest[room](request, response);
      return;
    }
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
      response.end(`${JSON.stringify(body)}\n`);
    };
    request.resume();
    if (request.method !== 'POST' || !PATHS.has(request.url ?? '')) {
      answer(404, { problems: ['there are only POST /reload, /v1 and /actions'] });
      return;
    }
    void reload(request.url === RELOAD_ALL_THE_SAME).then((result) => {
      answer(result.ok ? 200 : 422, toAnswer(config, result));
    });
  });
}

function toAnswer(config: string, result: Reloaded): ReloadAnswer {
  if (!result.ok) return { config, problems: result.problems };
  const changes = result.changes.map(({ key, from, to, needsRestart }): ChangeRow => {
    return { key, from: from ?? null, to: to ?? null, effect: needsRestart ? 'after a restart' : 'now' };
  });
  return { config, changes };
}
