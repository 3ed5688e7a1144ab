/**
 * How fast a mailbox that has filled up is caught up with, beside a plain client that reads the same folder.
 *
 * Contract: a fresh daemon on the real disk and a Dovecot of its own. The plain client asks for one message after the
 * other, keeps none, and marks none: what reading costs without taking. Failure: without Dovecot it is left out.
 */
import { dovecotUnavailable } from '../support/dovecot.ts';
import { type CaughtUp, fillMailbox } from '../support/full-mailbox.ts';
import { ImapClient } from '../support/imap-client.ts';
import { Scratch } from '../support/scratch.ts';
import type { Table } from './report.ts';

/** What was measured. */
export interface Catching extends CaughtUp {
  readonly messages: number;
  /** What the plain client took for the same messages. */
  readonly plainSeconds: number;
}

const [MESSAGES, QUICK_MESSAGES] = [20_000, 2000];

/** Measures; a quick run has a tenth of the messages. Gives why it was left out, where it was. */
export async function measureMailbox(isQuick: boolean): Promise<Catching | { readonly missing: string }> {
  const missing = dovecotUnavailable();
  if (missing !== false) return { missing };
  const messages = isQuick ? QUICK_MESSAGES : MESSAGES;
  const scratch = new Scratch();
  try {
    const { dovecot, catchUp } = await fillMailbox(scratch, messages);
    const plainSeconds = await readPlainly(dovecot);
    return { messages, plainSeconds, ...(await catchUp()) };
  } finally {
    scratch.note({ passed: true });
    await scratch.close();
  }
}

/** Reads every message of the inbox once; gives the seconds. */
async function readPlainly(server: {
  readonly port: number;
  readonly user: string;
  readonly password: string;
}): Promise<number> {
  const client = await ImapClient.login(server.port, server.user, server.password);
  // The first look has Dovecot index the folder, which is nobody's reading.
  await client.select('INBOX');
  const begun = performance.now();
  const found = await client.command('UID SEARCH ALL');
  for (const uid of found.join(' ').match(/\d+/g) ?? [])
    await client.command(`UID FETCH ${uid} (BODY.PEEK[])`);
  const seconds = (performance.now() - begun) / 1000;
  client.close();
  return seconds;
}

/** A floor or a bound of catching up, beside what was measured. */
export interface MailboxVerdict {
  readonly what: string;
  readonly measured: number;
  readonly wanted: number;
  readonly met: boolean;
}

/** Messages a second at least, and bytes of memory at most. */
const [LEAST_RATE, MOST_BYTES] = [200, 200e6];

/** Holds what was measured against the floor of the rate and the bound of the memory. */
export function mailboxVerdicts({ messages, takenSeconds, peakBytes }: Catching): readonly MailboxVerdict[] {
  const rate = messages / takenSeconds;
  const verdict = (what: string, measured: number, wanted: number, met: boolean): MailboxVerdict => {
    return { what, measured, wanted, met };
  };
  return [
    verdict('messages a second, taken', rate, LEAST_RATE, rate >= LEAST_RATE),
    verdict('greatest memory, MB', peakBytes / 1e6, MOST_BYTES / 1e6, peakBytes <= MOST_BYTES),
  ];
}

/** The figures beside what the design wants. */
export function mailboxTable(found: Catching): Table {
  const { messages, takenSeconds, markedSeconds, plainSeconds } = found;
  return {
    title: 'Catching up with a mailbox',
    about: `A mailbox of ${messages.toLocaleString('en')} replies of 4 KB on Dovecot, read by a fresh daemon, from its start; beside it a client that reads them one by one and keeps none.`,
    head: ['', 'measured', 'wanted', ''],
    textColumns: 1,
    rows: [
      ...mailboxVerdicts(found).map(({ what, measured, wanted, met }) => {
        return [what, measured.toFixed(0), wanted.toFixed(0), met ? 'met' : 'MISSED'];
      }),
      ['messages a second, taken and marked', (messages / markedSeconds).toFixed(0), '–', ''],
      ['the plain client, messages a second', (messages / plainSeconds).toFixed(0), '–', ''],
      ['taking ÷ reading plainly', (plainSeconds / takenSeconds).toFixed(2), '–', ''],
    ],
  };
}
