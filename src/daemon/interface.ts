/**
 * The HTTP interface as a site configures it: on `api.listen` with tokens, and on the daemon's own socket without.
 *
 * Contract: its code is loaded where `api.listen` is set, or with the first request on the own socket.
 * Failure: a place that cannot be listened on ends the start; a request that fails is answered and logged.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AnswerRest } from '../api/admin.ts';
import type { EventStream } from '../api/event-stream.ts';
import type { Inside } from '../api/route.ts';
import type { Api } from '../api/server.ts';
import type { Doubts } from '../site/doubts.ts';
import type { SecretSession } from '../site/session.ts';
import { listViews, syncSource } from '../sources/catalogue.ts';
import type { Source } from '../sources/source.ts';
import { errorText } from '../system/error-text.ts';
import type { Ground } from './ground.ts';
import { listenOn } from './listening.ts';

/** Time for the header of a request to arrive. */
const HEADER_MS = 15_000;

/** Opens the interface; gives what answers on the daemon's own socket: the interface itself, and the actions of commands. */
export async function openInterface(
  ground: Ground,
  sources: ReadonlyMap<string, Source>,
  sender: { wake(): void },
  { doubt, trouble }: Doubts,
): Promise<Readonly<Record<'v1' | 'actions', AnswerRest>>> {
  const { site, store, log, life } = ground;
  const session = (): SecretSession => {
    return { config: site.config, store, peppers: site.setup.settings.peppers };
  };
  const onFault = (reason: string): void => {
    log('request_failed', { reason });
  };
  const notified = (): void => {
    sender.wake();
  };
  let stream: Promise<EventStream> | undefined;
  const open = async (isOwn: boolean): Promise<Api> => {
    const { createApi } = await import('../api/server.ts');
    stream ??= followEvents(ground);
    const inside: Inside = {
      session,
      events: await stream,
      sources: () => listViews(sources),
      sync: (name) => syncSource(sources, name),
      notified,
    };
    const api = await createApi({ inside, isOwn, onFault });
    life.ends(() => api.close());
    return api;
  };
  if (site.config.api.listen !== undefined) await serve(ground, await open(false), sources);
  let own: Promise<Api> | undefined;
  const answerBy = (response: ServerResponse, answer: () => Promise<unknown>): void => {
    answer().catch((error: unknown) => {
      onFault(errorText(error));
      response.writeHead(500).end();
    });
  };
  return {
    v1: (request, response) => {
      answerBy(response, async () => {
        own ??= open(true);
        (await own).answer(request, response);
      });
    },
    actions: (request, response) => {
      answerBy(response, async () => {
        const { answerAction } = await import('../api/action-answers.ts');
        // Asked anew: what was wrong may have been mended, and no address has come since.
        const troubled = async (): Promise<string | undefined> => (await doubt?.())?.why ?? trouble();
        await answerAction({ ...session(), notified }, request, response, { trouble: troubled, onFault });
      });
    },
  };
}

async function followEvents({ hear, life }: Ground): Promise<EventStream> {
  const { EventStream } = await import('../api/event-stream.ts');
  const events = new EventStream();
  hear(events.hear);
  life.ends(() => {
    events.close();
  });
  return events;
}

async function serve(
  { site, log, life }: Ground,
  api: Api,
  sources: ReadonlyMap<string, Source>,
): Promise<void> {
  const { maxConnections } = site.config.api;
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const isTaken = [...sources.values()].some((source) => source.answer?.(request, response) === true);
    if (!isTaken) api.answer(request, response);
  });
  server.maxConnections = maxConnections;
  server.headersTimeout = HEADER_MS;
  server.requestTimeout = 60_000;
  await listenOn(server, 'api', site.config, log);
  life.ends(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    // Who is being answered gets the answer; who follows the events is cut off.
    setTimeout(() => {
      server.closeAllConnections();
    }, 1000).unref();
    await closed;
  });
}
