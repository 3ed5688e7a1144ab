/** The table of the HTTP interface: every route there is. */
import Type from 'typebox';
import { describeRoutes } from './openapi.ts';
import { type Route, route } from './route.ts';
import { ADDRESS_ROUTES } from './routes/addresses.ts';
import { ITEM_ROUTES } from './routes/items.ts';
import { lookRoutes } from './routes/looks.ts';
import { NOTIFICATION_ROUTES } from './routes/notifications.ts';
import { PAST_VERDICT_ROUTES } from './routes/past-verdicts.ts';
import { QUEUE_ROUTES } from './routes/queue.ts';
import { USER_ROUTES } from './routes/users.ts';
import type { Tickets } from './tickets.ts';

/** Lists every route. */
export function createRoutes(tickets: Tickets): readonly Route[] {
  const routes: Route[] = [
    ...ADDRESS_ROUTES,
    ...NOTIFICATION_ROUTES,
    ...USER_ROUTES,
    ...ITEM_ROUTES,
    ...QUEUE_ROUTES,
    ...PAST_VERDICT_ROUTES,
    ...lookRoutes(tickets),
  ];
  let document: unknown;
  routes.push(
    route({
      operation: 'getOpenApi',
      method: 'GET',
      path: '/v1/openapi.json',
      scope: 'none',
      tag: 'document',
      summary: 'Give this document',
      answers: { 200: { doc: 'OpenAPI 3.1.', schema: Type.Unknown() } },
      run: () => ({ status: 200, body: (document ??= describeRoutes(routes)) }),
    }),
  );
  return routes;
}
