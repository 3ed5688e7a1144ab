// Mailboxes as the daemon reads them, on a real gate with a real store, and a mailbox of Dovecot's.
//
// Contract: everything ends with the test. `quiet` resolves when a reader serves and has nothing left to do.

import type { TestContext } from 'node:test';
import type { GateOptions } from '../../src/gate/gate.ts';
import type { LogEvent, LogFields } from '../../src/observe/log.ts';
import { Meter } from '../../src/observe/meter.ts';
import type { Config } from '../../src/site/config.ts';
import { type ImapOptions, Mailreading } from '../../src/sources/imap/open.ts';
import { markOf } from '../../src/sources/imap/rival.ts';
import type { ImapConfig } from '../../src/sources/imap/settings.ts';
import type { Intake, SourceView } from '../../src/sources/source.ts';
import { configOf, LEAST } from '../config/least.ts';
import { itemsIn, openGate, type TestGate } from '../gate/gate.ts';
import type { Dovecot } from '../support/dovecot.ts';
import { eventually } from '../support/eventually.ts';

/** A mailbox as these tests configure it, on no host yet. */
export const MAILBOX: ImapConfig = {
  name: 'replies',
  authservId: '',
  ownReceived: 0,
  ownHosts: [],
  recipientHeaders: ['Delivered-To', 'X-Original-To'],
  spamHeaders: [],
  host: '127.0.0.1',
  port: 0,
  tls: 'off',
  caFile: undefined,
  user: 'replies',
  passwordFile: undefined,
  tokenCommand: [],
  folder: 'INBOX',
  after: 'seen',
  refusedTo: '',
  since: 'all',
};

/** A mailbox on a Dovecot. Its password is printed, as a token would be; a file of it is for tests of files. */
export function mailboxOf(
  dovecot: Dovecot,
  passwordFile: string,
  change: Partial<ImapConfig> = {},
): ImapConfig {
  return { ...MAILBOX, port: dovecot.port, user: dovecot.user, passwordFile, ...change };
}

let folders = 0;

/** Makes a folder that no other test of the file has; its name. */
export async function newFolder(dovecot: Dovecot): Promise<string> {
  folders += 1;
  const name = `new${folders}`;
  const client = await dovecot.connect();
  await client.ask(`CREATE ${name}`);
  client.end();
  return name;
}

/** What was logged. */
export interface Logged {
  readonly event: LogEvent;
  readonly fields: LogFields;
}

/** Mailboxes that are read, with all that is behind them. */
export interface ImapBench {
  readonly test: TestGate;
  readonly intake: Intake<Config>;
  readonly events: readonly Logged[];
  readonly verdicts: readonly string[];
  readonly meter: Meter;
  /** Opens the mailboxes as a start of the daemon does; a second time after a stop. */
  open(options?: ImapOptions): Mailreading;
  /** Puts other mailboxes into the configuration. */
  configure(...mailboxes: readonly ImapConfig[]): void;
}

/** Opens a bench with these mailboxes configured; nothing reads them yet. */
export async function imapBench(
  t: TestContext,
  mailboxes: readonly ImapConfig[],
  options: Partial<GateOptions> = {},
  settings = '',
): Promise<ImapBench> {
  const test = await openGate(t, options);
  const events: Logged[] = [];
  const verdicts: string[] = [];
  let config: Config = { ...configOf(LEAST + settings), imap: { each: mailboxes } };
  const meter = new Meter();
  const intake: Intake<Config> = {
    config: () => config,
    gate: () => test.gate,
    log: (event, fields = {}) => events.push({ event, fields }),
    meter,
    count: (verdict, reason) => verdicts.push(`${verdict} ${reason}`),
    mailboxes: test.store,
    follow: (_section, changed) => {
      changed();
    },
  };
  const configure = (...next: readonly ImapConfig[]): void => {
    config = { ...config, imap: { each: next } };
  };
  const open = (choice: ImapOptions = {}): Mailreading => {
    const source = new Mailreading(intake, { owner: 'this host', ...choice });
    t.after(() => source.stop(5000));
    source.change();
    return source;
  };
  return { test, intake, events, verdicts, meter, open, configure };
}

/** Waits until so many items are in the store; gives their Message-IDs, sorted. */
export async function taken({ test, events }: ImapBench, count: number): Promise<string[]> {
  const ids = async (): Promise<string[] | undefined> => {
    const items = await itemsIn(test);
    return items.length >= count ? items.map(({ messageId }) => messageId ?? '').sort() : undefined;
  };
  return await eventually(ids, () => JSON.stringify(events.slice(-5)));
}

/** Waits until a mailbox is in a state. */
export async function standing(source: Mailreading, state: SourceView['state']): Promise<SourceView> {
  const look = (): SourceView | undefined => source.views().find((view) => view.state === state);
  return await eventually(look, () => JSON.stringify(source.views()));
}

/** The keyword of this installation. */
export const ownMark = async ({ test }: ImapBench): Promise<string> =>
  markOf(await test.store.installation(0));

/** Waits until nothing of a mailbox is open: no message put off, none to be marked. */
export async function settled({ test }: ImapBench, name = 'replies'): Promise<void> {
  await eventually(
    async () => ((await test.store.openMessages(name)).length === 0 ? true : undefined),
    () => 'messages are open',
  );
}
