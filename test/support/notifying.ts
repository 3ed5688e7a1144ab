// A daemon that sends notifications to a mailbox, and platforms that hand them over.

import { TOOL } from './command.ts';
import { type Daemon, type Row, type Settings, startDaemon } from './daemon.ts';
import { eventually } from './eventually.ts';
import { NO_SINK } from './intake.ts';
import { type Mailbox, startMailbox } from './mailbox.ts';
import { run } from './process.ts';
import type { Scratch } from './scratch.ts';
import { ALICE } from './site.ts';

/** A daemon that knows alice, and the mail server that it sends by. */
export interface Notifying {
  readonly daemon: Daemon;
  readonly mailbox: Mailbox;
}

/** Starts a daemon whose mail goes to a mailbox. */
export async function startNotifying(scratch: Scratch, settings: Settings = {}): Promise<Notifying> {
  const mailbox = await startMailbox(scratch);
  const daemon = await startDaemon(scratch, {
    sink: NO_SINK,
    settings: { ...settings, outbound: { relay: mailbox.server } },
  });
  await daemon.addUser(ALICE.user, ALICE.address);
  return { daemon, mailbox };
}

/** Hands notifications to alice over, each in a thread of its own; the rows that answered. */
export async function handOver(daemon: Daemon, threads: readonly string[]): Promise<readonly Row[]> {
  const lines = threads.map((thread) =>
    JSON.stringify({
      user: ALICE.user,
      thread,
      subject: thread,
      text: `About ${thread}.`,
      idempotency_key: thread,
    }),
  );
  const words = [TOOL, '--config', daemon.config, '--json', 'notify'];
  const { code, stdout, stderr } = await run(process.execPath, words, `${lines.join('\n')}\n`);
  if (code !== 0) throw new Error(`notify: exit ${String(code)}\n${stderr}`);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
}

/** The notification, as soon as it is as wanted. */
export async function notification(daemon: Daemon, id: unknown, wanted: (row: Row) => boolean): Promise<Row> {
  const look = async (): Promise<Row | undefined> =>
    (await daemon.ctl('notification', 'show', String(id))).find(wanted);
  return await eventually(look, () => daemon.log());
}
