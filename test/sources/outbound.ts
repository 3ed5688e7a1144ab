// The listener for mail on its way out, opened in the test's own process on a scripted relay.

import { createHash } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { PlanStamps } from '../../src/mail/stamping.ts';
import type { LogEvent, LogFields } from '../../src/observe/log.ts';
import { Meter } from '../../src/observe/meter.ts';
import { openOutbound } from '../../src/sources/outbound/open.ts';
import type { RelayTimes } from '../../src/sources/outbound/relay.ts';
import type { Source } from '../../src/sources/source.ts';
import { configOf, LEAST } from '../config/least.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { type ScriptedRelay, startRelay } from '../support/relay.ts';
import { testScratch } from '../support/scratch.ts';

/** The listener with all that is around it. */
export interface OutboundBench {
  readonly relay: ScriptedRelay;
  readonly socket: string;
  readonly source: Source;
  readonly meter: Meter;
  readonly events: { readonly event: LogEvent; readonly fields: LogFields }[];
  /** What plans the stamps; nothing is stamped as long as the test does not say so. */
  plan: PlanStamps;
}

/** What a test may choose. */
export interface OutboundOptions {
  readonly relayPath?: string;
  readonly times?: RelayTimes;
  /** Lines of the configuration. */
  readonly more?: string;
}

/** Stamps nothing. */
export const NO_STAMPS: PlanStamps = async () =>
  Promise.resolve({ copies: [], otherwise: 'no-notification', remember: undefined });

/** Opens the listener for one test. */
export async function openBench(t: TestContext, options: OutboundOptions = {}): Promise<OutboundBench> {
  const scratch = testScratch(t);
  const relay = await startRelay(t, options.relayPath);
  const socket = scratch.path('outbound.sock');
  const config = configOf(
    `${LEAST}\n[outbound]\nsocket = "${socket}"\nrelay = "${relay.place}"\n${options.more ?? ''}`,
  );
  const meter = new Meter();
  const events: OutboundBench['events'] = [];
  const source = await openOutbound({
    config: () => config,
    log: (event, fields = {}) => events.push({ event, fields }),
    meter,
    plan: () => bench.plan,
    ...(options.times === undefined ? {} : { times: options.times }),
  });
  t.after(() => source.stop(0));
  const bench: OutboundBench = { relay, socket, source, meter, events, plan: NO_STAMPS };
  return bench;
}

/** Says MAIL, RCPT and DATA, the content and its end; the replies to the end. */
export async function relayed(
  client: LmtpClient,
  raw: Buffer | string,
  {
    from = '<tracker@example.org>',
    to = ['<alice@example.com>'],
  }: { from?: string; to?: readonly string[] } = {},
): Promise<string[]> {
  const lines = [`MAIL FROM:${from}`, ...to.map((path) => `RCPT TO:${path}`), 'DATA'];
  const replies = await client.sayAll(...lines);
  if (replies.at(-1)?.startsWith('354') !== true) throw new Error(client.dialogue);
  client.write(stuffed(Buffer.from(raw)));
  client.write('.\r\n');
  return await client.replies(to.length);
}

/** Opens a connection, says LHLO and sends one message; the replies to its end. */
export async function relayOne(
  t: TestContext,
  bench: OutboundBench,
  raw: Buffer | string,
  envelope: { from?: string; to?: readonly string[] } = {},
): Promise<string[]> {
  const client = await LmtpClient.open(t, bench.socket);
  const replies = await relayed(client, raw, envelope);
  client.vanish();
  return replies;
}

/** Adds a dot to each line that begins with one; a line ends at CRLF, and so does what comes out. */
export function stuffed(raw: Buffer): Buffer {
  const text = raw.toString('latin1').replaceAll('\r\n.', '\r\n..');
  const whole = text === '' || text.endsWith('\r\n') ? text : `${text}\r\n`;
  return Buffer.from(whole.startsWith('.') ? `.${whole}` : whole, 'latin1');
}

/** Takes the SHA-256 of a message. */
export function digest(raw: Uint8Array): string {
  return createHash('sha256').update(raw).digest('hex');
}

/** The value of a counter. */
export function counted(meter: Meter, outcome: string): number {
  const samples = meter.samples('mailgw_outbound_messages_total');
  return samples.find(({ labels }) => labels['outcome'] === outcome)?.value ?? 0;
}
