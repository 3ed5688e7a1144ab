// A site that asks its own sinks who has an address, with the detour of outgoing mail and a mailbox behind it.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { type Daemon, type Row, type Settings, type SinkTable, startDaemon } from '../support/daemon.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { fieldsOf, startMailbox } from '../support/mailbox.ts';
import type { Scratch } from '../support/scratch.ts';

/** What a test says of its site. */
export interface AskingOptions {
  /** The module of the sinks. */
  readonly source: string;
  /** The `[sink]`, or the tables of several, by where the module is and the file that it may note things down in. */
  readonly sinks: (module: string, notes: string) => Settings[string] | readonly SinkTable[];
  readonly rule: { readonly field: string; readonly thread: string };
  readonly settings?: Settings;
}

/** The running site. */
export interface AskingSite {
  readonly daemon: Daemon;
  /** Sends a notification on its way to one recipient, the mailbox's nth; its Reply-To as it went on. */
  readonly notify: (notification: string, to: string, nth: number) => Promise<string | undefined>;
  /** What the sinks noted down, in order. */
  readonly noted: () => Row[];
}

/** Starts a site that asks; it goes with the scratch. */
export async function startAsking(
  t: TestContext,
  scratch: Scratch,
  { source, sinks, rule, settings = {} }: AskingOptions,
): Promise<AskingSite> {
  const mailbox = await startMailbox(scratch);
  const [module, notes] = [scratch.path('sink.mjs'), scratch.path('notes.jsonl')];
  writeFileSync(module, source, { mode: 0o644 });
  writeFileSync(notes, '');
  const outbound = scratch.path('outbound.sock');
  const tables = sinks(module, notes);
  const daemon = await startDaemon(scratch, {
    sink: { url: 'http://127.0.0.1:9/', secret: '' },
    ...(isList(tables) ? { sinks: tables } : { change: (before) => ({ ...before, sink: tables }) }),
    settings: {
      ...settings,
      outbound: { socket: outbound, relay: mailbox.server, users: 'ask', rule: [rule] },
    },
  });
  await daemon.ready();
  return {
    daemon,
    notify: async (notification, to, nth) => {
      const client = await LmtpClient.open(t, outbound);
      const [answer] = await client.deliver(notification, to);
      assert.match(String(answer), /^250 /);
      return fieldsOf(await mailbox.nthMail(nth), 'Reply-To')[0];
    },
    noted: () =>
      readFileSync(notes, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Row),
  };
}

function isList(tables: Settings[string] | readonly SinkTable[]): tables is readonly SinkTable[] {
  return Array.isArray(tables);
}
