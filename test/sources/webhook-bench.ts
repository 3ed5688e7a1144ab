// The webhook source with one provider of each kind, on a real gate with a real store, and a client that posts to it.

import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { TestContext } from 'node:test';
import type { Gate, GateOptions } from '../../src/gate/gate.ts';
import type { LogEvent, LogFields } from '../../src/observe/log.ts';
import { Meter } from '../../src/observe/meter.ts';
import type { Config } from '../../src/site/config.ts';
import { openWebhookAt } from '../../src/sources/webhook/open.ts';
import type { WebhookSource } from '../../src/sources/webhook/source.ts';
import { configOf, LEAST } from '../config/least.ts';
import { itemsIn, message, openGate, START, type TestGate } from '../gate/gate.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import {
  type CallMail,
  type KeyPair,
  mailgunCall,
  newKey,
  newKeyPair,
  newSecret,
  postmarkCall,
  postmarkEvent,
  rawCall,
  sendgridForm,
  signMailgun,
  signSendgrid,
  signStandard,
  type WireCall,
} from './webhook-calls.ts';

/** The kinds that bring the mail with the call. */
export const DIRECT_KINDS = ['sendgrid', 'mailgun', 'postmark', 'raw'] as const;

/** A kind of them. */
export type DirectKind = (typeof DIRECT_KINDS)[number];

/** The secrets of the bench's providers, by the names of their sources. */
export interface Keys {
  readonly sendgrid: KeyPair;
  readonly mailgun: string;
  readonly postmark: string;
  readonly raw: string;
  /** Of a second source of the same kind. */
  readonly otherRaw: string;
}

/** Makes secrets. */
export function newKeys(): Keys {
  return {
    sendgrid: newKeyPair(),
    mailgun: newKey(),
    postmark: `mailgw:${newKey()}`,
    raw: newSecret(),
    otherRaw: newSecret(),
  };
}

/** Writes a secret into a file for its owner alone; its path. */
export function secretFile(scratch: Scratch, name: string, text: string): string {
  writeFileSync(scratch.path(name), `${text}\n`, { mode: 0o600 });
  return scratch.path(name);
}

/** Writes the tables of the bench's providers. */
export function tablesOf(scratch: Scratch, keys: Keys): string {
  const table = (name: string, kind: string, secret: string, more = ''): string =>
    `[[webhook]]\nname = "${name}"\nkind = "${kind}"\nsecret_file = "${secretFile(scratch, `${name}.secret`, secret)}"\n${more}`;
  return [
    table('sendgrid', 'sendgrid', keys.sendgrid.publicText),
    table('mailgun', 'mailgun', keys.mailgun),
    table('postmark', 'postmark', keys.postmark),
    table('raw', 'raw', keys.raw),
    table('other', 'raw', keys.otherRaw),
  ].join('');
}

/** The answer to a call; undefined status where the connection ended without one. */
export interface CallAnswer {
  readonly status: number | undefined;
  readonly text: string;
  readonly fields: Readonly<Record<string, string | string[] | undefined>>;
}

/** Sends a call to a Unix socket, or to a port of the loopback. */
export function sendCall(place: string | number, call: WireCall): Promise<CallAnswer> {
  return new Promise((resolve) => {
    const where = typeof place === 'string' ? { socketPath: place } : { host: '127.0.0.1', port: place };
    const outgoing = request(
      { ...where, method: call.method ?? 'POST', path: call.path, agent: false },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        const end = (): void => {
          resolve({
            status: response.statusCode,
            text: Buffer.concat(pieces).toString().trim(),
            fields: response.headers,
          });
        };
        response.once('end', end);
        response.once('error', end);
      },
    );
    outgoing.once('error', () => {
      resolve({ status: undefined, text: '', fields: {} });
    });
    const names = new Set(call.fields.map(([name]) => name));
    for (const name of names) {
      const values = call.fields.filter((field) => field[0] === name).map(([, value]) => value);
      outgoing.setHeader(name, values.length === 1 ? (values[0] ?? '') : values);
    }
    if (!names.has('content-length')) outgoing.setHeader('content-length', call.body.length);
    outgoing.end(call.body);
  });
}

