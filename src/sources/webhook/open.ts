/** The webhook source as a site configures it: on a listener of its own, or on the HTTP interface's. */
import { createServer, type Server } from 'node:http';
import { listenAt } from '../../system/endpoint.ts';
import type { Intake, OpenSource } from '../source.ts';
import type { WebhookSections } from './settings.ts';
import { DEAF, WebhookSource } from './source.ts';

/** Time for the header of a request to arrive. */
const HEADER_MS = 15_000;

/** Connections of each call that may be under way: a proxy keeps some open. */
const CONNECTIONS = 8;

/** Opens the source. */
export const openWebhook: OpenSource<WebhookSections> = (intake) => openWebhookAt(intake, Date.now);

/** Opens the source by a clock; `now` gives milliseconds since the epoch. */
export async function openWebhookAt(
  intake: Intake<WebhookSections>,
  now: () => number,
): Promise<WebhookSource> {
  const { config, log, follow } = intake;
  const server = config().inbound.listen === undefined ? undefined : createOwnServer();
  const source = new WebhookSource(intake, { server, now });
  let opened: Promise<void> | undefined;
  follow('webhook', () => {
    opened = source.renew();
  });
  await opened;
  if (server === undefined && config().api.listen === undefined) log('webhook_broken', { reason: DEAF });
  if (server !== undefined) {
    server.on('request', source.serve);
    follow('inbound', () => {
      server.maxConnections = config().inbound.maxConcurrent * CONNECTIONS;
    });
    const place = await listenAt(server, 'inbound', config().inbound);
    log('listening', { service: 'inbound', socket: place });
  }
  return source;
}

function createOwnServer(): Server {
  const server = createServer();
  server.headersTimeout = HEADER_MS;
  server.requestTimeout = 0; // inbound.body_timeout cuts the body off
  return server;
}
