// The webhook source on a listener of its own, with a real gate and store behind it.
//
// Contract: it listens on a free port of the loopback and ends with the test; what it logs and what it accepts can be
// looked at.
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { TestContext } from 'node:test';
import type { LogEvent, LogFields } from '../../src/observe/log.ts';
import { Meter } from '../../src/observe/meter.ts';
import type { Config } from '../../src/site/config.ts';
import { openWebhookAt } from '../../src/sources/webhook/open.ts';
import type { WebhookSource } from '../../src/sources/webhook/source.ts';
import { configOf, LEAST } from '../config/least.ts';
import { openGate, type TestGate } from '../gate/gate.ts';
import { testScratch } from './scratch.ts';

/** A source that listens. */
export interface Listening {
  readonly source: WebhookSource;
  /** Its origin. */
  readonly origin: string;
  readonly config: Config;
  readonly test: TestGate;
  readonly events: readonly { readonly event: LogEvent; readonly fields: LogFields }[];
}

/** Opens the source with these tables, the TOML of `[[webhook]]`; `inbound` are lines of that section. */
export async function listenTo(t: TestContext, tables: string, inbound = ''): Promise<Listening> {
  const test = await openGate(t, { now: Date.now });
  const scratch = testScratch(t);
  const port = await freePort();
  const config = configOf(
    `${LEAST}\n[store]\npath = "${scratch.path('mailgw.db')}"\n[inbound]\nlisten = "127.0.0.1:${port}"\n${inbound}\n${tables}`,
  );
  const events: { event: LogEvent; fields: LogFields }[] = [];
  const source = await openWebhookAt(
    {
      config: () => config,
      gate: () => test.gate,
      log: (event, fields = {}) => events.push({ event, fields }),
      meter: new Meter(),
      count: () => undefined,
      mailboxes: test.store,
      follow: (_section, changed) => {
        changed();
      },
    },
    Date.now,
  );
  t.after(() => source.stop(0));
  return { source, origin: `http://127.0.0.1:${port}`, config, test, events };
}

/** Gives a port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