/** A bench. */
export interface WebhookBench {
  readonly test: TestGate;
  readonly source: WebhookSource;
  readonly socket: string;
  readonly scratch: Scratch;
  readonly keys: Keys;
  readonly clock: { now: number };
  readonly events: { readonly event: LogEvent; readonly fields: LogFields }[];
  readonly meter: Meter;
  /** Puts another gate in force. */
  use(gate: Gate): void;
  /** Puts another configuration in force, as a reload does. */
  reload(text: string): Promise<void>;
  post(call: WireCall): Promise<CallAnswer>;
  /** A genuine call of a kind, now. */
  genuine(kind: DirectKind, mail: CallMail): WireCall;
  /** A mail to a new address of ours. */
  mail(): Promise<CallMail>;
  /** Counts the items in the store. */
  items(): Promise<number>;
}

/** What a test may choose. */
export interface BenchOptions {
  /** What the gate goes by, where it matters. */
  readonly gate?: Partial<GateOptions>;
  /** Keys of `[inbound]`. */
  readonly inbound?: string;
  /** Tables in the place of those of the bench. */
  readonly tables?: (scratch: Scratch) => string;
}

/** The path of a source of the bench. */
export const PATHS: Readonly<Record<DirectKind, string>> = {
  sendgrid: '/in/sendgrid',
  mailgun: '/in/mailgun/mime',
  postmark: '/in/postmark',
  raw: '/in/raw',
};

/** Makes a genuine call. */
export function genuineCall(keys: Keys, kind: DirectKind, mail: CallMail, at: number): WireCall {
  const path = PATHS[kind];
  switch (kind) {
    case 'sendgrid':
      return signSendgrid(path, sendgridForm(mail), keys.sendgrid.privateKey, at);
    case 'mailgun':
      return mailgunCall(path, mail, signMailgun(keys.mailgun, at));
    case 'postmark':
      return postmarkCall(path, postmarkEvent(mail), keys.postmark);
    case 'raw':
      return signStandard(rawCall(path, mail), keys.raw, at);
  }
}

/** Opens a bench. */
export async function openBench(t: TestContext, options: BenchOptions = {}): Promise<WebhookBench> {
  const scratch = testScratch(t);
  const test = await openGate(t, options.gate);
  const keys = newKeys();
  const socket = scratch.path('inbound.sock');
  const state = scratch.path('state');
  mkdirSync(state);
  const read = (tables: string): Config =>
    configOf(
      `${LEAST}\n[store]\npath = "${state}/mailgw.db"\n[inbound]\nlisten = "unix:${socket}"\n${options.inbound ?? ''}\n${tables}`,
    );
  let config = read(options.tables?.(scratch) ?? tablesOf(scratch, keys));
  let { gate } = test;
  const clock = { now: START * 1000 };
  const events: WebhookBench['events'] = [];
  const meter = new Meter();
  const source = await openWebhookAt(
    {
      config: () => config,
      gate: () => gate,
      log: (event, fields = {}) => events.push({ event, fields }),
      meter,
      count: () => undefined,
      mailboxes: test.store,
      follow: (_section, changed) => {
        changed();
      },
    },
    () => clock.now,
  );
  scratch.defer(() => source.stop(0));
  return {
    ...{ test, source, socket, scratch, keys, clock, events, meter },
    use: (next) => {
      gate = next;
    },
    reload: async (tables) => {
      config = read(tables);
      await source.renew();
    },
    post: (call) => sendCall(socket, call),
    genuine: (kind, mail) => genuineCall(keys, kind, mail, clock.now),
    mail: async () => ({ raw: message(), to: [await test.sealed()] }),
    items: async () => (await itemsIn(test)).length,
  };
}
